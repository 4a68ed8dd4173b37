//! Which keys the tables of this store need.

use vutf_crypto_keys::Purpose;

use crate::{audit::INTAKE, sealed_columns::SEALED_TABLES};

/// Authenticates rows as a whole.
pub(crate) const ROWS: &str = "rows";

/// Makes tags of where events came from, for the analysis of the log, and authenticates its snapshot.
pub(crate) const ANALYSIS: &str = "analysis";

/// Makes the tags of backup codes.
pub(crate) const BACKUP_CODES: &str = "backup-codes";

/// Every organization needs a key for each of these before a row of it can be written.
pub fn key_purposes() -> Vec<Purpose> {
    let fields = SEALED_TABLES.iter().map(|table| Purpose::field(table.name));
    let indexes = SEALED_TABLES.iter().flat_map(|table| {
        let indexed = table.columns.iter().filter_map(|column| column.indexed_as);
        indexed.map(|column| Purpose::index(table.name, column))
    });
    let macs = [ROWS, INTAKE, ANALYSIS, BACKUP_CODES].map(Purpose::mac);
    fields.chain(indexes).chain(macs).collect()
}
