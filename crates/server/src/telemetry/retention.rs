//! Metrics of pruning the audit log.

use prometheus::{IntCounter, IntGauge, Registry};

use super::metrics::register;

/// What retention does.
pub struct RetentionMetrics {
    stopped: IntGauge,
    pruned: IntCounter,
}

impl RetentionMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            stopped: register(
                registry,
                IntGauge::new(
                    "vutf_audit_retention_stopped",
                    "1 while nothing is pruned because the audit log is not as it was written.",
                )?,
            )?,
            pruned: register(
                registry,
                IntCounter::new(
                    "vutf_audit_pruned_total",
                    "Audit entries whose bodies this process removed.",
                )?,
            )?,
        })
    }

    /// Whether a run stopped at something that does not fit.
    pub fn set_stopped(&self, stopped: bool) {
        self.stopped.set(i64::from(stopped));
    }

    /// So many went.
    pub fn pruned(&self, entries: u64) {
        self.pruned.inc_by(entries);
    }
}
