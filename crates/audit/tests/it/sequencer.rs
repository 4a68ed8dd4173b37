//! The lease, the fence and the order.

use uuid::Uuid;
use vutf_audit::{LogReader, SEQUENCER_LEASE, SequencerStore, sequence_batch};
use vutf_kernel::{Fault, Leases};

use crate::world::{T0, TTL, append, event, log_of, now};

#[test]
fn one_holder_at_a_time_and_a_new_epoch_for_a_new_holder() {
    now(async {
        let log = log_of(0).await;
        let [a, b] = [1, 2].map(Uuid::from_u128);
        let first = log.acquire(SEQUENCER_LEASE, a, T0, TTL).await.unwrap().unwrap();
        assert_eq!(log.acquire(SEQUENCER_LEASE, b, T0, TTL).await.unwrap(), None);
        let renewed = log
            .acquire(SEQUENCER_LEASE, a, T0.plus(TTL / 2), TTL)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(renewed.epoch, first.epoch);
        assert_eq!(
            log.acquire(SEQUENCER_LEASE, b, T0.plus(TTL), TTL).await.unwrap(),
            None
        );
        let taken = log
            .acquire(SEQUENCER_LEASE, b, T0.plus(TTL * 2), TTL)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(taken.epoch, first.epoch + 1);
    });
}

#[test]
fn a_holder_that_was_overtaken_cannot_commit() {
    now(async {
        let log = log_of(3).await;
        append(&log, event(3)).await;
        let [a, b] = [1, 2].map(Uuid::from_u128);
        let old = log.acquire(SEQUENCER_LEASE, a, T0, TTL).await.unwrap().unwrap();
        let new = log
            .acquire(SEQUENCER_LEASE, b, T0.plus(TTL * 2), TTL)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            sequence_batch(&log, &old, 10).await.unwrap_err().fault,
            Fault::Stale
        );
        assert_eq!(log.pending_count().await.unwrap(), 1);
        assert_eq!(sequence_batch(&log, &new, 10).await.unwrap(), 1);
        assert_eq!(log.pending_count().await.unwrap(), 0);
    });
}

#[test]
fn two_batches_from_one_head_cannot_both_commit() {
    now(async {
        let log = log_of(2).await;
        append(&log, event(2)).await;
        let lease = crate::world::lease(&log).await;
        let mut slow = log.begin(&lease).await.unwrap();
        let (head, pending) = (slow.head().await.unwrap(), slow.pending(10).await.unwrap());
        assert_eq!(sequence_batch(&log, &lease, 10).await.unwrap(), 1);
        slow.append(&vutf_audit::link(head.as_ref(), &pending), &[])
            .await
            .unwrap();
        assert_eq!(slow.commit().await.unwrap_err().fault, Fault::Stale);
        assert_eq!(log.entries(0, 100).await.unwrap().len(), 3);
    });
}

#[test]
fn batches_are_bounded_and_numbers_dense() {
    now(async {
        let log = log_of(0).await;
        for i in 0..10 {
            append(&log, event(i)).await;
        }
        let lease = crate::world::lease(&log).await;
        let mut sizes = Vec::new();
        for _ in 0..4 {
            sizes.push(sequence_batch(&log, &lease, 4).await.unwrap());
        }
        assert_eq!(sizes, [4, 4, 2, 0]);
        let seqs: Vec<i64> = log
            .entries(0, 100)
            .await
            .unwrap()
            .iter()
            .map(|e| e.leaf.seq)
            .collect();
        assert_eq!(seqs, (0..10).collect::<Vec<_>>());
    });
}
