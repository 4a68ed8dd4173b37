//! Every table of the schema, by what it belongs to.

mod audit;
mod identity;
mod keys;

use super::ColumnClasses;

/// Every table and its columns.
pub fn tables() -> impl Iterator<Item = &'static (&'static str, ColumnClasses)> {
    [identity::TABLES, audit::TABLES, keys::TABLES]
        .into_iter()
        .flatten()
}
