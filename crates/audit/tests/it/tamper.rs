//! Whatever is changed behind the log's back is named by the first sequence number that does not fit.

use FindingKind::{
    AnchorMismatch, BodyChanged, BodyNotCanonical, ChainChanged, ColumnChanged, CursorChanged, EventMissing,
    LeafHashChanged, LeafMissing, LeafRepeated, PartChanged, PartMissing, PassedOver, SubjectsChanged,
};
use proptest::prelude::*;
use uuid::Uuid;
use vutf_audit::{FindingKind, GENESIS, chain_after, leaf_hash, memory::Rows};
use vutf_kernel::{EventId, OrganizationId, Timestamp};

use crate::world::{anchor, check, check_against, log_of, now, user};

/// What is done, where, and where it must be found.
struct Change {
    name: &'static str,
    kind: FindingKind,
    /// The number at which it must be found, from `k`, the partner `j > k`, and the length `n`.
    at: fn(usize, usize, usize) -> usize,
    /// `(rows, k, j, noise)`.
    apply: fn(&mut Rows, usize, usize, usize),
}

const fn here(name: &'static str, kind: FindingKind, apply: fn(&mut Rows, usize, usize, usize)) -> Change {
    Change {
        name,
        kind,
        at: |k, _, _| k,
        apply,
    }
}

fn flip(bytes: &mut [u8], noise: usize) {
    let bit = noise % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}

/// Everything that an attacker with full write access to the leaves would recompute from `from` on.
fn rechain(rows: &mut Rows, from: usize) {
    let mut chain = from
        .checked_sub(1)
        .map_or(GENESIS, |before| rows.leaves[before].chain);
    for at in from..rows.leaves.len() {
        let id = rows.leaves[at].event_id;
        let body = &rows.intake.iter().find(|row| row.id == id).unwrap().body;
        rows.leaves[at].leaf_hash = leaf_hash(body);
        chain = chain_after(&chain, &rows.leaves[at].leaf_hash);
        rows.leaves[at].chain = chain;
    }
}

