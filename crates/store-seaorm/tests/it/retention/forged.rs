//! What an administrator of the database removes is not taken for pruned, whatever they write beside it.

use vutf_audit::{FindingKind, verify};

use super::{
    fill,
    world::{Keeper, days_ago, event},
};
use crate::world::World;

on_both!(
    what_was_not_pruned_is_named_by_its_number,
    what_was_pruned_cannot_be_told_otherwise,
    statements_are_refused_as_before,
);

async fn found(keeper: &Keeper) -> Option<(i64, FindingKind)> {
    let report = verify(&keeper.world.store, &mut |_| {}).await.unwrap();
    report.first_bad.map(|bad| (bad.seq, bad.kind))
}

/// A log of which 17 entries were pruned, without triggers; and the number of an entry that is there.
async fn pruned(world: World) -> (Keeper, Vec<i64>, i64) {
    let keeper = Keeper::new(world).await;
    let old = fill(&keeper).await;
    keeper.run().await.unwrap();
    keeper.sequence().await;
    assert_eq!(found(&keeper).await, None);
    keeper.world.drop_triggers().await;
    for table in ["audit_pruned", "audit_prune_batch"] {
        let on = if keeper.world.is_postgres() {
            format!("DROP TRIGGER {table}_append_only ON {table}")
        } else {
            format!("DROP TRIGGER {table}_no_update; DROP TRIGGER {table}_no_delete")
        };
        keeper.world.sql(&on).await;
    }
    let there = keeper.events_of("user.update").await.remove(0).leaf.unwrap().seq;
    (keeper, old, there)
}

async fn what_was_not_pruned_is_named_by_its_number(world: World) {
    let (keeper, _, seq) = pruned(world).await;
    let event = format!("(SELECT event_id FROM audit_leaf WHERE seq = {seq})");
    keeper
        .world
        .sql(&format!(
            "DELETE FROM audit_subject_ref WHERE event_id = {event}; DELETE FROM audit_intake WHERE id = {event}"
        ))
        .await;
    assert_eq!(
        found(&keeper).await,
        Some((seq, FindingKind::EventMissing)),
        "nothing tells that it was pruned"
    );
    // A row that names a removal of which the log tells.
    let real = "(SELECT MIN(event_id::text) FROM audit_prune_batch)";
    let real = if keeper.world.is_postgres() {
        format!("{real}::uuid")
    } else {
        real.replace("::text", "")
    };
    keeper
        .world
        .sql(&format!(
            "INSERT INTO audit_pruned (seq, event_id) VALUES ({seq}, {real})"
        ))
        .await;
    assert_eq!(
        found(&keeper).await,
        Some((seq, FindingKind::EventMissing)),
        "the log tells of others"
    );
    // A removal of its own, which is no event; then one that is an event of another kind.
    let run = "(SELECT run_id FROM audit_prune_batch LIMIT 1)";
    let other = keeper.events_of("user.update").await.remove(1).intake.id;
    for stranger in [uuid::Uuid::from_u128(77), other.as_uuid()] {
        let id = keeper.world.id(stranger);
        keeper
            .world
            .sql(&format!(
                "INSERT INTO audit_prune_batch (event_id, run_id, class, cutoff, removed, pruned_at) VALUES ({id}, {run}, 'reads', 1, 1, 1);
                 UPDATE audit_pruned SET event_id = {id} WHERE seq = {seq}"
            ))
            .await;
        assert_eq!(found(&keeper).await, Some((seq, FindingKind::EventMissing)));
    }
}

async fn what_was_pruned_cannot_be_told_otherwise(world: World) {
    let (keeper, old, _) = pruned(world).await;
    let seq = old[4];
    let kept = "CREATE TABLE kept AS SELECT * FROM audit_pruned";
    keeper.world.sql(kept).await;
    keeper
        .world
        .sql(&format!("DELETE FROM audit_pruned WHERE seq = {seq}"))
        .await;
    assert_eq!(found(&keeper).await, Some((seq, FindingKind::EventMissing)));
    keeper
        .world
        .sql(&format!(
            "INSERT INTO audit_pruned SELECT * FROM kept WHERE seq = {seq}"
        ))
        .await;
    assert_eq!(found(&keeper).await, None);
    // The place of a pruned entry is bound as well: with its id, a new event could be passed over.
    let id = keeper.world.id(uuid::Uuid::from_u128(4_711));
    keeper
        .world
        .sql(&format!(
            "UPDATE audit_leaf SET event_id = {id} WHERE seq = {seq}"
        ))
        .await;
    let (first, kind) = found(&keeper).await.unwrap();
    assert!(first <= seq);
    assert_eq!(kind, FindingKind::RemovalChanged);
}

async fn statements_are_refused_as_before(world: World) {
    let keeper = Keeper::new(world).await;
    let old = fill(&keeper).await;
    keeper.run().await.unwrap();
    keeper.sequence().await;
    keeper.world.append(&[event(days_ago(500), "user.read", 1)]).await;
    keeper.sequence().await;
    let mut attempts = Vec::new();
    for table in [
        "audit_intake",
        "audit_subject_ref",
        "audit_leaf",
        "audit_hold",
        "audit_hold_release",
        "audit_prune_run",
        "audit_prune_end",
        "audit_prune_batch",
        "audit_pruned",
    ] {
        if keeper
            .world
            .number(&format!("SELECT COUNT(*) FROM {table}"))
            .await
            > 0
        {
            attempts.push(format!("DELETE FROM {table}"));
        }
        if keeper.world.is_postgres() {
            attempts.push(format!("TRUNCATE {table} CASCADE"));
        }
    }
    if keeper.world.is_postgres() {
        let partitions = keeper
            .world
            .rows(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_intake'::regclass",
            )
            .await;
        assert!(partitions.len() >= 5, "the default one, and four months");
        for row in partitions {
            let name: String = row.try_get_by_index(0).unwrap();
            attempts.push(format!("TRUNCATE {name}"));
        }
        // What was pruned once opens the door to nothing else.
        attempts.push(format!(
            "DELETE FROM audit_intake WHERE id IN (SELECT event_id FROM audit_leaf WHERE seq > {})",
            old[0]
        ));
    }
    for attempt in attempts {
        let refused = keeper.world.try_sql(&attempt).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{attempt}: {refused}");
    }
    assert_eq!(found(&keeper).await, None);
}
