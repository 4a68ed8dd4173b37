//! From a row to a domain value: what does not fit is named by table, column and row.

use vutf_kernel::PortError;

/// A column that holds what no version of this program wrote.
#[derive(Debug, thiserror::Error)]
#[error("{table}.{column} of row {row} cannot be read: {problem}")]
pub(crate) struct CorruptRow {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    pub(crate) row: String,
    pub(crate) problem: String,
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "callers hand over ids and errors that they do not keep"
)]
pub(crate) fn corrupt(
    table: &'static str,
    column: &'static str,
    row: impl ToString,
    problem: impl ToString,
) -> PortError {
    let cause = CorruptRow {
        table,
        column,
        row: row.to_string(),
        problem: problem.to_string(),
    };
    PortError::other("row.read", cause)
}

/// A hash or key of fixed width.
pub(crate) fn array<const N: usize>(
    table: &'static str,
    column: &'static str,
    row: impl ToString,
    bytes: &[u8],
) -> Result<[u8; N], PortError> {
    bytes.try_into().map_err(|_| {
        corrupt(
            table,
            column,
            row,
            format!("{} bytes instead of {N}", bytes.len()),
        )
    })
}
