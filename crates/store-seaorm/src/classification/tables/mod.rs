//! Every table of the schema, by what it belongs to.

mod audit;
mod authorization;
mod identity;
mod keys;

use super::ColumnClasses;

/// Every table and its columns.
pub fn tables() -> impl Iterator<Item = &'static (&'static str, ColumnClasses)> {
    [
        identity::TABLES,
        authorization::TABLES,
        audit::TABLES,
        keys::TABLES,
    ]
    .into_iter()
    .flatten()
}
