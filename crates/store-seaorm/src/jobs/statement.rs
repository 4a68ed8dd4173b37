//! The SQL of the jobs: one text for both databases, from names that this crate declares.

use sea_orm::{DbBackend, Value};
use vutf_crypto_keys::job::SealedTable;

use crate::sealed_columns::Columns;

/// A statement that is being put together: `$1`, `$2`, … in the order of their values.
#[derive(Default)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

impl Sql {
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn bind(&mut self, value: impl Into<Value>) {
        self.values.push(value.into());
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
    }

    /// `text, text` with each item written by `write`.
    pub(super) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        separator: &str,
        mut write: impl FnMut(&mut Self, T),
    ) {
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.push(separator);
            }
            write(self, item);
        }
    }
}

/// The last row of a window after a row: what lies in between can be looked through in one short statement.
pub(super) fn boundary(table: &str, columns: Columns, window: u32) -> String {
    let key = columns.key;
    let skip = window.saturating_sub(1);
    format!("SELECT {key} AS id FROM {table} WHERE {key} > $1 ORDER BY {key} LIMIT 1 OFFSET {skip}")
}

/// `(substr(a, 5, 16) IN ($n, …) OR …)`: a ciphertext that names one of the keys. Its header has four bytes before the id.
///
/// What is append-only holds several ciphertexts in one value: there, the id anywhere in it.
pub(super) fn names_one_of(sql: &mut Sql, table: &SealedTable, keys: &[Vec<u8>], backend: DbBackend) {
    sql.push("(");
    sql.list(table.columns, " OR ", |sql, column| {
        if table.append_only {
            let (function, of) = match backend {
                DbBackend::Postgres => ("position", " IN "),
                _ => ("instr", ", "),
            };
            return sql.list(keys, " OR ", |sql, key| {
                sql.push(&format!("{function}("));
                if backend == DbBackend::Postgres {
                    sql.bind(key.clone());
                    sql.push(&format!("{of}{}) > 0", column.name));
                } else {
                    sql.push(&format!("{}{of}", column.name));
                    sql.bind(key.clone());
                    sql.push(") > 0");
                }
            });
        }
        sql.push(&format!("substr({}, 5, 16) IN (", column.name));
        sql.list(keys, ", ", |sql, key| sql.bind(key.clone()));
        sql.push(")");
    });
    sql.push(")");
}

/// ` FROM (VALUES (…), …) AS v WHERE table.key = v.column1 AND COALESCE(table.organization_id, v.column1) = …`
///
/// The `COALESCE` keeps SQLite's planner to the primary key: with a plain comparison to a constant it takes the tenant to be the
/// narrower choice, and reads the whole table for each batch.
pub(super) fn from_values(
    sql: &mut Sql,
    table: &str,
    columns: Columns,
    organization: uuid::Uuid,
    rows: Vec<Vec<Value>>,
) {
    sql.push(" FROM (VALUES ");
    sql.list(rows, ", ", |sql, row| {
        sql.push("(");
        sql.list(row, ", ", Sql::bind);
        sql.push(")");
    });
    let key = columns.key;
    sql.push(&format!(
        ") AS v WHERE {table}.{key} = v.column1 AND COALESCE({table}.organization_id, v.column1) = "
    ));
    sql.bind(organization);
}
