//! Whatever is said of removed entries, the ledger believes only what the log tells.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};
use uuid::Uuid;
use vutf_kernel::{
    Actor, Ctx, Env, Event, EventId, OrganizationId, OsEntropy, Outcome, PruneRunId, RequestId, SystemClock,
    Timestamp,
};

use super::{PRUNE, PruneLedger, Removal, Removed};
use crate::{Body, Cursor, Finding, FindingKind, Leaf, parse_body, prepare};

fn leaf(seq: i64) -> Leaf {
    let byte = u8::try_from(seq % 251).unwrap();
    Leaf {
        seq,
        event_id: EventId::from_uuid(Uuid::from_u128(u128::from(byte) + 7)),
        leaf_hash: [byte; 32],
        chain: [0; 32],
        cursor: Cursor { xid: 3, ord: seq },
    }
}

fn removal(leaves: &[Leaf]) -> Removal {
    let mut removed = Removed::default();
    assert!(leaves.iter().all(|leaf| removed.push_leaf(leaf)));
    Removal {
        run: PruneRunId::from_uuid(Uuid::from_u128(1)),
        class: "reads".into(),
        policy: "p".into(),
        cutoff: Timestamp::from_secs(1),
        seqs: removed.seqs().clone(),
        digest: removed.digest(),
        places: removed.places(),
        checkpoint: Some((9, [4; 32])),
    }
}

/// The event that tells of it, as the log holds it.
fn told_by(actor: Actor, removal: &Removal) -> Body {
    let ctx = Ctx::internal(OrganizationId::DEFAULT, actor, RequestId::parse("r").unwrap());
    let mut entropy = OsEntropy;
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut entropy,
    };
    let event = Event::new(&ctx, &mut env, PRUNE.name, PRUNE.none(), Outcome::Success);
    let event = removal.describe(event);
    let intake = prepare(event, &mut OsEntropy, |_, _| {
        Ok::<_, std::convert::Infallible>(Vec::new())
    });
    parse_body(&intake.unwrap().body).unwrap()
}

fn told(removal: &Removal) -> Body {
    told_by(
        Actor::System {
            job: "retention".into(),
        },
        removal,
    )
}

/// A log of which each entry was removed by one of three events, or is there.
#[derive(Debug)]
struct Case {
    by: Vec<Option<usize>>,
    events: Vec<Body>,
}

impl Case {
    fn new(by: Vec<Option<usize>>) -> Self {
        let leaves = |batch| -> Vec<Leaf> {
            let all = by.iter().zip(0..).filter(|(of, _)| **of == Some(batch));
            all.map(|(_, seq)| leaf(seq)).collect()
        };
        let events = (0..3).map(|batch| told(&removal(&leaves(batch)))).collect();
        Self { by, events }
    }

    /// The seen entries by number: who removed them, and their leaf.
    fn seen(&self) -> BTreeMap<i64, (EventId, Leaf)> {
        let all = self.by.iter().zip(0..);
        all.filter_map(|(of, seq)| Some((seq, (self.events[(*of)?].id, leaf(seq)))))
            .collect()
    }

    fn finish(&self, seen: &BTreeMap<i64, (EventId, Leaf)>) -> Option<Finding> {
        self.finish_from(0, seen)
    }

    fn finish_from(&self, from: i64, seen: &BTreeMap<i64, (EventId, Leaf)>) -> Option<Finding> {
        let mut ledger = PruneLedger::starting_at(from);
        for (id, leaf) in seen.range(from..).map(|(_, seen)| seen) {
            assert!(ledger.push_leaf(leaf, *id));
        }
        for event in &self.events {
            ledger.push_event(event);
        }
        ledger.finish()
    }
}

fn cases() -> impl Strategy<Value = Case> {
    vec(proptest::option::of(0_usize..3), 1..60).prop_map(Case::new)
}

