//! The whole log, or all of it from one place on.

use vutf_audit::{
    GENESIS, chain_after, leaf_hash,
    merkle::{Frontier, TILE_HEIGHT},
};

use super::{
    Dice, Log, Mutation,
    checkpoints::{note, root},
    tables::{CHECKPOINT, Cell, Dump, INTAKE, LATEST, LEAF, NODE, REFERENCE, Row},
};

/// Each older state was consistent in itself.
pub(super) fn roll_back(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let older = &log.site.older[dice.below(log.site.older.len())];
    let size = i64::try_from(older.0[LEAF].len()).unwrap();
    if dice.coin() {
        return log.change("roll back: the whole database", size, |after| {
            *after = older.clone();
        });
    }
    log.change("roll back: all but the events", size, |after| {
        after.0[LEAF..].clone_from_slice(&older.0[LEAF..]);
    })
}

pub(super) fn cut_off(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let left = dice.below(log.dump.0[LEAF].len());
    let size = i64::try_from(left).unwrap();
    let kinds = [
        "cut off: leaves",
        "cut off: leaves and events",
        "cut off: leaves, events, nodes and checkpoints",
    ];
    let how = dice.below(kinds.len());
    log.change(kinds[how], size, |after| {
        let gone = after.0[LEAF].split_off(left);
        if how > 0 {
            let gone: std::collections::HashSet<_> = gone.iter().map(|leaf| leaf[1].id()).collect();
            after.0[INTAKE].retain(|row| !gone.contains(&row[0].id()));
            after.0[REFERENCE].retain(|row| !gone.contains(&row[0].id()));
        }
        if how > 1 {
            after.0[NODE].retain(|row| super::flips::below(row) < size);
            forget_checkpoints(after, size);
        }
    })
}

/// None is left of more than `size` entries, and the last that is left is the newest.
fn forget_checkpoints(dump: &mut Dump, size: i64) {
    dump.0[CHECKPOINT].retain(|row| row[1].number() <= size);
    dump.0[LATEST].clear();
    if let Some(last) = dump.0[CHECKPOINT].last().cloned() {
        let row = [&[Cell::Number(1)], &last[..]].concat();
        dump.0[LATEST].push(row);
    }
}

/// Everything that can be recomputed without a key is recomputed.
pub(super) fn reseal(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let at = dice.below(log.dump.0[LEAF].len());
    let seq = i64::try_from(at).unwrap();
    match dice.below(4) {
        0 => reseal_changed(dice, log, at),
        1 => reseal_forged(dice, log, at),
        // Their MACs are as they were: the first signature over another tree tells.
        2 => {
            let mut mutation = log.change(
                "reseal: after an event was taken out",
                log.seen_after(seq),
                |after| {
                    let leaf = after.0[LEAF].remove(at);
                    after.0[INTAKE].retain(|row| row[0] != leaf[1]);
                    after.0[REFERENCE].retain(|row| row[0] != leaf[1]);
                    seal(after);
                },
            )?;
            sign_anew(dice, log, &mut mutation, log.size - 1);
            Some(mutation)
        }
        _ => {
            let other = dice.below(log.dump.0[LEAF].len());
            let vouched = !log.dump.0[INTAKE][log.dump.intake_of(log.event(at))][4]
                .bytes()
                .is_empty();
            if at < other && vouched {
                return reseal_exchanged(dice, log, at, other);
            }
            None
        }
    }
}

/// With their cursors, which are then out of order as well, or without.
fn reseal_exchanged(dice: &mut Dice, log: &Log<'_>, at: usize, other: usize) -> Option<Mutation> {
    let seq = i64::try_from(at).unwrap();
    let in_order = dice.coin();
    let kind = if in_order {
        "reseal: after two events and their cursors changed places"
    } else {
        "reseal: after two events changed places"
    };
    let mut mutation = log.change(kind, log.seen_after(seq), |after| {
        if in_order {
            let (a, b) = (
                log.dump.intake_of(log.event(at)),
                log.dump.intake_of(log.event(other)),
            );
            for column in [1, 2] {
                let rows = &mut after.0[INTAKE];
                let (x, y) = (rows[a][column].clone(), rows[b][column].clone());
                (rows[a][column], rows[b][column]) = (y, x);
            }
            for column in [4, 5] {
                let leaves = &mut after.0[LEAF];
                let (x, y) = (leaves[at][column].clone(), leaves[other][column].clone());
                (leaves[at][column], leaves[other][column]) = (y, x);
            }
        }
        after.0[LEAF].swap(at, other);
        seal(after);
    })?;
    sign_anew(dice, log, &mut mutation, log.size);
    if !in_order {
        mutation.seq = mutation.seq.min(seq + 1);
    }
    Some(mutation)
}

