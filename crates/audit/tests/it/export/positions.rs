//! How far sinks have come, on the in-memory twin: what every store does is in the contract of the test kit.

use uuid::Uuid;
use vutf_audit::{
    Anchor, Finding, FindingKind, LogReader, MemoryLog, SEQUENCER_LEASE, SequencerStore,
    export::{ExportStore, Position, SinkError, moved, refused, reset},
    parse_body, sequence_batch,
};
use vutf_kernel::{Actor, Ambient, Ctx, Fault, Lease, Leases, OrganizationId, RequestId};

use crate::world::{T0, TTL, lease, now};

fn operator() -> Ctx {
    Ctx::internal(
        OrganizationId::DEFAULT,
        Actor::Operator,
        RequestId::parse("r").unwrap(),
    )
}

async fn held(log: &MemoryLog, holder: u128) -> Lease {
    let held = log
        .acquire("audit-export/file", Uuid::from_u128(holder), T0, TTL)
        .await;
    held.unwrap().unwrap()
}

fn position(seq: i64) -> Position {
    Position {
        sink: "file".into(),
        reached: Some(Anchor { seq, chain: [7; 32] }),
        format: "jsonl".into(),
        updated_at: T0,
        problem: None,
    }
}

async fn events(log: &MemoryLog) -> Vec<String> {
    let lease = lease(log).await;
    assert_eq!(lease.name, SEQUENCER_LEASE);
    let store: &dyn SequencerStore = log;
    while sequence_batch(store, &lease, 100).await.unwrap() > 0 {}
    let entries = log.entries(0, 100).await.unwrap();
    let bodies = entries
        .iter()
        .map(|entry| parse_body(&entry.intake.as_ref().unwrap().body).unwrap());
    bodies.map(|body| body.action).collect()
}

#[test]
fn a_gap_is_written_down_and_told_once() {
    now(async {
        let (log, ambient) = (MemoryLog::unsealed(), Ambient::system());
        let lease = held(&log, 1).await;
        moved(&log, &lease, None, &position(4)).await.unwrap();
        let found = Finding::new(5, FindingKind::LeafMissing, "gone");
        let before = position(4);
        let who = operator();
        let once = refused(
            &who,
            &log,
            &ambient,
            &lease,
            (Some(&before), "file", "jsonl"),
            &found,
        )
        .await
        .unwrap();
        assert_eq!(once.reached, before.reached, "it stays where it was");
        assert!(once.problem.as_ref().unwrap().contains("seq 5"));
        let again = refused(
            &who,
            &log,
            &ambient,
            &lease,
            (Some(&once), "file", "jsonl"),
            &found,
        )
        .await
        .unwrap();
        assert_eq!(again.problem, once.problem);
        assert_eq!(events(&log).await, ["audit.sink_gap"]);
        assert_eq!(log.position("file").await.unwrap().unwrap().problem, once.problem);
    });
}

#[test]
fn an_operator_lets_a_sink_go_on_elsewhere_and_that_is_an_event() {
    now(async {
        let (log, ambient) = (MemoryLog::unsealed(), Ambient::system());
        let unknown = reset(&operator(), &log, &ambient, "file", None)
            .await
            .unwrap_err();
        assert!(matches!(unknown, SinkError::Unknown(name) if name == "file"));
        let lease = held(&log, 1).await;
        moved(&log, &lease, None, &position(4)).await.unwrap();
        let now = reset(&operator(), &log, &ambient, "file", None).await.unwrap();
        assert_eq!((now.reached, &now.problem), (None, &None));
        assert_eq!(events(&log).await, ["audit.sink_reset"]);
        // The service, which does not know of it, does not put it back.
        let error = moved(&log, &lease, Some(&position(4)), &position(9))
            .await
            .unwrap_err();
        assert_eq!(error.fault, Fault::Stale);
        assert_eq!(log.position("file").await.unwrap(), Some(now));
    });
}
