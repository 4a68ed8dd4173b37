//! The canonical form of what is handed out, and what is signed of it.

use vutf_audit::{CheckpointSigner, canonical::Value};
use vutf_kernel::{PortError, Secret};

use super::{Cell, Exported, ExportedPart, Part, Row};
use crate::statement::{self, Subject};

/// In hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _written = write!(text, "{byte:02x}");
            text
        })
}

pub(super) fn handed_out(part: Part) -> ExportedPart {
    let rows = part.rows.iter().map(object).collect();
    let json = Value::List(rows).to_bytes();
    ExportedPart {
        sha256: sha256(&json),
        json: Secret::new(String::from_utf8_lossy(&json).into_owned()),
        part,
    }
}

fn object(row: &Row) -> Value<'_> {
    Value::object(row.iter().map(|(column, cell)| (*column, value(cell))))
}

fn value(cell: &Cell) -> Value<'_> {
    match cell {
        Cell::Personal(text) => Value::text(text.expose().as_str()),
        Cell::Word(text) => Value::text(text.as_str()),
        Cell::Number(number) => Value::Number(*number),
        Cell::Time(at) => Value::text(at.rfc3339()),
    }
}

/// One line for each part, each withheld column, each table that is left out, and each mention; the same words as in the answer.
pub(super) fn sign(signer: &dyn CheckpointSigner, exported: &Exported) -> Result<String, PortError> {
    let mut lines = vec![
        format!("organization {}", exported.organization_id),
        format!("person {}", exported.person),
        format!("at {}", exported.at.rfc3339()),
    ];
    for ExportedPart { part, sha256, .. } in &exported.parts {
        let (table, rows, total) = (part.table, part.rows.len(), part.total);
        lines.push(format!("part {table} rows {rows} of {total} sha256 {sha256}"));
        let withheld = part.withheld.iter();
        lines.extend(withheld.map(|(column, reason)| format!("withheld {table}.{column}: {reason}")));
    }
    for left in &exported.left_out {
        let rows = left
            .rows
            .map_or_else(|| "untold".to_owned(), |rows| rows.to_string());
        lines.push(format!("left-out {} rows {rows}: {}", left.table, left.reason));
    }
    for mention in &exported.mentions {
        lines.push(format!(
            "mention {}.{} rows {}",
            mention.table, mention.column, mention.rows
        ));
    }
    lines.push(match &exported.checkpoint {
        Some(note) => format!("checkpoint sha256 {}", sha256(note.as_bytes())),
        None => "checkpoint none".to_owned(),
    });
    statement::sign(signer, Subject::Export, &lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_what_its_digest_is_of() {
        let row: Row = vec![
            ("version", Cell::Number(3)),
            (
                "email_ct",
                Cell::Personal(Secret::new("ada@example.org".to_owned())),
            ),
            ("kind", Cell::Word("person".to_owned())),
        ];
        let part = Part {
            table: "users",
            rows: vec![row],
            total: 1,
            withheld: Vec::new(),
        };
        let out = handed_out(part);
        let json = r#"[{"email_ct":"ada@example.org","kind":"person","version":3}]"#;
        assert_eq!(out.json.expose(), json);
        assert_eq!(out.sha256, sha256(json.as_bytes()));
        // FIPS 180-4, of "abc".
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), known);
    }
}