const CHANGES: &[Change] = &[
    here("a bit of the body", BodyChanged, |rows, k, _, noise| {
        flip(&mut rows.intake[k].body, noise);
    }),
    here("bodies exchanged", BodyChanged, |rows, k, j, _| {
        let body = rows.intake[k].body.clone();
        rows.intake[k].body = std::mem::replace(&mut rows.intake[j].body, body);
    }),
    here("events exchanged", BodyChanged, |rows, k, j, _| {
        let id = rows.leaves[k].event_id;
        rows.leaves[k].event_id = std::mem::replace(&mut rows.leaves[j].event_id, id);
    }),
    here("a bit of the leaf hash", LeafHashChanged, |rows, k, _, noise| {
        flip(&mut rows.leaves[k].leaf_hash, noise);
    }),
    here("a bit of the chain hash", ChainChanged, |rows, k, _, noise| {
        flip(&mut rows.leaves[k].chain, noise);
    }),
    here("numbers exchanged", ChainChanged, |rows, k, j, _| {
        let seq = rows.leaves[k].seq;
        rows.leaves[k].seq = std::mem::replace(&mut rows.leaves[j].seq, seq);
    }),
    here("the leaf deleted", LeafMissing, |rows, k, _, _| {
        rows.leaves.remove(k);
    }),
    here("leaf and event deleted", LeafMissing, |rows, k, _, _| {
        rows.leaves.remove(k);
        rows.intake.remove(k);
    }),
    here("the end cut off", LeafMissing, |rows, k, _, _| {
        rows.leaves.truncate(k);
        rows.intake.truncate(k);
    }),
    here("the leaf repeated", LeafRepeated, |rows, k, _, _| {
        let leaf = rows.leaves[k].clone();
        rows.leaves.push(leaf);
    }),
    here("the event deleted", EventMissing, |rows, k, _, _| {
        rows.intake.remove(k);
    }),
    here("the leaf's event renamed", EventMissing, |rows, k, _, _| {
        rows.leaves[k].event_id = EventId::from_uuid(Uuid::nil());
    }),
    here("column organization_id", ColumnChanged, |rows, k, _, _| {
        rows.intake[k].organization_id = OrganizationId::from_uuid(Uuid::nil());
    }),
    here("column occurred_at", ColumnChanged, |rows, k, _, _| {
        rows.intake[k].occurred_at = Timestamp::from_micros(rows.intake[k].occurred_at.as_micros() + 1);
    }),
    here("column request_id", ColumnChanged, |rows, k, _, _| {
        rows.intake[k].request_id.push('x');
    }),
    here("column actor_kind", ColumnChanged, |rows, k, _, _| {
        rows.intake[k].actor_kind = "system".into();
    }),
    here("column actor_id", ColumnChanged, |rows, k, _, _| {
        rows.intake[k].actor_id = None;
    }),
    here("column action", ColumnChanged, |rows, k, _, _| {
        rows.intake[k].action = "user.read".into();
    }),
    here("column resource_kind", ColumnChanged, |rows, k, _, _| {
        rows.intake[k].resource_kind.clear();
    }),
    here("column resource_id", ColumnChanged, |rows, k, _, _| {
        rows.intake[k].resource_id = None;
    }),
    here("column outcome", ColumnChanged, |rows, k, _, _| {
        rows.intake[k].outcome = "failed".into();
    }),
    here("id, in leaf and intake alike", ColumnChanged, |rows, k, _, _| {
        let id = EventId::from_uuid(Uuid::nil());
        rows.intake[k].id = id;
        rows.leaves[k].event_id = id;
    }),
    here("a subject deleted", SubjectsChanged, |rows, k, _, _| {
        rows.intake[k].subjects.pop();
    }),
    here("a subject added", SubjectsChanged, |rows, k, _, _| {
        rows.intake[k].subjects.push(user(3));
    }),
    here("a subject repeated", SubjectsChanged, |rows, k, _, _| {
        rows.intake[k].subjects.push(user(2));
    }),
    here("a bit of a sealed part", PartChanged, |rows, k, _, noise| {
        flip(&mut rows.intake[k].parts[1].ciphertext, noise);
    }),
    here("a bit of a salt", PartChanged, |rows, k, _, noise| {
        flip(&mut rows.intake[k].parts[0].salt, noise);
    }),
    here(
        "sealed parts of one event exchanged",
        PartChanged,
        |rows, k, _, _| {
            let [a, b] = &mut rows.intake[k].parts[..] else {
                panic!("two parts")
            };
            std::mem::swap(&mut a.name, &mut b.name);
        },
    ),
    here(
        "sealed parts of two events exchanged",
        PartChanged,
        |rows, k, j, _| {
            let parts = rows.intake[k].parts.clone();
            rows.intake[k].parts = std::mem::replace(&mut rows.intake[j].parts, parts);
        },
    ),
    here("a sealed part repeated", PartChanged, |rows, k, _, _| {
        let part = rows.intake[k].parts[0].clone();
        rows.intake[k].parts.push(part);
    }),
    here("all sealed parts deleted", PartMissing, |rows, k, _, _| {
        rows.intake[k].parts.clear();
    }),
    here("one sealed part deleted", PartMissing, |rows, k, _, _| {
        rows.intake[k].parts.pop();
    }),
    here("the leaf's cursor", CursorChanged, |rows, k, _, _| {
        rows.leaves[k].cursor.ord = i64::MAX;
    }),
    here("the leaf's transaction", CursorChanged, |rows, k, _, _| {
        rows.leaves[k].cursor.xid += 1;
    }),
    here("the event's cursor", CursorChanged, |rows, k, _, _| {
        let id = rows.intake[k].id;
        rows.cursors.get_mut(&id).unwrap().ord = -1;
    }),
    here(
        "a body that means the same, with all hashes recomputed",
        BodyNotCanonical,
        |rows, k, _, _| {
            rows.intake[k].body.push(b' ');
            rechain(rows, k);
        },
    ),
    here(
        "a body that means nothing, with all hashes recomputed",
        BodyNotCanonical,
        |rows, k, _, _| {
            rows.intake[k].body = b"{}".to_vec();
            rechain(rows, k);
        },
    ),
    Change {
        name: "an event forged, with its own hashes recomputed",
        kind: ChainChanged,
        at: |k, _, _| k + 1,
        apply: |rows, k, _, _| {
            let after: Vec<_> = rows.leaves[k + 1..].to_vec();
            forge(rows, k);
            rows.leaves[k + 1..].clone_from_slice(&after);
        },
    },
    Change {
        name: "an event forged, with all hashes recomputed",
        kind: AnchorMismatch,
        at: |_, _, n| n - 1,
        apply: |rows, k, _, _| forge(rows, k),
    },
];

