//! Metrics of answers and their audit events.

use prometheus::{IntCounter, IntGauge, Registry};

use super::metrics::register;

/// What is owed to the audit log.
pub struct AuditMetrics {
    unrecorded: IntCounter,
    waiting: IntGauge,
    deferred: IntCounter,
    dropped: IntCounter,
    relaxed: IntGauge,
}

impl AuditMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name, help| register(registry, IntCounter::new(name, help)?);
        let gauge = |name, help| register(registry, IntGauge::new(name, help)?);
        Ok(Self {
            unrecorded: counter(
                "vutf_audit_unrecorded_answers_total",
                "Answers withheld because no event of their action was committed: a defect.",
            )?,
            waiting: gauge(
                "vutf_audit_backlog_events",
                "Audit events of answers that were given, which wait to be recorded.",
            )?,
            deferred: counter(
                "vutf_audit_deferred_total",
                "Audit events that had to wait after their answer was given.",
            )?,
            dropped: counter(
                "vutf_audit_dropped_total",
                "Audit events of answers that were given, dropped because too many waited.",
            )?,
            relaxed: gauge(
                "vutf_audit_relaxed_classes",
                "Classes of reads that are answered although their event waits.",
            )?,
        })
    }

    /// An answer was withheld.
    pub fn unrecorded_answer(&self) {
        self.unrecorded.inc();
    }

    /// Events that wait now, and those that waited or were dropped since the start.
    pub fn set_backlog(&self, waiting: usize, deferred: u64, dropped: u64) {
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.deferred.inc_by(deferred.saturating_sub(self.deferred.get()));
        self.dropped.inc_by(dropped.saturating_sub(self.dropped.get()));
    }

    /// Classes of reads that need not wait for their event.
    pub fn set_relaxed(&self, classes: usize) {
        self.relaxed.set(i64::try_from(classes).unwrap_or(i64::MAX));
    }
}
