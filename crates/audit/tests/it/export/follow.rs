//! Only what follows is exported, and what is gone leaves as a tombstone.

use vutf_audit::{
    Anchor, FindingKind, LogEntry, LogReader, MemoryLog,
    export::{Exported, batch, check_end, follow},
};
use vutf_kernel::EventId;

use crate::world::{log_of, now};

async fn entries(log: &MemoryLog) -> Vec<LogEntry> {
    log.entries(0, 1_000).await.unwrap()
}

/// The record of an entry whose body was pruned.
pub(crate) fn tombstone() -> Exported {
    now(async {
        let log = log_of(2).await;
        log.tamper(|rows| rows.intake.remove(1));
        let (records, found) = batch(&log, None, 10).await.unwrap();
        assert_eq!(found, None);
        records.into_iter().nth(1).unwrap()
    })
}

#[test]
fn every_entry_follows_from_the_one_before() {
    now(async {
        let log = log_of(20).await;
        let (mut reached, mut seen) = (None, Vec::new());
        loop {
            let (records, found) = batch(&log, reached, 7).await.unwrap();
            assert_eq!(found, None);
            let Some(last) = records.last() else { break };
            reached = Some(last.anchor());
            seen.extend(records);
        }
        assert!(seen.iter().map(|record| record.seq).eq(0..20));
        assert!(seen.windows(2).all(|pair| pair[0].chain == pair[1].previous));
        assert_eq!(
            reached.map(|anchor| anchor.chain),
            log.head().await.unwrap().map(|leaf| leaf.chain)
        );
    });
}

#[test]
fn a_tombstone_keeps_number_chain_and_time_and_says_nothing_of_the_event() {
    let record = tombstone();
    assert_eq!((record.seq, record.is_tombstone()), (1, true));
    assert_eq!(record.body.action, "audit.pruned");
    assert!(record.body.subjects.is_empty() && record.body.private.is_empty());
    // The instant is in the id: the test's events happen when it runs.
    let uuid = EventId::as_uuid(&record.body.id);
    let (secs, nanos) = uuid.get_timestamp().unwrap().to_unix();
    let millis = secs * 1_000 + u64::from(nanos / 1_000_000);
    assert_eq!(
        record.body.occurred_at.as_micros(),
        i64::try_from(millis).unwrap() * 1_000
    );
}

type Tamper = fn(&MemoryLog);

#[test]
fn what_was_done_to_the_log_ends_the_export_before_it() {
    now(async {
        let found = |kind| {
            move |found: Option<vutf_audit::Finding>| {
                found.map(|found| (found.seq, found.kind)) == Some((3, kind))
            }
        };
        let cases: [(&str, Tamper, FindingKind); 5] = [
            (
                "a body",
                |log| log.tamper(|rows| rows.intake[3].body[20] ^= 1),
                FindingKind::BodyChanged,
            ),
            (
                "a leaf hash",
                |log| log.tamper(|rows| rows.leaves[3].leaf_hash[0] ^= 1),
                FindingKind::ChainChanged,
            ),
            (
                "a chain hash",
                |log| log.tamper(|rows| rows.leaves[3].chain[0] ^= 1),
                FindingKind::ChainChanged,
            ),
            (
                "a leaf is gone",
                |log| {
                    log.tamper(|rows| rows.leaves.remove(3));
                },
                FindingKind::LeafMissing,
            ),
            (
                "bodies are exchanged",
                |log| {
                    log.tamper(|rows| {
                        let other = rows.intake[5].body.clone();
                        rows.intake[3].body = other;
                    });
                },
                FindingKind::BodyChanged,
            ),
        ];
        for (what, tamper, kind) in cases {
            let log = log_of(8).await;
            tamper(&log);
            let (records, finding) = batch(&log, None, 100).await.unwrap();
            assert!(records.iter().map(|record| record.seq).eq(0..3), "{what}");
            assert!(found(kind)(finding.clone()), "{what}: {finding:?}");
        }
    });
}

#[test]
fn a_token_of_another_log_and_a_log_that_was_cut_off_are_gaps() {
    now(async {
        let log = log_of(8).await;
        let entries = entries(&log).await;
        let token = Anchor::of(&entries[4].leaf);
        assert_eq!(check_end(&log, Some(token)).await.unwrap(), None);
        let (records, found) = batch(&log, Some(token), 100).await.unwrap();
        assert!(found.is_none() && records.iter().map(|record| record.seq).eq(5..8));

        let foreign = Anchor {
            chain: [1; 32],
            ..token
        };
        let (records, found) = batch(&log, Some(foreign), 100).await.unwrap();
        assert!(records.is_empty());
        assert_eq!(found.map(|found| found.seq), Some(5));

        let last = Anchor::of(&entries[7].leaf);
        log.tamper(|rows| rows.leaves.truncate(6));
        let (_, found) = batch(&log, Some(last), 100).await.unwrap();
        assert_eq!(
            found.map(|found| (found.seq, found.kind)),
            Some((7, FindingKind::LeafMissing))
        );
        let head = Anchor {
            chain: [2; 32],
            seq: 5,
        };
        let (_, found) = batch(&log, Some(head), 100).await.unwrap();
        assert_eq!(found.map(|found| found.kind), Some(FindingKind::AnchorMismatch));
    });
}

#[test]
fn what_does_not_follow_leaves_the_token_where_it_was() {
    now(async {
        let entries = entries(&log_of(3).await).await;
        let mut reached = None;
        follow(&mut reached, &entries[0]).unwrap();
        let before = reached;
        follow(&mut reached, &entries[2]).unwrap_err();
        assert_eq!(reached, before);
        follow(&mut reached, &entries[0]).unwrap_err();
        assert_eq!(reached, before);
        follow(&mut reached, &entries[1]).unwrap();
    });
}