/// Event `k` becomes another, as consistent as somebody with full write access can make it.
fn forge(rows: &mut Rows, k: usize) {
    let row = &mut rows.intake[k];
    let mut body = vutf_audit::parse_body(&row.body).unwrap();
    body.action = "user.read".into();
    row.action.clone_from(&body.action);
    row.body = body.to_bytes();
    rechain(rows, k);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_change_is_named(n in 3_usize..24, k in any::<proptest::sample::Index>(), j in any::<proptest::sample::Index>(), noise in any::<usize>()) {
        // Never the last: some changes need a partner, some a successor. The last entry has its own test.
        let k = k.index(n - 1);
        let j = k + 1 + j.index(n - k - 1);
        for change in CHANGES {
            let log = now(log_of(u32::try_from(n).unwrap()));
            let head = anchor(&log);
            prop_assert_eq!(check_against(&log, head).first_bad, None);
            log.tamper(|rows| (change.apply)(rows, k, j, noise));
            let found = check_against(&log, head).first_bad;
            let found = found.map(|finding| (finding.seq, finding.kind));
            let expected = i64::try_from((change.at)(k, j, n)).unwrap();
            prop_assert_eq!(found, Some((expected, change.kind)), "{} at {} of {}", change.name, k, n);
        }
    }
}

#[test]
fn a_forged_last_entry_is_shown_by_the_anchor_alone() {
    let log = now(log_of(5));
    let head = anchor(&log);
    log.tamper(|rows| forge(rows, 4));
    assert_eq!(check(&log).first_bad, None);
    let found = check_against(&log, head).first_bad.unwrap();
    assert_eq!((found.seq, found.kind), (4, AnchorMismatch));
}

#[test]
fn a_log_that_lost_its_end_is_shown_by_the_anchor_alone() {
    let log = now(log_of(5));
    let head = anchor(&log);
    log.tamper(|rows| {
        rows.leaves.truncate(3);
        rows.intake.truncate(3);
    });
    assert_eq!(check(&log).first_bad, None);
    let found = check_against(&log, head).first_bad.unwrap();
    assert_eq!((found.seq, found.kind), (3, LeafMissing));
}

#[test]
fn an_event_that_stands_before_the_head_without_a_place_is_found() {
    let log = now(log_of(6));
    // The end is resealed without the event: as consistent as somebody with full write access can make it.
    log.tamper(|rows| {
        rows.leaves.remove(4);
        rows.leaves[4].seq = 4;
        rechain(rows, 4);
    });
    let found = check(&log).first_bad.unwrap();
    assert_eq!((found.seq, found.kind), (5, PassedOver));
}

#[test]
fn an_event_that_waits_while_much_later_ones_have_their_places_is_found() {
    let log = now(log_of(4));
    let mut late = crate::world::event(9);
    late.occurred_at = late.occurred_at.plus(std::time::Duration::from_secs(61));
    now(async {
        crate::world::append(&log, crate::world::event(8)).await;
        crate::world::append(&log, late).await;
    });
    assert_eq!(check(&log).first_bad, None, "to wait is allowed");
    log.tamper(|rows| {
        let ids = [rows.intake[4].id, rows.intake[5].id];
        // A database that orders otherwise, as after a restore: only the times tell.
        let [waits, placed] = ids.map(|id| rows.cursors[&id]);
        rows.cursors.extend([(ids[0], placed), (ids[1], waits)]);
        rows.intake.swap(4, 5);
    });
    now(async {
        let lease = crate::world::lease(&log).await;
        vutf_audit::sequence_batch(&log, &lease, 1).await.unwrap();
    });
    let found = check(&log).first_bad.unwrap();
    assert_eq!((found.seq, found.kind), (5, PassedOver));
}

#[test]
fn a_log_that_has_grown_since_the_anchor_verifies() {
    let log = now(log_of(5));
    let head = anchor(&log);
    now(async {
        crate::world::append(&log, crate::world::event(5)).await;
        let lease = crate::world::lease(&log).await;
        vutf_audit::sequence_batch(&log, &lease, 10).await.unwrap();
    });
    let report = check_against(&log, head);
    assert_eq!((report.checked, report.first_bad), (6, None));
}

#[test]
fn only_the_first_misfit_is_named_and_counting_stops_there() {
    let log = now(log_of(9));
    log.tamper(|rows| {
        rows.intake[6].outcome.clear();
        rows.intake[4].outcome.clear();
    });
    let report = check(&log);
    assert_eq!((report.checked, report.head.unwrap().seq), (4, 3));
    assert_eq!(report.first_bad.unwrap().seq, 4);
}

#[test]
fn leaves_below_zero_are_found() {
    let log = now(log_of(3));
    log.tamper(|rows| {
        let mut leaf = rows.leaves[0].clone();
        leaf.seq = -1;
        rows.leaves.push(leaf);
    });
    let found = check(&log).first_bad.unwrap();
    assert_eq!((found.seq, found.kind), (-1, LeafRepeated));
}
