//! Rows that are taken away, and rows that are put there.

use vutf_audit::{chain_after, leaf_hash};

use super::{
    Dice, Log, Mutation, flips,
    tables::{CHECKPOINT, Cell, Dump, INTAKE, LATEST, LEAF, NODE, REFERENCE},
};

pub(super) fn delete(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    const KINDS: [&str; 6] = [
        "delete: an event",
        "delete: a reference to a subject",
        "delete: a leaf",
        "delete: a node",
        "delete: a kept checkpoint",
        "delete: the newest checkpoint",
    ];
    let table = dice.below(KINDS.len() + 1);
    if table == KINDS.len() {
        return delete_entry(dice, log);
    }
    let rows = &log.dump.0[table];
    let at = dice.below(rows.len());
    let row = &rows[at];
    let seq = match table {
        INTAKE | REFERENCE => log.seq_of(row[0].id()),
        LEAF => row[0].number(),
        NODE => flips::below(row),
        CHECKPOINT => log.seen_after(row[1].number()),
        _ => log.size - 1,
    };
    log.change(KINDS[table], seq, |after| {
        after.0[table].remove(at);
    })
}

fn delete_entry(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let at = dice.below(log.dump.0[LEAF].len());
    let event = log.event(at);
    log.change(
        "delete: leaf, event and references",
        i64::try_from(at).unwrap(),
        |after| {
            after.0[LEAF].remove(at);
            after.0[INTAKE].retain(|row| row[0].id() != event);
            after.0[REFERENCE].retain(|row| row[0].id() != event);
        },
    )
}

