//! Metrics of the audit log's sinks. A label is one of four names.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::metrics::register;

/// How far the receivers of the audit log are.
pub struct AuditExportMetrics {
    lag: IntGaugeVec,
    refused: IntGaugeVec,
    sent: IntCounterVec,
    failures: IntCounterVec,
}

impl AuditExportMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauges = |name, help| register(registry, IntGaugeVec::new(Opts::new(name, help), &["sink"])?);
        let counters = |name, help| register(registry, IntCounterVec::new(Opts::new(name, help), &["sink"])?);
        Ok(Self {
            lag: gauges(
                "vutf_audit_export_lag",
                "Audit events that have a sequence number and that a sink has not acknowledged.",
            )?,
            refused: gauges(
                "vutf_audit_export_refused",
                "1 while a sink stands because the audit log does not follow from what it exported.",
            )?,
            sent: counters(
                "vutf_audit_exported_total",
                "Audit events that a sink acknowledged to this process.",
            )?,
            failures: counters(
                "vutf_audit_export_failures_total",
                "Batches of audit events that a sink did not acknowledge.",
            )?,
        })
    }

    /// So many events wait.
    pub fn set_lag(&self, sink: &'static str, events: i64) {
        self.lag.with_label_values(&[sink]).set(events);
    }

    /// Whether the sink stands.
    pub fn set_refused(&self, sink: &'static str, refused: bool) {
        self.refused.with_label_values(&[sink]).set(i64::from(refused));
    }

    /// So many were acknowledged.
    pub fn sent(&self, sink: &'static str, events: usize) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        self.sent.with_label_values(&[sink]).inc_by(events);
    }

    /// A batch was not.
    pub fn failed(&self, sink: &'static str) {
        self.failures.with_label_values(&[sink]).inc();
    }
}
