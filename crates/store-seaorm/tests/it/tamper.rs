//! Whatever an administrator of the database changes in the log is named by verification.

use sea_orm::{ConnectionTrait as _, DatabaseConnection};
use uuid::Uuid;
use vutf_audit::{
    Anchor, Edge, FindingKind, LogEntry, SequenceError, Sequencing, sequence_after, sequence_batch, verify,
    verify_against,
};
use vutf_testkit::{contracts::NEIGHBOUR, factory::Factory};

use crate::world::{AUDIT_TABLES, World};

on_both!(
    every_change_is_named_by_its_number,
    what_stands_beside_the_log_is_found,
    protection_that_was_taken_away_is_named,
    an_end_that_was_cut_off_is_not_resealed,
    a_cursor_beyond_all_events_is_not_followed
);

/// A place in the log, the one after it, and the words of the database.
struct Target<'a> {
    world: &'a World,
    here: &'a LogEntry,
    next: &'a LogEntry,
}

struct Change {
    name: &'static str,
    kind: FindingKind,
    sql: fn(&Target<'_>) -> String,
}

impl Target<'_> {
    /// The event here as a literal.
    fn event(&self) -> String {
        self.world.id(self.here.leaf.event_id.as_uuid())
    }
    fn intake(&self, set: &str) -> String {
        format!("UPDATE audit_intake SET {set} WHERE id = {}", self.event())
    }
    fn leaf(&self, set: &str) -> String {
        format!("UPDATE audit_leaf SET {set} WHERE seq = {}", self.here.leaf.seq)
    }
    fn flipped(&self, bytes: &[u8]) -> String {
        let mut bytes = bytes.to_vec();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        self.world.bytes(&bytes)
    }
    /// Exchanges the values of a unique column of two leaves.
    fn exchange(&self, column: &str, here: &str, next: &str, free: &str) -> String {
        let set =
            |value: &str, seq: i64| format!("UPDATE audit_leaf SET {column} = {value} WHERE seq = {seq};");
        let (a, b) = (self.here.leaf.seq, self.next.leaf.seq);
        if column == "seq" {
            return [
                set(free, a),
                set(here, b),
                format!("UPDATE audit_leaf SET seq = {next} WHERE seq = {free}"),
            ]
            .concat();
        }
        [set(free, a), set(here, b), set(next, a)].concat()
    }
}

