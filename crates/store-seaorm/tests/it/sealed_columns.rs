//! The list of sealed columns is the schema's: a column that is missing there would never be re-encrypted, and its key could be
//! destroyed under it.

use std::collections::BTreeSet;

use vutf_crypto_keys::{
    Purpose,
    job::{SealedRows as _, indexed},
};
use vutf_store_seaorm::key_purposes;

use crate::world::World;

/// Sealed under the bearer's own token, for seconds.
const NOT_OURS: &str = "refresh_tokens.successor_ct";

/// `table.column` of every column whose name ends so.
async fn columns(world: &World, ending: &str) -> BTreeSet<String> {
    let sql = format!(
        "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c \
         WHERE m.type = 'table' AND c.name LIKE '%\\{ending}' ESCAPE '\\'"
    );
    let rows = world.rows(&sql).await;
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

#[tokio::test]
async fn every_column_with_ciphertexts_is_listed_and_its_key_is_made() {
    let world = World::sqlite().await;
    let tables = world.store.sealed_tables();
    let listed = tables
        .iter()
        .filter(|table| !table.append_only)
        .flat_map(|table| {
            let columns = table.columns.iter();
            columns.map(|column| format!("{}.{}", table.name, column.name))
        });
    let mut there = columns(&world, "_ct").await;
    assert!(there.remove(NOT_OURS));
    assert_eq!(listed.collect::<BTreeSet<_>>(), there);

    for place in columns(&world, "_bidx").await {
        let (table, column) = place.split_once('.').unwrap();
        let purpose = Purpose::index(table, column.trim_end_matches("_bidx"));
        assert!(indexed(tables, &purpose).is_some(), "{place} can be made anew");
        assert!(key_purposes().contains(&purpose), "{place} has a key");
    }
    let append_only: Vec<_> = tables.iter().filter(|table| table.append_only).collect();
    assert_eq!(append_only.len(), 1);
    assert_eq!(append_only[0].name, "audit_intake");
}
