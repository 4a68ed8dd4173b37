//! No column comes into the schema unnoticed, and none holds personal data in clear.

use std::{fs, path::Path};

use vutf_store_seaorm::classification::{ColumnClass, class_of, sounds_personal, tables};

use crate::world::World;

on_both!(
    every_column_is_classified_and_what_is_sealed_is_bytes,
    a_personal_column_in_clear_is_noticed
);

/// Table, column and type of every column that the migrations made.
async fn columns(world: &World) -> Vec<[String; 3]> {
    let sql = if world.is_postgres() {
        "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name <> 'seaql_migrations' \
         AND NOT EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass(quote_ident(table_name))) ORDER BY 1, 2"
    } else {
        "SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'seaql_migrations' ORDER BY 1, 2"
    };
    let rows = world.rows(sql).await;
    rows.iter()
        .map(|row| [0, 1, 2].map(|at| row.try_get_by_index(at).unwrap()))
        .collect()
}

/// What is wrong with a column, if anything is.
fn problem([table, column, of_type]: &[String; 3]) -> Option<String> {
    let place = format!("{table}.{column}");
    let Some(class) = class_of(table, column) else {
        return Some(format!("{place} is not classified"));
    };
    let bytes = ["bytea", "blob"].contains(&of_type.to_lowercase().as_str());
    if class.is_bytes() && !bytes {
        return Some(format!("{place} is to be {class:?} and holds {of_type}"));
    }
    if sounds_personal(column) && !class.is_answered_for() {
        return Some(format!("{place} sounds personal and is {class:?}"));
    }
    let named_sealed = column.ends_with("_ct");
    let sealed = matches!(class, ColumnClass::Sealed | ColumnClass::SealedElsewhere);
    (named_sealed && !sealed).then(|| format!("{place} has the name of a ciphertext"))
}

async fn every_column_is_classified_and_what_is_sealed_is_bytes(world: World) {
    let columns = columns(&world).await;
    let problems: Vec<String> = columns.iter().filter_map(problem).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    for (table, classes) in tables() {
        for (column, _) in *classes {
            let is_there = columns.iter().any(|[t, c, _]| t == table && c == column);
            assert!(is_there, "{table}.{column} is classified and not there");
        }
    }
}

async fn a_personal_column_in_clear_is_noticed(world: World) {
    for (sql, expected) in [
        (
            "ALTER TABLE users ADD COLUMN birth_date TEXT",
            "users.birth_date is not classified",
        ),
        (
            "ALTER TABLE users ADD COLUMN fax_ct TEXT",
            "users.fax_ct is not classified",
        ),
        ("CREATE TABLE letters (id TEXT)", "letters.id is not classified"),
    ] {
        world.sql(sql).await;
        let problems: Vec<String> = columns(&world).await.iter().filter_map(problem).collect();
        assert!(problems.contains(&expected.to_owned()), "{problems:?}");
    }
    let column = |name: &str, of_type: &str| ["users", name, of_type].map(str::to_owned);
    assert!(
        problem(&column("email_ct", "TEXT"))
            .unwrap()
            .contains("holds TEXT")
    );
    assert_eq!(problem(&column("email_ct", "bytea")), None);
}

/// An entity that held a sealed column as plain bytes could be given anything.
#[test]
fn no_entity_holds_a_sealed_column_as_plain_bytes() {
    let entities = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/entity");
    let mut seen = 0;
    for (table, classes) in tables() {
        let Ok(source) = fs::read_to_string(entities.join(format!("{table}.rs"))) else {
            continue;
        };
        for (column, class) in *classes {
            let field = format!("pub(crate) {column}: ");
            let Some(line) = source.lines().find(|line| line.contains(&field)) else {
                continue;
            };
            // Several ciphertexts encoded as one have a form of their own.
            let encoded = (*table, *column) == ("audit_intake", "parts");
            if *class == ColumnClass::Sealed && !encoded {
                assert!(line.contains("Encrypted<"), "{table}: {line}");
                seen += 1;
            } else {
                assert!(!line.contains("Encrypted<"), "{table}: {line}");
            }
        }
    }
    assert_eq!(seen, 16);
}
