//! What every adapter of the port for exporters must do.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a contract that is broken fails the test that runs it"
)]

use std::time::Duration;

use vutf_audit::{
    Anchor,
    export::{ExportStore, Position, moved},
};
use vutf_kernel::{Fault, Lease};

use crate::factory::Factory;

const LEASE: &str = "audit-export/contract";
const TTL: Duration = Duration::from_mins(1);

/// Runs the whole suite, on a store without positions.
///
/// # Panics
/// Where the contract is broken.
pub async fn exports_contract(store: &dyn ExportStore) {
    let mut factory = Factory::new(0x6578_706F);
    assert_eq!(store.positions().await.unwrap(), []);
    let (one, two, now) = (factory.id(), factory.id(), factory.now());
    let lease = store
        .acquire(LEASE, one, now, TTL)
        .await
        .unwrap()
        .expect("it is free");
    let position = |sink: &str, seq: i64| Position {
        sink: sink.to_owned(),
        reached: Some(Anchor {
            seq,
            chain: [u8::try_from(seq).unwrap(); 32],
        }),
        format: "ocsf".into(),
        updated_at: now,
        problem: None,
    };
    let first = Position {
        reached: None,
        problem: Some("it does not answer".into()),
        ..position("b", 0)
    };
    moved(store, &lease, None, &first).await.unwrap();
    moved(store, &lease, None, &position("a", 7)).await.unwrap();
    assert_eq!(
        store.position("b").await.unwrap(),
        Some(first.clone()),
        "as it was kept"
    );
    assert_eq!(store.position("c").await.unwrap(), None);
    moved(store, &lease, Some(&first), &position("b", 3))
        .await
        .unwrap();
    assert_eq!(
        store.positions().await.unwrap(),
        [position("a", 7), position("b", 3)]
    );

    for (what, before) in [
        ("it was made meanwhile", None),
        ("it was moved meanwhile", Some(&first)),
        ("it was never there", Some(&position("b", 2))),
    ] {
        let late = moved(store, &lease, before, &position("b", 9)).await.unwrap_err();
        assert_eq!(late.fault, Fault::Stale, "{what}");
    }
    let unknown = moved(store, &lease, Some(&position("d", 1)), &position("d", 2)).await;
    assert_eq!(unknown.unwrap_err().fault, Fault::Stale);

    what_is_rolled_back_was_not_moved(store, &lease, &position("b", 3), &position("b", 4)).await;

    // Whoever was overtaken moves nothing.
    let later = now.plus(TTL);
    let taken = store
        .acquire(LEASE, two, later, TTL)
        .await
        .unwrap()
        .expect("it expired");
    let late = moved(store, &lease, Some(&position("b", 3)), &position("b", 4)).await;
    assert_eq!(late.unwrap_err().fault, Fault::Stale);
    moved(store, &taken, Some(&position("b", 3)), &position("b", 4))
        .await
        .unwrap();
    assert_eq!(store.position("b").await.unwrap(), Some(position("b", 4)));
}

async fn what_is_rolled_back_was_not_moved(
    store: &dyn ExportStore,
    lease: &Lease,
    before: &Position,
    now: &Position,
) {
    let mut tx = store.begin_export(Some(lease)).await.unwrap();
    tx.keep(Some(before), now).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(store.position(&now.sink).await.unwrap().as_ref(), Some(before));
}
