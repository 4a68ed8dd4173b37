//! What a batch computes: rows in, changes out, and a reason for each row that cannot be mended.

use uuid::Uuid;
use vutf_kernel::{Entropy, Fault, OrganizationId, Secret};

use super::{IndexChange, IndexedRow, Protection, RowChange, SealedColumn, SealedRow, SealedTable};
use crate::{CryptoError, FieldRef, Keyring, Purpose, SubjectKeys};

/// The changes of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<T> {
    /// Rows that can be written.
    pub changes: Vec<T>,
    /// Rows that cannot be mended.
    pub stuck: u64,
    /// The first of them: place and reason, no content.
    pub error: Option<String>,
}

/// Opens each ciphertext and seals it anew in the same place, under the key that protects that place now.
///
/// # Errors
/// Where loading or activating a key would help. A ciphertext that does not open is no error: its row is left as it is.
pub fn reseal(
    keyring: &Keyring,
    keys: &SubjectKeys,
    organization_id: OrganizationId,
    table: &SealedTable,
    rows: &[SealedRow],
    entropy: &mut dyn Entropy,
) -> Result<Plan<RowChange>, CryptoError> {
    let mut plan = Plan::new(rows.len());
    for row in rows {
        let mut cells = Vec::with_capacity(row.cells.len());
        let mut unmended = None;
        for (column, before) in &row.cells {
            let field = FieldRef {
                organization_id,
                table: table.name,
                column,
                row: row.row.as_bytes(),
                subject: row.subject,
            };
            let opened = keyring.open_in(keys, &field, before);
            match opened.and_then(|text| keyring.seal(&field, text.expose(), entropy)) {
                Ok(after) => cells.push((*column, before.clone(), after)),
                Err(error) if may_pass(&error) => return Err(error),
                Err(error) => unmended = Some((*column, error)),
            }
        }
        if let Some((column, error)) = unmended {
            plan.give_up(table, column, row.row, &error);
        }
        if !cells.is_empty() {
            plan.changes.push(RowChange { row: row.row, cells });
        }
    }
    Ok(plan)
}

/// Opens each ciphertext and makes its blind index under the newest key of the column.
///
/// # Errors
/// As [`reseal`].
pub fn reindex(
    keyring: &Keyring,
    keys: &SubjectKeys,
    organization_id: OrganizationId,
    table: &SealedTable,
    column: &SealedColumn,
    rows: &[IndexedRow],
    canonical: &dyn Fn(&str) -> Secret<String>,
) -> Result<Plan<IndexChange>, CryptoError> {
    let mut plan = Plan::new(rows.len());
    let indexed_as = column.indexed_as.unwrap_or(column.name);
    for row in rows {
        let field = FieldRef {
            organization_id,
            table: table.name,
            column: column.name,
            row: row.row.as_bytes(),
            subject: row.subject,
        };
        let made = keyring.open_in(keys, &field, &row.ciphertext).and_then(|bytes| {
            let text = std::str::from_utf8(bytes.expose()).map_err(|_| CryptoError::Malformed)?;
            let value = canonical(text);
            keyring.blind_index(organization_id, table.name, indexed_as, value.expose().as_bytes())
        });
        match made {
            Ok(index) => plan.changes.push(IndexChange {
                row: row.row,
                ciphertext: row.ciphertext.clone(),
                index,
            }),
            Err(error) if may_pass(&error) => return Err(error),
            Err(error) => plan.give_up(table, column.name, row.row, &error),
        }
    }
    Ok(plan)
}

/// The table and the column of a purpose's blind index.
pub fn indexed<'a>(
    tables: &'a [SealedTable],
    purpose: &Purpose,
) -> Option<(&'a SealedTable, &'a SealedColumn)> {
    let Purpose::Index { table, column } = purpose else {
        return None;
    };
    let found = tables.iter().find(|known| known.name == table)?;
    let indexed = |known: &&SealedColumn| known.indexed_as == Some(column.as_str());
    Some((found, found.columns.iter().find(indexed)?))
}

/// The table in which the key of a purpose protects something; none where every column is under the keys of persons.
pub fn protected<'a>(tables: &'a [SealedTable], purpose: &Purpose) -> Vec<&'a SealedTable> {
    let Purpose::Field { table } = purpose else {
        return Vec::new();
    };
    let of_table = |known: &&SealedTable| {
        let mut columns = known.columns.iter();
        known.name == table && columns.any(|column| column.protection == Protection::Table)
    };
    tables.iter().filter(of_table).collect()
}

impl<T> Plan<T> {
    fn new(rows: usize) -> Self {
        Self {
            changes: Vec::with_capacity(rows),
            stuck: 0,
            error: None,
        }
    }

    fn give_up(&mut self, table: &SealedTable, column: &str, row: Uuid, error: &CryptoError) {
        self.stuck += 1;
        let place = || format!("{}.{column} of row {row}: {error}", table.name);
        self.error.get_or_insert_with(place);
    }
}

/// Whether the same may work later, or after loading: a key of this batch is missing, not a ciphertext broken.
fn may_pass(error: &CryptoError) -> bool {
    error.fault() != Fault::Other || matches!(error, CryptoError::NoActiveKey { .. })
}