proptest! {
    #[test]
    fn what_the_log_tells_is_believed(case in cases(), from in 0_i64..60) {
        let seen = case.seen();
        prop_assert_eq!(case.finish(&seen), None);
        prop_assert_eq!(case.finish_from(from, &seen), None);
    }

    #[test]
    fn the_order_of_events_and_entries_does_not_matter(case in cases()) {
        let mut ledger = PruneLedger::default();
        for event in &case.events {
            ledger.push_event(event);
        }
        for (seq, (id, leaf)) in case.seen() {
            prop_assert!(ledger.push(seq, &leaf.leaf_hash, id));
        }
        prop_assert_eq!(ledger.unmet().count(), 0);
        prop_assert_eq!(ledger.finish(), None);
    }

    /// Somebody deletes an event, and says that one of the removals did it.
    #[test]
    fn an_entry_that_no_removal_names_is_found_by_its_number(case in cases(), at in any::<proptest::sample::Index>(), batch in 0_usize..3) {
        let there: Vec<i64> = case.by.iter().zip(0..).filter(|(of, _)| of.is_none()).map(|(_, seq)| seq).collect();
        prop_assume!(!there.is_empty());
        let seq = *at.get(&there);
        let mut seen = case.seen();
        seen.insert(seq, (case.events[batch].id, leaf(seq)));
        let found = case.finish(&seen).unwrap();
        prop_assert_eq!((found.seq, found.kind), (seq, FindingKind::EventMissing));
    }

    /// An entry that is said to be gone by an event that is not in the log.
    #[test]
    fn an_event_that_is_not_there_removes_nothing(case in cases(), at in any::<proptest::sample::Index>()) {
        let seq = i64::try_from(at.index(case.by.len())).unwrap();
        let stranger = EventId::from_uuid(Uuid::from_u128(999));
        let mut seen = case.seen();
        seen.insert(seq, (stranger, leaf(seq)));
        let found = case.finish(&seen).unwrap();
        prop_assert_eq!(found.seq, seq);
    }

    /// The row that tells by what an entry was removed is gone, or its event is there again.
    #[test]
    fn an_entry_that_is_there_after_all_is_found_by_its_number(case in cases(), at in any::<proptest::sample::Index>()) {
        let mut seen = case.seen();
        prop_assume!(!seen.is_empty());
        let seqs: Vec<i64> = seen.keys().copied().collect();
        let seq = *at.get(&seqs);
        seen.remove(&seq);
        let found = case.finish(&seen).unwrap();
        prop_assert_eq!((found.seq, found.kind), (seq, FindingKind::RemovalChanged));
    }

    #[test]
    fn another_hash_or_place_is_found(case in cases(), at in any::<proptest::sample::Index>(), what in 0_u8..3) {
        let mut seen = case.seen();
        prop_assume!(!seen.is_empty());
        let seqs: Vec<i64> = seen.keys().copied().collect();
        let seq = *at.get(&seqs);
        let (id, leaf) = seen.get_mut(&seq).unwrap();
        match what {
            0 => leaf.leaf_hash[9] ^= 1,
            1 => leaf.event_id = EventId::from_uuid(Uuid::from_u128(5)),
            _ => leaf.cursor.ord += 1,
        }
        let first = case.seen().values().filter(|(by, _)| by == id).map(|(_, leaf)| leaf.seq).min();
        let found = case.finish(&seen).unwrap();
        prop_assert_eq!((Some(found.seq), found.kind), (first, FindingKind::RemovalChanged));
    }
}

#[test]
fn only_the_service_itself_tells_of_removals_and_only_consistently() {
    let removal = removal(&[leaf(2), leaf(3)]);
    let body = told(&removal);
    assert_eq!(Removal::read(&body), Some(removal.clone()));
    assert_eq!(
        Removal::read(&told_by(Actor::Operator, &removal)),
        Some(removal.clone())
    );
    assert_eq!(Removal::read(&told_by(Actor::Anonymous, &removal)), None);
    assert_eq!(
        Removal::read(&told(&self::removal(&[]))),
        None,
        "nothing was removed"
    );
    let other = |name: &str, value: &str| {
        let mut body = body.clone();
        body.details
            .insert(name.into(), vutf_kernel::Detail::Text(value.into()));
        Removal::read(&body)
    };
    for (name, value) in [
        ("seqs", "2-4"),
        ("digest", "00"),
        ("count", "2"),
        ("seqs", "3,2"),
        ("run", "x"),
    ] {
        assert_eq!(other(name, value), None, "{name}");
    }
    let mut failed = body.clone();
    failed.outcome = Outcome::refused("x");
    assert_eq!(Removal::read(&failed), None);
    let mut read = body;
    read.action = "audit.read".into();
    assert_eq!(Removal::read(&read), None);
}
