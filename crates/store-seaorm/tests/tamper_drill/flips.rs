//! One bit of one column of one row.

use super::{
    Dice, Log, Mutation, NO_EVIDENCE,
    tables::{CHECKPOINT, Cell, INTAKE, LATEST, LEAF, NODE, REFERENCE, Row, TABLES, Type},
};

/// In the order of the tables.
pub(super) const KINDS: [&str; 6] = [
    "flip a bit: audit_intake",
    "flip a bit: audit_subject_ref",
    "flip a bit: audit_leaf",
    "flip a bit: audit_node",
    "flip a bit: audit_checkpoint",
    "flip a bit: audit_latest",
];

/// Every column in turn, whatever table it is of.
pub(super) fn flip(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let columns: usize = TABLES.iter().map(|table| table.columns.len()).sum();
    let (mut table, mut column) = (0, dice.columns % columns);
    dice.columns += 1;
    while column >= TABLES[table].columns.len() {
        column -= TABLES[table].columns.len();
        table += 1;
    }
    let (name, of) = TABLES[table].columns[column];
    let excused = |(other, no, _): &(&str, &str, &str)| *other == TABLES[table].name && *no == name;
    if NO_EVIDENCE.iter().any(excused) {
        return None;
    }
    let rows = &log.dump.0[table];
    let row = dice.below(rows.len());
    let cell = flipped(dice, &rows[row][column], of)?;
    let seq = match table {
        INTAKE | REFERENCE => log.seq_of(rows[row][0].id()),
        LEAF => of_leaf(&rows[row], column, &cell),
        NODE => below(&rows[row]),
        CHECKPOINT => of_checkpoint(log, &rows[row], column, &cell),
        LATEST => log.size - 1,
        _ => return None,
    };
    let mut mutation = log.change(KINDS[table], seq, |after| after.0[table][row][column] = cell)?;
    mutation.column = Some(name);
    Some(mutation)
}

/// What is empty gets something; `None` where the database would not take it as text.
fn flipped(dice: &mut Dice, cell: &Cell, of: Type) -> Option<Cell> {
    Some(match cell {
        Cell::Null if of == Type::Id => Cell::Id(dice.id()),
        Cell::Null => return None,
        Cell::Number(number) => Cell::Number(number ^ (1 << dice.below(64))),
        Cell::Id(id) => {
            let mut bytes = *id.as_bytes();
            bytes[dice.below(16)] ^= 1 << dice.below(8);
            Cell::Id(uuid::Uuid::from_bytes(bytes))
        }
        Cell::Text(text) if text.is_empty() => Cell::Text("x".into()),
        Cell::Text(text) => {
            let mut bytes = text.clone().into_bytes();
            bytes[dice.below(text.len())] ^= 1 << dice.below(8);
            let text = String::from_utf8(bytes).ok()?;
            if text.contains('\0') {
                return None;
            }
            Cell::Text(text)
        }
        Cell::Bytes(bytes) if bytes.is_empty() => Cell::Bytes(vec![dice.bytes::<1>()[0]]),
        Cell::Bytes(bytes) => {
            let mut bytes = bytes.clone();
            let at = dice.below(bytes.len());
            bytes[at] ^= 1 << dice.below(8);
            Cell::Bytes(bytes)
        }
    })
}

/// A number below the first is told as such, since the walk begins there.
fn of_leaf(row: &Row, column: usize, cell: &Cell) -> i64 {
    match cell {
        Cell::Number(seq) if column == 0 && *seq < 0 => *seq,
        _ => row[0].number(),
    }
}

/// The last entry below a node.
pub(super) fn below(row: &Row) -> i64 {
    let level = u32::try_from(row[0].number()).unwrap();
    (row[1].number() + 1) * 256_i64.pow(level) - 1
}

/// A checkpoint under another size stands at another place of their order: there it is told, unless a later one misses it before.
fn of_checkpoint(log: &Log<'_>, row: &Row, column: usize, cell: &Cell) -> i64 {
    let own = row[1].number();
    let Cell::Number(size) = (if column == 1 { cell } else { &row[1] }) else {
        return own - 1;
    };
    let next = log.kept.iter().find(|kept| **kept > own).copied();
    match size {
        _ if column != 1 => own - 1,
        size if *size < 0 => log.seen_after(own),
        size if *size < own => (*size - 1).max(0),
        size => match next {
            Some(next) if next < *size => next - 1,
            _ if *size <= log.size => size - 1,
            _ => own - 1,
        },
    }
}
