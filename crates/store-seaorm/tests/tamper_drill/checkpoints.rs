//! Checkpoints in the place of others.

use vutf_audit::{
    CheckpointSigner,
    merkle::Frontier,
    tlog::{Checkpoint, Note},
    tree::sign_checkpoint,
};
use vutf_kernel::Timestamp;

use super::{
    Dice, Log, Mutation,
    tables::{CHECKPOINT, Cell, Dump, LATEST, LEAF},
};

pub(super) fn replace(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let kinds: [fn(&mut Dice, &Log<'_>) -> Option<Mutation>; 6] = [
        by_older,
        newest_by_older,
        back_to_older,
        by_other_key,
        by_other_root,
        unsigned_root,
    ];
    kinds[dice.below(kinds.len())](dice, log)
}

/// The root of the first `size` entries.
pub(super) fn root(dump: &Dump, size: i64) -> [u8; 32] {
    let mut tree = Frontier::default();
    for leaf in dump.0[LEAF].iter().take(usize::try_from(size).unwrap()) {
        tree.append(leaf[2].hash(), |_, _, _| {});
    }
    tree.root()
}

/// The note of a checkpoint that `signer` signs.
pub(super) fn note(signer: &dyn CheckpointSigner, size: i64, root: [u8; 32]) -> Cell {
    let size = u64::try_from(size).unwrap();
    let checkpoint = sign_checkpoint(signer, size, root, 0, Timestamp::from_micros(0));
    Cell::Text(checkpoint.unwrap().note)
}

/// A kept checkpoint or the newest: the table, the row, the column of the note, and the size.
fn any(dice: &mut Dice, log: &Log<'_>) -> (usize, usize, usize, i64) {
    if dice.coin() {
        return (LATEST, 0, 3, log.size);
    }
    let at = dice.below(log.kept.len());
    (CHECKPOINT, at, 2, log.kept[at])
}

fn by_older(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let (older, at) = dice.two_below(log.kept.len())?;
    log.change(
        "replace a checkpoint: by the note of an older one",
        log.kept[at] - 1,
        |after| {
            after.0[CHECKPOINT][at][2] = log.dump.0[CHECKPOINT][older][2].clone();
        },
    )
}

/// With the number of kept ones as it is or as it was then: where there is a newer one that is kept or was noted, it is missed.
fn newest_by_older(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let older = dice.below(log.kept.len());
    if log.kept[older] == log.size {
        return None;
    }
    let as_then = dice.coin();
    log.change(
        "replace a checkpoint: the newest by an older one",
        log.kept[older] - 1,
        |after| {
            let row = after.0[CHECKPOINT][older].clone();
            let newest = &mut after.0[LATEST][0];
            (newest[2], newest[3], newest[4]) = (row[1].clone(), row[2].clone(), row[3].clone());
            if as_then {
                newest[1] = row[0].clone();
            }
        },
    )
}

/// And all that were kept since are gone: only what was noted outside of the database tells.
fn back_to_older(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let older = dice.below(log.kept.len());
    if log.kept[older] == log.size {
        return None;
    }
    log.change(
        "replace a checkpoint: all back to an older one",
        log.kept[older] - 1,
        |after| {
            let row = after.0[CHECKPOINT][older].clone();
            after.0[CHECKPOINT].truncate(older + 1);
            after.0[LATEST][0] = vec![
                Cell::Number(1),
                row[0].clone(),
                row[1].clone(),
                row[2].clone(),
                row[3].clone(),
            ];
        },
    )
}

fn by_other_key(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let (table, at, column, size) = any(dice, log);
    log.change("replace a checkpoint: signed by another key", size - 1, |after| {
        after.0[table][at][column] = note(&log.site.rogue, size, root(log.dump, size));
    })
}

fn by_other_root(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let (table, at, column, size) = any(dice, log);
    let other = dice.bytes();
    log.change(
        "replace a checkpoint: another root, another key",
        size - 1,
        |after| {
            after.0[table][at][column] = note(&log.site.rogue, size, other);
        },
    )
}

/// Under the signature of the true one.
fn unsigned_root(dice: &mut Dice, log: &Log<'_>) -> Option<Mutation> {
    let (table, at, column, size) = any(dice, log);
    let whole = Note::parse(log.dump.0[table][at][column].text()).unwrap();
    let said = Checkpoint::parse(whole.text()).unwrap();
    let other = Checkpoint {
        root: dice.bytes(),
        ..said
    };
    let forged = Note::new(other.text(), whole.signatures().to_vec()).unwrap();
    log.change(
        "replace a checkpoint: another root, its signature",
        size - 1,
        |after| {
            after.0[table][at][column] = Cell::Text(forged.to_string());
        },
    )
}
