//! Pruning removes what is old and held by nobody, and leaves every proof as it was.

mod erased;
mod forged;
mod holds;
mod months;
mod roles;
mod world;

use vutf_audit::{
    FindingKind, LogReader as _, TreeReader as _,
    merkle::verify_inclusion,
    retention::{PlanReport, Removal, RetentionError, RetentionStore as _, Stopped},
    tree::{inclusion_proof, root},
    verify,
};
use vutf_kernel::Fault;

use self::world::{Keeper, days_ago, event};
use crate::world::World;

on_both!(
    what_is_old_goes_and_every_proof_stays,
    batches_are_bounded_and_a_second_run_finds_nothing,
    a_removal_is_told_in_the_log_and_bears_every_entry,
    an_entry_that_was_changed_stops_the_run,
    nothing_is_removed_while_it_is_switched_off,
    a_replica_that_was_overtaken_removes_nothing,
);

/// 12 reads and 5 sign-ins that are old enough, 4 changes that are not, and 3 young reads. Answers the numbers of the old ones.
async fn fill(keeper: &Keeper) -> Vec<i64> {
    let mut events = Vec::new();
    for n in 0..12 {
        events.push(event(days_ago(500), "user.read", n));
    }
    for n in 0..5 {
        events.push(event(days_ago(450), "session.login", n));
    }
    let old: Vec<_> = events.iter().map(|event| event.id).collect();
    for n in 0..4 {
        events.push(event(days_ago(500), "user.update", n));
    }
    for n in 0..3 {
        events.push(event(days_ago(10), "user.read", n));
    }
    keeper.world.append(&events).await;
    keeper.sequence().await;
    let whole = keeper.world.log().whole().await;
    let mine = whole.iter().filter(|entry| old.contains(&entry.leaf.event_id));
    mine.map(|entry| entry.leaf.seq).collect()
}

