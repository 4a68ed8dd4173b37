//! A head that was noted outside of the log: what is cut off or resealed behind the sequencer's back is not sealed by it.

use vutf_audit::{
    Advance, Anchor, Batch, Edge, FindingKind, LogReader, MemoryLog, NotedHead, SequenceError, Sequencing,
    advance, sequence_after,
};

use crate::world::{anchor, append, event, lease, log_of, now};

async fn batch(log: &MemoryLog, noted: Option<Anchor>) -> Result<Batch, SequenceError> {
    let how = Sequencing {
        noted,
        ..Sequencing::unsigned(100)
    };
    sequence_after(log, &lease(log).await, &how, &mut Edge::default()).await
}

fn unsigned(anchor: Anchor) -> NotedHead {
    NotedHead { anchor, note: None }
}

fn refused(log: &MemoryLog, noted: Option<Anchor>) -> (i64, FindingKind) {
    let leaves = log.tamper(|rows| rows.leaves.len());
    let Err(SequenceError::Tampered(found)) = now(batch(log, noted)) else {
        panic!("it goes on")
    };
    assert_eq!(log.tamper(|rows| rows.leaves.len()), leaves, "nothing is placed");
    (found.seq, found.kind)
}

#[test]
fn the_head_that_a_batch_leaves_is_the_one_that_the_next_goes_on_from() {
    let log = now(log_of(5));
    let noted = anchor(&log);
    assert_eq!(
        now(batch(&log, Some(noted))).unwrap(),
        Batch::Placed(0, Some(unsigned(noted)))
    );
    now(append(&log, event(5)));
    let Batch::Placed(1, Some(next)) = now(batch(&log, Some(noted))).unwrap() else {
        panic!("one is placed")
    };
    let next = next.anchor;
    assert_eq!(next, anchor(&log));
    assert_eq!(now(batch(&log, Some(noted))).unwrap(), Batch::Behind);
    assert_eq!(now(advance(&log, noted)).unwrap(), Advance::To(next));
    assert_eq!(now(advance(&log, next)).unwrap(), Advance::To(next));
    assert_eq!(
        now(batch(&MemoryLog::unsealed(), None)).unwrap(),
        Batch::Placed(0, None)
    );
}

#[test]
fn an_end_that_was_cut_off_is_not_resealed() {
    let log = now(log_of(9));
    let noted = anchor(&log);
    log.tamper(|rows| {
        rows.intake.remove(6);
        rows.leaves.truncate(6);
    });
    assert_eq!(refused(&log, Some(noted)), (6, FindingKind::LeafMissing));
    // Without the noted head it would be: the three events behind get other numbers.
    assert!(matches!(now(batch(&log, None)).unwrap(), Batch::Placed(2, _)));
    assert_eq!(crate::world::check(&log).first_bad, None);
    let found = crate::world::check_against(&log, noted).first_bad.unwrap();
    assert_eq!((found.seq, found.kind), (8, FindingKind::LeafMissing));
}

#[test]
fn an_emptied_log_is_not_begun_anew() {
    let log = now(log_of(4));
    let noted = anchor(&log);
    log.tamper(|rows| {
        rows.intake.clear();
        rows.leaves.clear();
    });
    now(append(&log, event(9)));
    assert_eq!(refused(&log, Some(noted)), (0, FindingKind::LeafMissing));
    let Advance::Found(found) = now(advance(&log, noted)).unwrap() else {
        panic!("it advances")
    };
    assert_eq!((found.seq, found.kind), (0, FindingKind::LeafMissing));
}

#[test]
fn another_head_at_the_same_place_is_refused() {
    let log = now(log_of(4));
    let noted = anchor(&log);
    log.tamper(|rows| rows.leaves[3].chain[0] ^= 1);
    assert_eq!(refused(&log, Some(noted)), (3, FindingKind::AnchorMismatch));
}

#[test]
fn a_cursor_that_would_pass_events_over_is_refused() {
    let change: [fn(&mut vutf_audit::Cursor); 2] = [|cursor| cursor.ord = i64::MAX, |cursor| cursor.xid = 1];
    for change in change {
        let log = now(log_of(4));
        now(append(&log, event(9)));
        log.tamper(|rows| change(&mut rows.leaves[3].cursor));
        for noted in [None, Some(Anchor::of(&now(log.head()).unwrap().unwrap()))] {
            assert_eq!(refused(&log, noted), (3, FindingKind::CursorChanged));
        }
    }
}

#[test]
fn a_noted_head_moves_on_over_entries_that_follow_from_it_and_over_no_other() {
    type Change = fn(&mut vutf_audit::memory::Rows);
    let changes: [(i64, FindingKind, Change); 8] = [
        (2, FindingKind::AnchorMismatch, |rows| {
            rows.leaves[2].chain[9] ^= 1;
        }),
        (2, FindingKind::LeafMissing, |rows| {
            rows.leaves.remove(2);
        }),
        (2, FindingKind::BodyChanged, |rows| rows.intake[2].body.push(b' ')),
        (2, FindingKind::CursorChanged, |rows| {
            rows.leaves[2].cursor.ord = 7;
        }),
        (600, FindingKind::LeafMissing, |rows| {
            rows.leaves.remove(600);
        }),
        (600, FindingKind::ChainChanged, |rows| {
            rows.leaves[600].chain[9] ^= 1;
        }),
        (600, FindingKind::EventMissing, |rows| {
            rows.intake.remove(600);
        }),
        (600, FindingKind::CursorChanged, |rows| {
            rows.leaves[600].cursor.ord = 7;
        }),
    ];
    for (seq, kind, change) in changes {
        let log = now(log_of(700));
        let noted = Anchor::of(&log.tamper(|rows| rows.leaves[2].clone()));
        assert_eq!(now(advance(&log, noted)).unwrap(), Advance::To(anchor(&log)));
        log.tamper(change);
        let Advance::Found(found) = now(advance(&log, noted)).unwrap() else {
            panic!("{kind} goes unseen")
        };
        assert_eq!((found.seq, found.kind), (seq, kind));
    }
}
