//! A person is erased and a month is pruned: what was proved before stays proved, and both are in the log themselves.

use vutf_audit::{
    LogReader as _, leaf_hash,
    merkle::{Hash, verify_consistency, verify_inclusion},
    tree::{consistency_proof, inclusion_proof, root},
    verify,
};
use vutf_identity::role::permission;
use vutf_kernel::{EventId, Grants};
use vutf_testkit::factory::Factory;

use super::world::{Keeper, days_ago, event};
use crate::{
    erasure::{Site, person},
    world::World,
};

on_both!(old_proofs_outlive_an_erasure_and_a_pruned_month);

/// A proof as somebody kept it: number, leaf, path.
type KeptProof = (u64, Hash, Vec<Hash>);

async fn size(keeper: &Keeper) -> u64 {
    u64::try_from(keeper.world.store.head().await.unwrap().unwrap().seq).unwrap() + 1
}

async fn proof_of(keeper: &Keeper, id: EventId, size: u64) -> KeptProof {
    let record = keeper.world.store.entry(id).await.unwrap().unwrap();
    let leaf = record.leaf.unwrap();
    let index = u64::try_from(leaf.seq).unwrap();
    assert_eq!(leaf.leaf_hash, leaf_hash(&record.intake.body));
    let path = inclusion_proof(&keeper.world.store, index, size).await.unwrap();
    (index, leaf.leaf_hash, path)
}

async fn old_proofs_outlive_an_erasure_and_a_pruned_month(world: World) {
    let keeper = Keeper::new(world).await;
    let store = &keeper.world.store;
    let mut factory = Factory::new(0xE2);
    let gone = person(&keeper.world, &mut factory).await;
    let mut old = event(days_ago(500), "user.read", 0).subject(gone.user.id);
    old = old.private("source_ip", "192.0.2.7".to_owned());
    let kept = event(days_ago(10), "user.read", 1).subject(gone.user.id);
    keeper.world.append(&[old.clone(), kept.clone()]).await;
    keeper.sequence().await;

    let before = size(&keeper).await;
    let root_before = root(store, before).await.unwrap();
    let proofs = [
        proof_of(&keeper, gone.event.id, before).await,
        proof_of(&keeper, old.id, before).await,
        proof_of(&keeper, kept.id, before).await,
    ];

    let mut ctx = keeper.ctx.clone();
    ctx.grants = Grants::from_iter(vec![permission::SUBJECTS_ERASE]);
    let certificate = Site::of(&keeper.world).erase(&ctx, &gone.user).await.unwrap();
    keeper.sequence().await;
    assert_eq!(
        keeper.run().await.unwrap().count(),
        1,
        "the old read, and nothing else"
    );
    keeper.sequence().await;

    let after = size(&keeper).await;
    let root_after = root(store, after).await.unwrap();
    for (index, leaf, path) in &proofs {
        verify_inclusion(leaf, *index, before, path, &root_before).unwrap();
        let again = inclusion_proof(store, *index, before).await.unwrap();
        assert_eq!(&again, path, "and it is still given");
        let path = inclusion_proof(store, *index, after).await.unwrap();
        verify_inclusion(leaf, *index, after, &path, &root_after).unwrap();
    }
    let path = consistency_proof(store, before, after).await.unwrap();
    verify_consistency(before, after, &path, &root_before, &root_after).unwrap();

    assert!(store.entry(old.id).await.unwrap().is_none());
    assert!(store.entry(kept.id).await.unwrap().is_some());
    let pruned = keeper.events_of("audit.prune").await;
    assert_eq!(pruned.len(), 1);
    for id in [certificate.event_id, pruned[0].intake.id] {
        let (index, leaf, path) = proof_of(&keeper, id, after).await;
        verify_inclusion(&leaf, index, after, &path, &root_after).unwrap();
    }
    let report = verify(store, &mut |_| {}).await.unwrap();
    assert_eq!(
        (report.first_bad, report.pruned, report.unconfirmed),
        (None, 1, 0)
    );
}
