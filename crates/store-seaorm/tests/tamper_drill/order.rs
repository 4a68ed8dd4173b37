//! Rows that change places, and tiles.

use super::{
    Dice, Log, Mutation, flips,
    tables::{Cell, INTAKE, LEAF, NODE},
};

pub(super) fn reorder(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let (a, b) = dice.two_below(log.dump.0[LEAF].len())?;
    let seq = i64::try_from(a).unwrap();
    let leaves = |kind, columns: &'static [usize]| exchange(log, kind, seq, LEAF, (a, b), columns);
    let (here, there) = (log.dump.intake_of(log.event(a)), log.dump.intake_of(log.event(b)));
    let events = |kind, columns: &'static [usize]| exchange(log, kind, seq, INTAKE, (here, there), columns);
    match dice.below(5) {
        0 => leaves("reorder: numbers of two leaves", &[0]),
        1 => leaves("reorder: events of two leaves", &[1]),
        2 => events("reorder: ids of two events", &[0]),
        3 => events("reorder: cursors of two events", &[1, 2]),
        // Leaves and events alike, so that they agree: the next one does not go on from there.
        _ => {
            let mut mutation = leaves("reorder: cursors of two entries", &[4, 5])?;
            mutation.seq += 1;
            let rows = &mut mutation.after.0[INTAKE];
            for column in [1, 2] {
                let (x, y) = (rows[here][column].clone(), rows[there][column].clone());
                (rows[here][column], rows[there][column]) = (y, x);
            }
            Some(mutation)
        }
    }
}

pub(super) fn swap_bodies(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let (a, b) = dice.two_below(log.dump.0[LEAF].len())?;
    let rows = (log.dump.intake_of(log.event(a)), log.dump.intake_of(log.event(b)));
    let seq = i64::try_from(a).unwrap();
    if dice.coin() {
        exchange(log, "swap: bodies of two events", seq, INTAKE, rows, &[3])
    } else {
        let all = &[3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];
        exchange(
            log,
            "swap: all of two events but id and cursor",
            seq,
            INTAKE,
            rows,
            all,
        )
    }
}

fn exchange(
    log: &Log<'_>,
    kind: &'static str,
    seq: i64,
    table: usize,
    (a, b): (usize, usize),
    columns: &[usize],
) -> Option<Mutation> {
    log.change(kind, seq, |after| {
        let rows = &mut after.0[table];
        for column in columns {
            let (x, y) = (rows[a][*column].clone(), rows[b][*column].clone());
            (rows[a][*column], rows[b][*column]) = (y, x);
        }
    })
}

pub(super) fn edit_tile(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    if dice.coin() {
        let first = dice.below(log.dump.0[LEAF].len());
        let count = 1 + dice.below(20);
        let seq = i64::try_from(first).unwrap();
        return log.change("edit a tile: leaf hashes", seq, |after| {
            for leaf in after.0[LEAF].iter_mut().skip(first).take(count) {
                leaf[2] = Cell::Bytes(dice.bytes::<32>().to_vec());
            }
        });
    }
    let rows = &log.dump.0[NODE];
    let at = dice.below(rows.len());
    let hash = match dice.below(4) {
        0 => dice.bytes::<32>().to_vec(),
        1 => rows[dice.below(rows.len())][2].bytes().to_vec(),
        2 => vec![0; 32],
        _ => rows[at][2].bytes()[..31].to_vec(),
    };
    log.change("edit a tile: nodes", flips::below(&rows[at]), |after| {
        after.0[NODE][at][2] = Cell::Bytes(hash);
    })
}
