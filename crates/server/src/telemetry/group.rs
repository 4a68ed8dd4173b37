//! Metrics of audit events that share commits.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry};

use super::metrics::register;

/// Up to the largest group.
const EVENTS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
/// Seconds, from a memory disk to a disk that is in trouble.
const WAITS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// How lone audit events are written.
pub struct GroupMetrics {
    events: Histogram,
    waits: Histogram,
    queue: IntGauge,
    refused: IntCounter,
    failed: IntCounter,
}

impl GroupMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let histogram = |name, help, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            register(registry, Histogram::with_opts(options)?)
        };
        Ok(Self {
            events: histogram(
                "vutf_audit_group_events",
                "Audit events that accompany no change, in one commit.",
                &EVENTS,
            )?,
            waits: histogram(
                "vutf_audit_group_wait_seconds",
                "From the oldest event of a group to the end of its commit.",
                &WAITS,
            )?,
            queue: register(
                registry,
                IntGauge::new("vutf_audit_group_queue", "Audit events that wait for a commit.")?,
            )?,
            refused: register(
                registry,
                IntCounter::new(
                    "vutf_audit_group_refused_total",
                    "Audit events that were refused, with what they record, because too many waited.",
                )?,
            )?,
            failed: register(
                registry,
                IntCounter::new(
                    "vutf_audit_group_failed_total",
                    "Audit events whose commit failed; what they record was withheld, or its event waits.",
                )?,
            )?,
        })
    }

    /// A commit was done.
    pub fn observe(&self, events: usize, wait: Duration) {
        self.events
            .observe(u32::try_from(events).map_or(f64::MAX, f64::from));
        self.waits.observe(wait.as_secs_f64());
    }

    /// Events that wait now, and those that were refused or failed since the start.
    pub fn set(&self, waiting: usize, refused: u64, failed: u64) {
        self.queue.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.refused.inc_by(refused.saturating_sub(self.refused.get()));
        self.failed.inc_by(failed.saturating_sub(self.failed.get()));
    }
}