/// All but the instant, which goes on: class, how many may go and are held, first and last.
type Numbers = (&'static str, u64, u64, Option<i64>, Option<i64>);

fn numbers(report: &PlanReport) -> Vec<Numbers> {
    let classes = report.classes.iter();
    classes
        .map(|class| {
            (
                class.class,
                class.count,
                class.held,
                class.first_seq,
                class.last_seq,
            )
        })
        .collect()
}

async fn what_is_old_goes_and_every_proof_stays(world: World) {
    let keeper = Keeper::new(world).await;
    let old = fill(&keeper).await;
    let store = &keeper.world.store;
    let size = u64::try_from(store.head().await.unwrap().unwrap().seq).unwrap() + 1;
    let root_before = root(store, size).await.unwrap();
    let mut proofs = Vec::new();
    for entry in store.entries(old[0], 1).await.unwrap() {
        let index = u64::try_from(entry.leaf.seq).unwrap();
        proofs.push((
            index,
            entry.leaf.leaf_hash,
            inclusion_proof(store, index, size).await.unwrap(),
        ));
    }
    let planned = keeper.dry_run().await;
    assert_eq!(planned.count(), old.len() as u64);
    let done = keeper.run().await.unwrap();
    assert_eq!(
        numbers(&done),
        numbers(&planned),
        "the dry run said what the run does"
    );

    // The event that tells of it waits for its place, and verification says so.
    let report = verify(store, &mut |_| {}).await.unwrap();
    assert_eq!((report.first_bad, report.pruned), (None, old.len() as u64));
    assert_eq!(report.unconfirmed, old.len() as u64);
    keeper.sequence().await;
    let report = verify(store, &mut |_| {}).await.unwrap();
    assert_eq!(
        (report.first_bad, report.pruned, report.unconfirmed),
        (None, old.len() as u64, 0)
    );
    assert!(report.unguarded.is_empty(), "{:?}", report.unguarded);

    for seq in &old {
        let entry = store.entries(*seq, 1).await.unwrap().remove(0);
        assert_eq!(
            (entry.leaf.seq, entry.intake.is_none(), entry.pruned.is_some()),
            (*seq, true, true)
        );
        assert!(store.entry(entry.leaf.event_id).await.unwrap().is_none());
    }
    let orphans = "SELECT COUNT(*) FROM audit_subject_ref r WHERE NOT EXISTS (SELECT 1 FROM audit_intake i WHERE i.id = r.event_id)";
    assert_eq!(keeper.world.number(orphans).await, 0);
    for (index, leaf_hash, proof) in proofs {
        verify_inclusion(&leaf_hash, index, size, &proof, &root_before).unwrap();
        assert_eq!(
            inclusion_proof(store, index, size).await.unwrap(),
            proof,
            "and it is still given"
        );
        assert_eq!(
            store
                .tile(vutf_audit::merkle::TileId { level: 0, index: 0 })
                .await
                .unwrap()[usize::try_from(index).unwrap()],
            leaf_hash
        );
    }
    assert_eq!(root(store, size).await.unwrap(), root_before);
}

async fn batches_are_bounded_and_a_second_run_finds_nothing(world: World) {
    let keeper = Keeper::new(world).await;
    for part in 0..5 {
        let events: Vec<_> = (0..500)
            .map(|n| event(days_ago(500), "user.read", part * 500 + n))
            .collect();
        keeper.world.append(&events).await;
    }
    // The last entry of the log stays, whatever its age.
    keeper.world.append(&[event(days_ago(10), "user.read", 0)]).await;
    keeper.sequence().await;
    let done = keeper.run().await.unwrap();
    assert_eq!(done.count(), 2_500);
    assert_eq!(
        keeper
            .world
            .number("SELECT COUNT(*) FROM audit_prune_batch")
            .await,
        3
    );
    assert_eq!(
        keeper
            .world
            .number("SELECT MAX(removed) FROM audit_prune_batch")
            .await,
        1_000
    );
    keeper.sequence().await;
    assert_eq!(keeper.run().await.unwrap().count(), 0);
    let runs = keeper.retention().runs(&keeper.ctx).await.unwrap();
    let told: Vec<_> = runs
        .iter()
        .map(|run| (run.removed, run.end.as_ref().unwrap().finding.clone()))
        .collect();
    assert_eq!(told, [(0, None), (2_500, None)]);
    keeper.sequence().await;
    let report = verify(&keeper.world.store, &mut |_| {}).await.unwrap();
    assert_eq!((report.first_bad, report.pruned), (None, 2_500));
}

async fn a_removal_is_told_in_the_log_and_bears_every_entry(world: World) {
    let keeper = Keeper::new(world).await;
    let old = fill(&keeper).await;
    keeper.run().await.unwrap();
    keeper.sequence().await;
    let mut told = Vec::new();
    for record in keeper.events_of("audit.prune").await {
        let body = vutf_audit::parse_body(&record.intake.body).unwrap();
        let removal = Removal::read(&body).unwrap();
        assert!(record.leaf.unwrap().seq > removal.seqs.last().unwrap());
        assert_eq!(removal.policy, keeper.settings.policy.version());
        told.extend(removal.seqs.ranges().flat_map(|(first, last)| first..=last));
    }
    told.sort_unstable();
    assert_eq!(told, old);
    assert_eq!(keeper.events_of("audit.retention_run").await.len(), 1);
    assert_eq!(keeper.events_of("audit.retention_end").await.len(), 1);
}

async fn an_entry_that_was_changed_stops_the_run(world: World) {
    let keeper = Keeper::new(world).await;
    let old = fill(&keeper).await;
    let bad = keeper
        .world
        .store
        .entries(old[3], 1)
        .await
        .unwrap()
        .remove(0)
        .leaf;
    keeper.world.drop_triggers().await;
    let id = keeper.world.id(bad.event_id.as_uuid());
    // Somebody makes a change look like a read, so that it goes sooner.
    keeper
        .world
        .sql(&format!(
            "UPDATE audit_intake SET request_id = 'another' WHERE id = {id}"
        ))
        .await;
    let stopped = keeper.run().await.unwrap_err();
    let Stopped::Found(found) = stopped else {
        panic!("{stopped}")
    };
    assert_eq!((found.seq, found.kind), (bad.seq, FindingKind::ColumnChanged));
    assert!(
        keeper.world.store.entry(bad.event_id).await.unwrap().is_some(),
        "the evidence is still there"
    );
    let run = keeper.retention().runs(&keeper.ctx).await.unwrap().remove(0);
    assert_eq!(
        (run.removed, run.end.unwrap().finding),
        (5, Some(found.to_string()))
    );
    assert!(keeper.world.store.open_run().await.unwrap().is_none());
}

async fn nothing_is_removed_while_it_is_switched_off(world: World) {
    let mut keeper = Keeper::new(world).await;
    fill(&keeper).await;
    keeper.settings.enabled = false;
    let refusal = keeper.retention().request(&keeper.ctx).await.unwrap_err();
    assert!(matches!(refusal, RetentionError::Disabled), "{refusal}");
    assert_eq!(
        keeper.dry_run().await.count(),
        17,
        "it can be counted all the same"
    );
    assert_eq!(keeper.world.number("SELECT COUNT(*) FROM audit_pruned").await, 0);
}

async fn a_replica_that_was_overtaken_removes_nothing(world: World) {
    let keeper = Keeper::new(world).await;
    fill(&keeper).await;
    let other = keeper.hold_the_lease().await;
    assert!(matches!(keeper.run().await.unwrap_err(), Stopped::Busy));
    let mut tx = keeper.begin().await;
    let overtaken = vutf_kernel::Lease {
        epoch: other.epoch - 1,
        ..other
    };
    assert_eq!(tx.fence(&overtaken).await.unwrap_err().fault, Fault::Stale);
    drop(tx);
    assert_eq!(keeper.world.number("SELECT COUNT(*) FROM audit_pruned").await, 0);
}