const CHANGES: &[Change] = &[
    change("a bit of the body", FindingKind::BodyChanged, |t| {
        let body = &t.here.intake.as_ref().unwrap().body;
        t.intake(&format!("body = {}", t.flipped(body)))
    }),
    change(
        "the bodies of two events exchanged",
        FindingKind::BodyChanged,
        |t| {
            let (a, b) = (t.here.intake.as_ref().unwrap(), t.next.intake.as_ref().unwrap());
            format!(
                "{}; UPDATE audit_intake SET body = {} WHERE id = {}",
                t.intake(&format!("body = {}", t.world.bytes(&b.body))),
                t.world.bytes(&a.body),
                t.world.id(b.id.as_uuid())
            )
        },
    ),
    change("the action", FindingKind::ColumnChanged, |t| {
        t.intake("action = 'user.read'")
    }),
    change("the outcome", FindingKind::ColumnChanged, |t| {
        t.intake("outcome = 'failed'")
    }),
    change("the time", FindingKind::ColumnChanged, |t| {
        t.intake("occurred_at = occurred_at + 1")
    }),
    change("the actor", FindingKind::ColumnChanged, |t| {
        t.intake("actor_id = NULL")
    }),
    change("the request", FindingKind::ColumnChanged, |t| {
        t.intake("request_id = 'another'")
    }),
    change("the resource", FindingKind::ColumnChanged, |t| {
        t.intake("resource_id = NULL")
    }),
    change("a subject deleted", FindingKind::SubjectsChanged, |t| {
        format!("DELETE FROM audit_subject_ref WHERE event_id = {}", t.event())
    }),
    change("a subject added", FindingKind::SubjectsChanged, |t| {
        format!(
            "INSERT INTO audit_subject_ref (event_id, organization_id, subject_id) \
             SELECT id, organization_id, {} FROM audit_intake WHERE id = {}",
            t.world.id(Uuid::from_u128(5)),
            t.event()
        )
    }),
    change("a sealed part", FindingKind::PartChanged, |t| {
        let parts = vutf_audit::encode_parts(&t.here.intake.as_ref().unwrap().parts);
        t.intake(&format!("parts = {}", t.flipped(&parts)))
    }),
    change(
        "sealed parts that cannot be read",
        FindingKind::PartChanged,
        |t| t.intake(&format!("parts = {}", t.world.bytes(b"\x09nonsense"))),
    ),
    change("sealed parts emptied", FindingKind::PartMissing, |t| {
        t.intake(&format!("parts = {}", t.world.bytes(b"\x01")))
    }),
    change(
        "a subject named in another tenant",
        FindingKind::SubjectsChanged,
        |t| {
            format!(
                "UPDATE audit_subject_ref SET organization_id = {} WHERE event_id = {}",
                t.world.id(NEIGHBOUR.as_uuid()),
                t.event()
            )
        },
    ),
    change("the event's transaction", FindingKind::CursorChanged, |t| {
        t.intake("xid = xid + 1")
    }),
    change("the leaf's transaction", FindingKind::CursorChanged, |t| {
        t.leaf("xid = 9223372036854775807")
    }),
    change("the leaf's order", FindingKind::CursorChanged, |t| {
        t.leaf("ord = 9223372036854775807")
    }),
    change("the event deleted", FindingKind::EventMissing, |t| {
        format!("DELETE FROM audit_intake WHERE id = {}", t.event())
    }),
    change("the leaf deleted", FindingKind::LeafMissing, |t| {
        format!("DELETE FROM audit_leaf WHERE seq = {}", t.here.leaf.seq)
    }),
    change(
        "leaf, event and subjects deleted",
        FindingKind::LeafMissing,
        |t| {
            format!(
                "DELETE FROM audit_leaf WHERE seq = {}; DELETE FROM audit_intake WHERE id = {event}; \
             DELETE FROM audit_subject_ref WHERE event_id = {event}",
                t.here.leaf.seq,
                event = t.event()
            )
        },
    ),
    change("the leaf hash", FindingKind::LeafHashChanged, |t| {
        t.leaf(&format!("leaf_hash = {}", t.flipped(&t.here.leaf.leaf_hash)))
    }),
    change("a leaf hash that is none", FindingKind::LeafHashChanged, |t| {
        t.leaf(&format!("leaf_hash = {}", t.world.bytes(b"short")))
    }),
    change("the chain hash", FindingKind::ChainChanged, |t| {
        t.leaf(&format!("chain = {}", t.flipped(&t.here.leaf.chain)))
    }),
    change("a chain hash that is none", FindingKind::ChainChanged, |t| {
        t.leaf(&format!("chain = {}", t.world.bytes(b"")))
    }),
    change(
        "the events of two leaves exchanged",
        FindingKind::BodyChanged,
        |t| {
            let id = |entry: &LogEntry| t.world.id(entry.leaf.event_id.as_uuid());
            t.exchange("event_id", &id(t.here), &id(t.next), &t.world.id(Uuid::nil()))
        },
    ),
    change(
        "the numbers of two leaves exchanged",
        FindingKind::ChainChanged,
        |t| {
            t.exchange(
                "seq",
                &t.here.leaf.seq.to_string(),
                &t.next.leaf.seq.to_string(),
                "1000000",
            )
        },
    ),
];

const fn change(name: &'static str, kind: FindingKind, sql: fn(&Target<'_>) -> String) -> Change {
    Change { name, kind, sql }
}

async fn every_change_is_named_by_its_number(world: World) {
    let (log, mut factory) = (world.log(), Factory::new(8));
    let events: Vec<_> = (0..6).map(|_| factory.event()).collect();
    world.append(&events).await;
    log.sequence_all(&world.lease().await).await;
    let entries = log.whole().await;
    world.drop_triggers().await;
    // One connection for all of it: opening hundreds is what the test would then be about.
    let outside = world.outside().await;
    for table in AUDIT_TABLES {
        run(
            &outside,
            &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"),
        )
        .await;
    }
    // The first of ours, one in the middle, and the last but one; before them stand the events of the keys.
    for place in [entries.len() - 6, entries.len() - 4, entries.len() - 2] {
        let target = Target {
            world: &world,
            here: &entries[place],
            next: &entries[place + 1],
        };
        for change in CHANGES {
            run(&outside, &(change.sql)(&target)).await;
            let report = verify(log.reader(), &mut |_| {}).await.unwrap();
            let found = report
                .first_bad
                .unwrap_or_else(|| panic!("{} goes unseen", change.name));
            assert_eq!(
                (found.seq, found.kind),
                (target.here.leaf.seq, change.kind),
                "{}",
                change.name
            );
            restore(&world, &outside).await;
        }
    }
    let report = verify(log.reader(), &mut |_| {}).await.unwrap();
    assert_eq!(
        (report.first_bad, report.checked),
        (None, entries.len() as u64),
        "untouched, it fits"
    );
    outside.close().await.unwrap();
}