pub(super) fn insert(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let kinds: [fn(&mut Dice, &Log<'_>) -> Option<Mutation>; 7] = [
        insert_event,
        insert_placed_event,
        insert_leaf,
        insert_reference,
        insert_node,
        insert_checkpoint,
        insert_newest,
    ];
    kinds[dice.below(kinds.len())](dice, log)
}

/// Copies an event under another id to the end of the order of commits, or into it, with a MAC that is none of its own.
fn copy_event(dice: &mut Dice, log: &Log<'_>, after: &mut Dump, at_end: bool) -> usize {
    let rows = &mut after.0[INTAKE];
    let mut row = rows[dice.below(rows.len())].clone();
    let (old, new) = (row[0].id(), dice.id());
    let last = rows.iter().map(|row| row[1].number()).max().unwrap_or_default();
    let head = after.0[LEAF][usize::try_from(log.size - 1).unwrap()].clone();
    row[0] = Cell::Id(new);
    row[1] = Cell::Number(if at_end { last + 1 } else { -1 });
    if at_end {
        row[2] = head[4].clone();
    }
    let body = String::from_utf8(row[3].bytes().to_vec()).unwrap();
    row[3] = Cell::Bytes(body.replace(&old.to_string(), &new.to_string()).into_bytes());
    match dice.below(3) {
        0 => {}
        1 => row[4] = Cell::Bytes(Vec::new()),
        _ => row[4] = Cell::Bytes(dice.bytes::<32>().to_vec()),
    }
    let references = after.0[REFERENCE].iter().filter(|row| row[0].id() == old);
    let mut references: Vec<_> = references.cloned().collect();
    for row in &mut references {
        row[0] = Cell::Id(new);
    }
    after.0[REFERENCE].extend(references);
    after.0[INTAKE].push(row);
    after.0[INTAKE].len() - 1
}

fn insert_event(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let (at_end, as_it_is) = (dice.coin(), dice.coin());
    log.change("insert: a copied event", log.size, |after| {
        let at = copy_event(dice, log, after, at_end);
        if as_it_is {
            // Body and MAC of the very event, under another id.
            let row = log.dump.0[INTAKE][dice.below(log.dump.0[INTAKE].len())].clone();
            after.0[INTAKE][at][3] = row[3].clone();
            after.0[INTAKE][at][4] = row[4].clone();
        }
    })
}

/// With its place, well sealed as far as that can be done without a key.
fn insert_placed_event(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    log.change("insert: a copied event with its leaf", log.size, |after| {
        let at = copy_event(dice, log, after, true);
        let row = after.0[INTAKE][at].clone();
        let hash = leaf_hash(row[3].bytes());
        let head = &after.0[LEAF][usize::try_from(log.size - 1).unwrap()];
        let chain = chain_after(&head[3].hash(), &hash);
        after.0[LEAF].push(vec![
            Cell::Number(log.size),
            row[0].clone(),
            Cell::Bytes(hash.to_vec()),
            Cell::Bytes(chain.to_vec()),
            row[2].clone(),
            row[1].clone(),
        ]);
    })
}

fn insert_leaf(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let seq = if dice.coin() {
        log.size
    } else {
        -1 - i64::try_from(dice.below(1_000)).unwrap()
    };
    log.change("insert: a leaf", seq, |after| {
        let mut row = after.0[LEAF][dice.below(after.0[LEAF].len())].clone();
        row[0] = Cell::Number(seq);
        row[1] = Cell::Id(dice.id());
        after.0[LEAF].push(row);
    })
}

fn insert_reference(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let rows = &log.dump.0[REFERENCE];
    let mut row = rows[dice.below(rows.len())].clone();
    let seq = if dice.coin() {
        row[0] = Cell::Id(dice.id());
        log.size
    } else {
        log.seq_of(row[0].id())
    };
    row[1] = Cell::Id(dice.id());
    log.change("insert: a reference to a subject", seq, |after| {
        after.0[REFERENCE].push(row);
    })
}

fn insert_node(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let beyond = i64::try_from(dice.below(4)).unwrap();
    let there = log.size / 256;
    let (level, index) = match dice.below(5) {
        0 => (1, there + beyond),
        1 => (2 + beyond, beyond),
        2 => (8 + beyond, beyond),
        3 => (-beyond, beyond),
        _ => (1, -1 - beyond),
    };
    let row = vec![
        Cell::Number(level),
        Cell::Number(index),
        Cell::Bytes(dice.bytes::<32>().to_vec()),
    ];
    let is_of_a_tree = (1..8).contains(&level) && index >= 0;
    let seq = if is_of_a_tree {
        flips::below(&row)
    } else {
        log.size
    };
    log.change("insert: a node", seq, |after| after.0[NODE].push(row))
}

fn insert_checkpoint(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let rows = &log.dump.0[CHECKPOINT];
    let model = if dice.coin() {
        let newest = &log.dump.0[LATEST][0];
        (newest[2].number(), newest[3].clone())
    } else {
        let row = &rows[dice.below(rows.len())];
        (row[1].number(), row[2].clone())
    };
    let size = match dice.below(4) {
        0 => log.size,
        1 => log.size + 1 + i64::try_from(dice.below(1_000)).unwrap(),
        2 => -i64::try_from(dice.below(1_000)).unwrap(),
        _ => 1 + i64::try_from(dice.below(rows.len() * 40)).unwrap(),
    };
    let seq = match size {
        // No tree has such a checkpoint.
        ..1 => log.size,
        size if size <= log.size => size - 1,
        // It is of another size than its row says.
        _ => model.0 - 1,
    };
    let number = i64::try_from(rows.len()).unwrap() + 1;
    log.change("insert: a checkpoint", seq, |after| {
        after.0[CHECKPOINT].push(vec![
            Cell::Number(number),
            Cell::Number(size),
            model.1,
            Cell::Number(0),
        ]);
    })
}

fn insert_newest(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    log.change("insert: a second newest checkpoint", log.size, |after| {
        let mut row = after.0[LATEST][0].clone();
        row[0] = Cell::Number(2 + i64::try_from(dice.below(1_000)).unwrap());
        after.0[LATEST].push(row);
    })
}
