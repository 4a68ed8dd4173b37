//! Proofs out of a large log, and verification of one.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use uuid::Uuid;
use vutf_audit::{
    AuditTx, CheckpointSigner as _, Cursor, Edge, Expected, Leaf, Pending, SEQUENCER_LEASE,
    SequencerStore as _, Sequencing, TreeNode, Voucher, bundle, link,
    merkle::{Frontier, TILE_HEIGHT, verify_inclusion},
    sequence_after,
    tlog::TrustPolicy,
    tree::inclusion_proof,
    verify_expecting,
};
use vutf_kernel::{Clock as _, EventId, Lease, Leases as _, SystemClock};

use crate::{cpu, percentile, site::Site};

const TTL: Duration = Duration::from_hours(1);
const PROOFS: u64 = 2_000;
/// Of the verification of a bundle.
const ROUNDS: u64 = 5;

async fn lease(site: &Site) -> Lease {
    let now = SystemClock.now();
    let granted = site
        .store
        .acquire(SEQUENCER_LEASE, Uuid::from_u128(9), now, TTL)
        .await;
    granted.unwrap().expect("nobody else holds the lease")
}

/// Inclusion proofs out of a tree of `events` entries, whose bodies are not stored: a proof needs none.
pub(crate) async fn proofs(site: &Arc<Site>, events: u64) -> Value {
    let began = Instant::now();
    let root = seed(site, events).await;
    let seeded = began.elapsed();
    let mut took = Vec::new();
    for nth in 0..PROOFS {
        let index = nth.wrapping_mul(0x9E37_79B9_7F4A_7C15) % events;
        let began = Instant::now();
        let proof = inclusion_proof(&site.store, index, events).await.unwrap();
        took.push(u64::try_from(began.elapsed().as_micros()).unwrap());
        let leaf = vutf_audit::leaf_hash(&body(index));
        verify_inclusion(&leaf, index, events, &proof, &root).unwrap();
    }
    took.sort_unstable();
    json!({
        "figure": "proof",
        "events": events,
        "seeded_seconds": seeded.as_secs_f64(),
        "ms": {
            "p50": percentile(&took, 50) as f64 / 1_000.0,
            "p99": percentile(&took, 99) as f64 / 1_000.0,
            "max": took.last().copied().unwrap_or_default() as f64 / 1_000.0,
        },
    })
}

fn body(index: u64) -> Vec<u8> {
    index.to_be_bytes().to_vec()
}

/// Places and nodes through the sequencer's own port.
async fn seed(site: &Site, events: u64) -> [u8; 32] {
    const AT_ONCE: u64 = 20_000;
    let lease = lease(site).await;
    let (mut tree, mut head, mut next) = (Frontier::default(), None::<Leaf>, 0);
    while next < events {
        let until = (next + AT_ONCE).min(events);
        let pending: Vec<Pending> = (next..until)
            .map(|index| Pending {
                event_id: EventId::from_uuid(Uuid::from_u128(u128::from(index) << 64)),
                body: body(index),
                cursor: Cursor {
                    xid: 1,
                    ord: i64::try_from(index).unwrap(),
                },
                voucher: Voucher::Service,
            })
            .collect();
        let leaves = link(head.as_ref(), &pending);
        let mut nodes = Vec::new();
        for leaf in &leaves {
            tree.append(leaf.leaf_hash, |level, index, hash| {
                if level > 0 && level.is_multiple_of(TILE_HEIGHT) {
                    let (level, hash) = (level / TILE_HEIGHT, *hash);
                    nodes.push(TreeNode { level, index, hash });
                }
            });
        }
        let mut tx = site.store.begin(&lease).await.unwrap();
        tx.append(&leaves, &nodes).await.unwrap();
        tx.commit().await.unwrap();
        (head, next) = (leaves.into_iter().last(), until);
    }
    tree.root()
}

/// A log of `events` real events, verified in the database and as a bundle in memory, on one core.
pub(crate) async fn verification(site: &Arc<Site>, events: u64) -> Value {
    fill(site, events).await;
    let keys = site.signer.verifiers().unwrap();
    let expected = Expected {
        keys: &keys,
        ..Expected::default()
    };
    let began = Instant::now();
    let report = verify_expecting(&site.store, expected, &mut |_| {})
        .await
        .unwrap();
    let database = began.elapsed();
    assert_eq!(report.first_bad, None);
    let mut files = BTreeMap::new();
    bundle::write_bundle(&site.store, None, &keys, &mut files, &mut |_| {})
        .await
        .unwrap();
    let bytes: usize = files.values().map(Vec::len).sum();
    let policy = TrustPolicy::of(keys[0].clone());
    let mut best = Duration::MAX;
    let mut entries = 0;
    let computed = cpu::used();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let report = bundle::verify_bundle(&mut files, &policy, &[], &mut |_| {}).unwrap();
        best = best.min(began.elapsed());
        entries = report.entries;
    }
    let computed = cpu::used() - computed;
    assert_eq!(entries, report.checked);
    json!({
        "figure": "verification",
        "events": entries,
        "bundle_bytes": bytes,
        "database_events_per_second": report.checked as f64 / database.as_secs_f64(),
        "bundle_events_per_second": entries as f64 / best.as_secs_f64(),
        "bundle_events_per_cpu_second": (entries * ROUNDS) as f64 / computed.as_secs_f64(),
    })
}

/// Writes so many events and gives them their places.
async fn fill(site: &Arc<Site>, events: u64) {
    const AT_ONCE: usize = 1_000;
    let lease = lease(site).await;
    let (mut edge, mut written) = (Edge::default(), 0);
    while written < events {
        let first = usize::try_from(written).unwrap();
        let batch = (first..first + AT_ONCE).map(|nth| site.event(nth)).collect();
        let mut unit = site.units().begin().await.unwrap();
        AuditTx::log(&mut *unit).append_all(batch).await.unwrap();
        unit.commit().await.unwrap();
        written += AT_ONCE as u64;
        let how = Sequencing {
            limit: 10_000,
            noted: None,
            signer: Some(&site.signer),
            keep_every: Duration::from_secs(10),
            now: SystemClock.now(),
        };
        sequence_after(&site.store, &lease, &how, &mut edge)
            .await
            .unwrap();
    }
}
