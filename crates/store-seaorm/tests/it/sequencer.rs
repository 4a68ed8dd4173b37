//! Places in the log are given after the commit, and nothing that was committed is passed over.

use std::{collections::HashSet, time::Duration};

use vutf_audit::{SEQUENCER_LEASE, SequencerStore, SequencerTx, link, sequence_batch, verify};
use vutf_kernel::{Ambient, EventId, Fault, Lease, Leases, PortError};
use vutf_testkit::{contracts::audit::AuditStore, factory::Factory};

use crate::world::World;

on_both!(
    an_overtaken_sequencer_is_fenced,
    the_lease_is_locked_while_a_batch_is_under_way
);

/// On SQLite nobody need wait for a lock: the batch has the one connection that writes.
const WAITING_FOR_A_LOCK: &str =
    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

async fn order(log: &AuditStore) -> Vec<EventId> {
    let whole = log.whole().await;
    assert!((0_i64..).zip(&whole).all(|(seq, entry)| entry.leaf.seq == seq));
    whole.into_iter().map(|entry| entry.leaf.event_id).collect()
}

async fn acquire(world: &World, factory: &mut Factory, at: vutf_kernel::Timestamp) -> Option<Lease> {
    world
        .store
        .acquire(SEQUENCER_LEASE, factory.id(), at, Duration::from_secs(10))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_inserts_first_and_commits_last_is_not_lost() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let (log, lease) = (world.log(), world.lease().await);
    log.sequence_all(&lease).await;
    let before = order(&log).await.len();
    let mut factory = Factory::new(2);
    let (slow, quick, later) = (factory.event(), factory.event(), factory.event());

    let mut open = world.unit().await;
    open.log().append(slow.clone()).await.unwrap();
    world.append(std::slice::from_ref(&quick)).await;
    for _ in 0..3 {
        assert_eq!(sequence_batch(&world.store, &lease, 64).await.unwrap(), 0);
    }
    assert_eq!(
        order(&log).await.len(),
        before,
        "what began after an open transaction waits for it"
    );
    open.commit().await.unwrap();
    world.append(std::slice::from_ref(&later)).await;
    log.sequence_all(&lease).await;
    assert_eq!(order(&log).await[before..], [slow.id, quick.id, later.id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_is_undone_holds_nobody_back() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let (log, lease) = (world.log(), world.lease().await);
    log.sequence_all(&lease).await;
    let before = order(&log).await.len();
    let mut factory = Factory::new(3);
    let (undone, done) = (factory.event(), factory.event());
    let mut open = world.unit().await;
    open.log().append(undone).await.unwrap();
    world.append(std::slice::from_ref(&done)).await;
    open.rollback().await.unwrap();
    log.sequence_all(&lease).await;
    assert_eq!(order(&log).await[before..], [done.id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_restored_from_a_cluster_with_larger_transaction_ids_are_placed() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let (log, lease) = (world.log(), world.lease().await);
    let mut factory = Factory::new(4);
    let (old, new) = ([factory.event()], [factory.event()]);
    world.append(&old).await;
    // What a dump brings: the row as it was, with the number that the other cluster had given to its transaction.
    world.drop_triggers().await;
    world
        .sql(&format!(
            "UPDATE audit_intake SET xid = 9000000000000000000 WHERE id = '{}'",
            old[0].id
        ))
        .await;
    log.sequence_all(&lease).await;
    let before = order(&log).await;
    assert!(before.contains(&old[0].id));

    world.append(&new).await;
    log.sequence_all(&lease).await;
    let after = order(&log).await;
    assert_eq!(after[..before.len()], before);
    assert_eq!(after[before.len()..], [new[0].id]);
    // And the last place may belong to a restored row: what comes now is behind it all the same.
    let last = factory.event();
    world.append(std::slice::from_ref(&last)).await;
    log.sequence_all(&lease).await;
    assert_eq!(order(&log).await.last(), Some(&last.id));
    let report = verify(log.reader(), &mut |_| {}).await.unwrap();
    assert_eq!((report.first_bad, report.pending), (None, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_log_goes_on_when_the_cluster_has_caught_up_with_its_transaction_ids() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let (log, lease) = (world.log(), world.lease().await);
    let mut factory = Factory::new(7);
    let [old, early, late] = [factory.event(), factory.event(), factory.event()];
    world.append(std::slice::from_ref(&old)).await;
    log.sequence_all(&lease).await;
    world.drop_triggers().await;
    world
        .sql(&format!(
            "WITH restored AS (UPDATE audit_intake SET xid = pg_current_xact_id()::text::bigint + 200 \
             WHERE id = '{id}' RETURNING xid) UPDATE audit_leaf SET xid = (SELECT xid FROM restored) WHERE event_id = '{id}'",
            id = old.id
        ))
        .await;
    // The head stays behind the restored row, and then the cluster passes it.
    world.append(std::slice::from_ref(&early)).await;
    log.sequence_all(&lease).await;
    for _ in 0..260 {
        world.sql("SELECT pg_current_xact_id()").await;
    }
    world.append(std::slice::from_ref(&late)).await;
    log.sequence_all(&lease).await;
    let placed = order(&log).await;
    assert_eq!(placed[placed.len() - 3..], [old.id, early.id, late.id]);
    let report = verify(log.reader(), &mut |_| {}).await.unwrap();
    assert_eq!((report.first_bad, report.pending), (None, 0));
}

#[tokio::test]
async fn sqlite_places_in_the_order_of_commits() {
    let world = World::sqlite().await;
    let (log, lease) = (world.log(), world.lease().await);
    let mut factory = Factory::new(5);
    let events: Vec<_> = (0..20).map(|_| factory.event()).collect();
    for event in events.iter().rev() {
        world.append(std::slice::from_ref(event)).await;
    }
    log.sequence_all(&lease).await;
    let placed = order(&log).await;
    let expected: Vec<_> = events.iter().rev().map(|event| event.id).collect();
    assert_eq!(placed[placed.len() - 20..], expected);
}

async fn an_overtaken_sequencer_is_fenced(world: World) {
    let (log, mut factory) = (world.log(), Factory::new(6));
    let start = Ambient::system().now();
    let first = acquire(&world, &mut factory, start).await.unwrap();
    world.append(&[factory.event()]).await;
    let second = acquire(&world, &mut factory, first.expires_at).await.unwrap();
    assert_eq!(second.epoch, first.epoch + 1);
    for lease in [
        &first,
        &Lease {
            epoch: second.epoch,
            ..first.clone()
        },
    ] {
        let fenced = sequence_batch(&world.store, lease, 64).await.unwrap_err();
        assert_eq!(fenced.fault, Fault::Stale, "neither epoch nor holder may differ");
    }
    assert!(order(&log).await.is_empty());
    log.sequence_all(&second).await;
    assert!(!order(&log).await.is_empty());
}

async fn place_all(tx: &mut dyn SequencerTx) -> Result<usize, PortError> {
    let pending = tx.pending(64).await?;
    let head = tx.head().await?;
    tx.append(&link(head.as_ref(), &pending), &[]).await?;
    Ok(pending.len())
}

async fn the_lease_is_locked_while_a_batch_is_under_way(world: World) {
    let (log, mut factory) = (world.log(), Factory::new(7));
    let first = acquire(&world, &mut factory, Ambient::system().now())
        .await
        .unwrap();
    let event = factory.event();
    world.append(std::slice::from_ref(&event)).await;
    let mut tx = SequencerStore::begin(&world.store, &first).await.unwrap();
    while place_all(&mut *tx).await.unwrap() == 0 {
        // Another database of the same server holds a transaction open.
        tx.rollback().await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        tx = SequencerStore::begin(&world.store, &first).await.unwrap();
    }
    let (store, holder) = (world.store.clone(), factory.id());
    let overtaking = tokio::spawn(async move {
        store
            .acquire(SEQUENCER_LEASE, holder, first.expires_at, Duration::from_secs(10))
            .await
    });
    if world.is_postgres() {
        world.wait_for(WAITING_FOR_A_LOCK, |waiting| waiting > 0).await;
    }
    assert!(!overtaking.is_finished(), "it waits for the batch");
    tx.commit().await.unwrap();
    let second = overtaking.await.unwrap().unwrap().unwrap();
    // The batch may have been a part only: what began beside a transaction of another database waits for its end.
    let placed = order(&log).await;
    assert!(!placed.is_empty());
    log.sequence_all(&second).await;
    let after = order(&log).await;
    assert_eq!(after[..placed.len()], placed, "no place is given again");
    assert!(after.contains(&event.id), "nothing is left out");
    let distinct: HashSet<_> = after.iter().collect();
    assert_eq!(distinct.len(), after.len(), "nothing is placed twice");
}