async fn run(outside: &DatabaseConnection, sql: &str) {
    let done = outside.execute_unprepared(sql).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn restore(world: &World, outside: &DatabaseConnection) {
    for table in AUDIT_TABLES {
        let identity = if world.is_postgres() {
            "OVERRIDING SYSTEM VALUE"
        } else {
            ""
        };
        let sql = format!("DELETE FROM {table}; INSERT INTO {table} {identity} SELECT * FROM kept_{table}");
        run(outside, &sql).await;
    }
}

/// What SQLite lets into a column of another type, and so into the log.
#[tokio::test]
async fn values_of_another_type_are_named_by_their_number() {
    let world = World::sqlite().await;
    let (log, mut factory) = (world.log(), Factory::new(12));
    let events: Vec<_> = (0..4).map(|_| factory.event()).collect();
    world.append(&events).await;
    log.sequence_all(&world.lease().await).await;
    let entries = log.whole().await;
    world.drop_triggers().await;
    for table in AUDIT_TABLES {
        world
            .sql(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"))
            .await;
    }
    let seq = entries[entries.len() - 2].leaf.seq;
    let intake = |set: &str| {
        format!(
            "UPDATE audit_intake SET {set} WHERE id = (SELECT event_id FROM audit_leaf WHERE seq = {seq})"
        )
    };
    let leaf = |set: &str| format!("UPDATE audit_leaf SET {set} WHERE seq = {seq}");
    let changes = [
        intake("body = CAST(body AS TEXT)"),
        intake("parts = CAST(parts AS TEXT)"),
        intake("occurred_at = 'yesterday'"),
        intake("occurred_at = 1.5"),
        intake("outcome = CAST(X'FF' AS TEXT)"),
        intake("outcome = X'FF'"),
        intake("actor_id = X'00'"),
        intake("ord = -ord"),
        leaf("event_id = X'0102'"),
        leaf("xid = 'x'"),
        leaf("chain = 7"),
        leaf("seq = 'x'"),
        format!(
            "UPDATE audit_subject_ref SET subject_id = X'01' WHERE event_id = (SELECT event_id FROM audit_leaf WHERE seq = {seq})"
        ),
    ];
    for change in changes {
        assert!(world.sql(&change).await > 0, "{change}");
        let report = verify(log.reader(), &mut |_| {}).await.unwrap();
        let found = report.first_bad.unwrap_or_else(|| panic!("{change} goes unseen"));
        assert_eq!(found.seq, seq, "{change}: {found}");
        let outside = world.outside().await;
        restore(&world, &outside).await;
        outside.close().await.unwrap();
    }
    let report = verify(log.reader(), &mut |_| {}).await.unwrap();
    assert_eq!(report.first_bad, None, "untouched, it fits");
}

async fn what_stands_beside_the_log_is_found(world: World) {
    let (log, mut factory) = (world.log(), Factory::new(9));
    let lease = world.lease().await;
    world
        .append(&[factory.event(), factory.event(), factory.event()])
        .await;
    log.sequence_all(&lease).await;
    let reference = format!(
        "INSERT INTO audit_subject_ref (event_id, organization_id, subject_id) VALUES ({}, {}, {})",
        world.id(Uuid::from_u128(1)),
        world.id(NEIGHBOUR.as_uuid()),
        world.id(Uuid::from_u128(2))
    );
    world.sql(&reference).await;
    let found = verify(log.reader(), &mut |_| {})
        .await
        .unwrap()
        .first_bad
        .unwrap();
    assert_eq!(found.kind, FindingKind::SubjectsChanged);

    world.drop_triggers().await;
    world
        .sql(&format!(
            "DELETE FROM audit_subject_ref WHERE event_id = {}",
            world.id(Uuid::from_u128(1))
        ))
        .await;
    let report = verify(log.reader(), &mut |_| {}).await.unwrap();
    assert_eq!(report.first_bad, None);
    // The last leaf takes the place of the one before it, resealed: the event there has none any more.
    let entries = log.whole().await;
    let [.., before, left_out, last] = &entries[..] else {
        panic!("three")
    };
    let mut resealed = vutf_audit::link(
        Some(&before.leaf),
        &[vutf_audit::Pending {
            event_id: last.leaf.event_id,
            body: last.intake.as_ref().unwrap().body.clone(),
            cursor: last.leaf.cursor,
            voucher: vutf_audit::Voucher::Service,
        }],
    );
    let leaf = resealed.remove(0);
    world
        .sql(&format!(
            "DELETE FROM audit_leaf WHERE seq = {}; UPDATE audit_leaf SET seq = {}, chain = {} WHERE seq = {}",
            left_out.leaf.seq,
            leaf.seq,
            world.bytes(&leaf.chain),
            last.leaf.seq
        ))
        .await;
    let found = verify(log.reader(), &mut |_| {})
        .await
        .unwrap()
        .first_bad
        .unwrap();
    assert_eq!((found.seq, found.kind), (last.leaf.seq, FindingKind::PassedOver));
    assert!(
        found.detail.contains(&left_out.leaf.event_id.to_string()),
        "{found}"
    );
}

async fn protection_that_was_taken_away_is_named(world: World) {
    let log = world.log();
    log.sequence_all(&world.lease().await).await;
    let report = verify(log.reader(), &mut |_| {}).await.unwrap();
    assert!(report.unguarded.is_empty(), "{:?}", report.unguarded);
    if world.is_postgres() {
        world
            .sql("ALTER TABLE audit_leaf DISABLE TRIGGER audit_leaf_append_only")
            .await;
    } else {
        world.sql("DROP TRIGGER audit_leaf_no_delete").await;
    }
    let report = verify(log.reader(), &mut |_| {}).await.unwrap();
    assert_eq!((report.unguarded.len(), report.first_bad), (1, None));
    world.drop_triggers().await;
    let report = verify(log.reader(), &mut |_| {}).await.unwrap();
    // The partitions lose theirs with the table.
    let partitions = if world.is_postgres() {
        let sql = "SELECT COUNT(*) FROM pg_inherits WHERE inhparent = 'audit_intake'::regclass";
        usize::try_from(world.number(sql).await).unwrap()
    } else {
        0
    };
    assert_eq!(
        (report.unguarded.len(), report.first_bad),
        (2 * AUDIT_TABLES.len() + partitions, None)
    );
    world
        .sql("ALTER TABLE audit_leaf RENAME TO kept; CREATE VIEW audit_leaf AS SELECT * FROM kept WHERE seq < 2")
        .await;
    let found = verify(log.reader(), &mut |_| {})
        .await
        .unwrap()
        .first_bad
        .unwrap();
    assert_eq!(found.kind, FindingKind::TableMissing);
    world.sql("DROP VIEW audit_leaf").await;
    let found = verify(log.reader(), &mut |_| {})
        .await
        .unwrap()
        .first_bad
        .unwrap();
    assert_eq!(found.kind, FindingKind::TableMissing);
}

async fn an_end_that_was_cut_off_is_not_resealed(world: World) {
    let (log, mut factory) = (world.log(), Factory::new(10));
    let lease = world.lease().await;
    let events: Vec<_> = (0..6).map(|_| factory.event()).collect();
    world.append(&events).await;
    log.sequence_all(&lease).await;
    let entries = log.whole().await;
    let noted = Anchor::of(&entries.last().unwrap().leaf);
    let cut = entries[entries.len() - 4].leaf.clone();
    world.drop_triggers().await;
    world
        .sql(&format!(
            "DELETE FROM audit_leaf WHERE seq >= {}; DELETE FROM audit_intake WHERE id = {id}; \
             DELETE FROM audit_subject_ref WHERE event_id = {id}",
            cut.seq,
            id = world.id(cut.event_id.as_uuid())
        ))
        .await;
    let how = Sequencing {
        noted: Some(noted),
        ..Sequencing::unsigned(64)
    };
    let Err(SequenceError::Tampered(found)) =
        sequence_after(&world.store, &lease, &how, &mut Edge::default()).await
    else {
        panic!("it goes on")
    };
    assert_eq!((found.seq, found.kind), (cut.seq, FindingKind::LeafMissing));
    assert_eq!(log.whole().await.len(), entries.len() - 4, "nothing was placed");
    // Resealed, it is consistent, and only the head that was noted tells.
    log.sequence_all(&lease).await;
    let report = verify(log.reader(), &mut |_| {}).await.unwrap();
    assert_eq!((report.first_bad, report.pending), (None, 0));
    let report = verify_against(log.reader(), &[noted], &mut |_| {}).await.unwrap();
    assert_eq!(report.first_bad.unwrap().kind, FindingKind::LeafMissing);
}

async fn a_cursor_beyond_all_events_is_not_followed(world: World) {
    let (log, mut factory) = (world.log(), Factory::new(11));
    let lease = world.lease().await;
    world.append(&[factory.event()]).await;
    log.sequence_all(&lease).await;
    let head = log.reader().head().await.unwrap().unwrap();
    world.drop_triggers().await;
    let set = if world.is_postgres() { "xid" } else { "ord" };
    world
        .sql(&format!(
            "UPDATE audit_leaf SET {set} = 9223372036854775807 WHERE seq = {}",
            head.seq
        ))
        .await;
    world.append(&[factory.event()]).await;
    let how = Sequencing::unsigned(64);
    let Err(SequenceError::Tampered(found)) =
        sequence_after(&world.store, &lease, &how, &mut Edge::default()).await
    else {
        panic!("it goes on")
    };
    assert_eq!((found.seq, found.kind), (head.seq, FindingKind::CursorChanged));
    assert!(sequence_batch(&world.store, &lease, 64).await.is_err());
    let lag = world.store.audit_lag().await.unwrap();
    assert_eq!(lag.pending, 1, "the event that waits is counted");
    assert!(lag.oldest_pending.is_some());
}