/// Another outcome, in the body and beside it; the MAC of the true body, or none.
fn reseal_changed(dice: &mut Dice, log: &Log<'_>, at: usize) -> Option<Mutation> {
    let row = log.dump.intake_of(log.event(at));
    let own = &log.dump.0[INTAKE][row];
    let text = String::from_utf8(own[3].bytes().to_vec()).unwrap();
    let changed = text.replace("\"result\":\"success\"", "\"result\":\"failed\"");
    // The making of the first keys has no MAC: there nothing vouches but the tree.
    if own[4].bytes().is_empty() {
        return None;
    }
    let before = &log.dump.0[INTAKE][log.dump.intake_of(log.event(at.checked_sub(1)?))];
    let empty = dice.coin() && !before[4].bytes().is_empty();
    log.change(
        "reseal: after a body was changed",
        i64::try_from(at).unwrap(),
        |after| {
            let own = &mut after.0[INTAKE][row];
            own[3] = Cell::Bytes(changed.into_bytes());
            own[14] = Cell::Text("failed".into());
            if empty {
                own[4] = Cell::Bytes(Vec::new());
            }
            seal(after);
        },
    )
}

/// An event that never happened, in the middle.
fn reseal_forged(dice: &mut Dice, log: &Log<'_>, at: usize) -> Option<Mutation> {
    let model = log.dump.intake_of(log.event(at));
    if log.dump.0[INTAKE][model][4].bytes().is_empty() {
        return None;
    }
    log.change(
        "reseal: after an event was made up",
        i64::try_from(at).unwrap() + 1,
        |after| {
            let mut row = after.0[INTAKE][model].clone();
            let (old, new) = (row[0].id(), dice.id());
            let text = String::from_utf8(row[3].bytes().to_vec()).unwrap();
            row[0] = Cell::Id(new);
            row[1] = Cell::Number(-1);
            row[3] = Cell::Bytes(text.replace(&old.to_string(), &new.to_string()).into_bytes());
            if dice.coin() {
                row[4] = Cell::Bytes(Vec::new());
            }
            let mut leaf = after.0[LEAF][at].clone();
            (leaf[1], leaf[4], leaf[5]) = (row[0].clone(), row[2].clone(), row[1].clone());
            let references = after.0[REFERENCE].iter().filter(|row| row[0].id() == old);
            let mut references: Vec<Row> = references.cloned().collect();
            for row in &mut references {
                row[0] = Cell::Id(new);
            }
            after.0[REFERENCE].extend(references);
            after.0[INTAKE].push(row);
            after.0[LEAF].insert(at + 1, leaf);
            seal(after);
        },
    )
}

/// Numbers, hashes and nodes of all leaves, in the order in which they stand.
fn seal(dump: &mut Dump) {
    let bodies: std::collections::HashMap<_, _> = dump.0[INTAKE]
        .iter()
        .map(|row| (row[0].id(), leaf_hash(row[3].bytes())))
        .collect();
    let (mut chain, mut tree, mut nodes) = (GENESIS, Frontier::default(), Vec::new());
    for (seq, leaf) in dump.0[LEAF].iter_mut().enumerate() {
        let hash = bodies[&leaf[1].id()];
        chain = chain_after(&chain, &hash);
        tree.append(hash, |level, index, hash| {
            if level > 0 && level.is_multiple_of(TILE_HEIGHT) {
                nodes.push(vec![
                    Cell::Number(i64::from(level / TILE_HEIGHT)),
                    Cell::Number(i64::try_from(index).unwrap()),
                    Cell::Bytes(hash.to_vec()),
                ]);
            }
        });
        leaf[0] = Cell::Number(i64::try_from(seq).unwrap());
        leaf[2] = Cell::Bytes(hash.to_vec());
        leaf[3] = Cell::Bytes(chain.to_vec());
    }
    dump.0[NODE] = nodes;
}

/// Leaves the checkpoints as they are, signs them with another key, or takes all of them away: then the head that was noted tells.
fn sign_anew(dice: &mut Dice, log: &Log<'_>, mutation: &mut Mutation, size: i64) {
    let after = &mut mutation.after;
    match dice.below(3) {
        0 => {}
        1 => {
            after.0[CHECKPOINT].retain(|row| row[1].number() <= size);
            let resign = |row: &mut Row, column: usize| {
                let old = row[column].number().min(size);
                row[column] = Cell::Number(old);
                old
            };
            let roots: Vec<_> = after.0[CHECKPOINT]
                .iter()
                .map(|row| root(after, row[1].number()))
                .collect();
            for (at, root) in roots.into_iter().enumerate() {
                let of = after.0[CHECKPOINT][at][1].number();
                if root != super::checkpoints::root(log.dump, of) {
                    after.0[CHECKPOINT][at][2] = note(&log.site.rogue, of, root);
                }
            }
            let newest = root(after, size);
            let of = resign(&mut after.0[LATEST][0], 2);
            after.0[LATEST][0][3] = note(&log.site.rogue, of, newest);
            after.0[LATEST][0][1] = Cell::Number(i64::try_from(after.0[CHECKPOINT].len()).unwrap());
        }
        _ => {
            after.0[CHECKPOINT].clear();
            after.0[LATEST].clear();
            mutation.seq = log.size - 1;
        }
    }
}
