//! Every few seconds: gauges that nothing pushes, memory that nothing uses, and keys that another replica rotated.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;

use super::{SequencerStatus, Service};
use crate::telemetry::{Metrics, PoolGauge};

const EVERY: Duration = Duration::from_secs(5);
/// So many rounds between two looks at the key registry: a minute. What another replica's new key protects is loaded when it is
/// met; this is for what this replica goes on protecting under the old one.
const ROUNDS_BETWEEN_KEYS: u64 = 12;

pub(super) fn spawn(
    service: Service,
    metrics: Arc<Metrics>,
    sequencer: Arc<SequencerStatus>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        for round in 1_u64.. {
            ticks.tick().await;
            read(&service, &metrics, &sequencer);
            if round.is_multiple_of(ROUNDS_BETWEEN_KEYS)
                && let Err(error) = service.keys().reload().await
            {
                tracing::warn!(error = %error, "the key registry could not be read again; trying in a minute");
            }
        }
    })
}

fn read(service: &Service, metrics: &Metrics, sequencer: &SequencerStatus) {
    metrics.set_breaker("database", service.store.breaker_state());
    if let Some(state) = service.cache.breaker_state() {
        metrics.set_breaker("cache", state);
    }
    if let Some(state) = service.wrapper.breaker_state() {
        metrics.set_breaker("kms", state);
    }
    metrics
        .keys()
        .set_compromised_uses(service.keyring.flagged_uses());
    metrics.set_hash_queue(service.hasher.depth());
    service.hasher.release_if_idle();
    let (idle, size, max) = service.store.pool_size();
    metrics.set_pool(PoolGauge {
        idle,
        in_use: size.saturating_sub(idle),
        max,
    });
    // A database that is down shows in its breaker; the last known lag stays.
    if let Some(lag) = sequencer.lag() {
        metrics.set_audit(lag.pending, lag.last_sequence);
        metrics.set_audit_guard(
            sequencer.is_refused(),
            sequencer.oldest_wait(service.ambient.now()),
        );
    }
}
