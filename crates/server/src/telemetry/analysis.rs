//! Metrics about the analysis of the audit log. No rule and no key is a label.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use vutf_audit::analysis::{Severity, alert::Sink};

use super::metrics::register;

/// Metrics about the analysis.
pub struct AnalysisMetrics {
    lag: IntGauge,
    failing: IntGauge,
    findings: IntCounterVec,
    evicted: IntCounter,
    deliveries: IntCounterVec,
    pending: IntGauge,
    parked: IntGauge,
    answered: IntCounter,
}

impl AnalysisMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name, help| register(registry, IntGauge::new(name, help)?);
        let counter = |name, help| register(registry, IntCounter::new(name, help)?);
        let counters = |name, help, labels: &[&str]| {
            register(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let new = Self {
            lag: gauge(
                "vutf_analysis_lag_events",
                "Events that have a place in the log and were not evaluated.",
            )?,
            failing: gauge(
                "vutf_analysis_failing",
                "1 if the last step of the analysis failed here.",
            )?,
            findings: counters(
                "vutf_findings_total",
                "Findings that this process committed, by severity.",
                &["severity"],
            )?,
            evicted: counter(
                "vutf_analysis_evicted_keys_total",
                "Keys of rules whose state had to go although it mattered.",
            )?,
            deliveries: counters(
                "vutf_alert_deliveries_total",
                "Attempts to tell somebody of a finding, by this process.",
                &["sink", "result"],
            )?,
            pending: gauge("vutf_alerts_pending", "Alerts that wait to be sent.")?,
            parked: gauge("vutf_alerts_parked", "Alerts that were given up.")?,
            answered: counter(
                "vutf_audited_answers_total",
                "Successful answers of the API, each of which is an event.",
            )?,
        };
        for severity in Severity::ALL {
            new.findings.with_label_values(&[severity.as_str()]).inc_by(0);
        }
        for sink in Sink::ALL {
            for result in ["sent", "failed", "parked"] {
                new.deliveries
                    .with_label_values(&[sink.as_str(), result])
                    .inc_by(0);
            }
        }
        Ok(new)
    }

    /// How far the analysis is behind.
    pub fn set_lag(&self, events: i64) {
        self.lag.set(events.max(0));
    }
    /// Whether the last step failed.
    pub fn set_failing(&self, failing: bool) {
        self.failing.set(i64::from(failing));
    }
    /// A finding was committed.
    pub fn found(&self, severity: Severity) {
        self.findings.with_label_values(&[severity.as_str()]).inc();
    }
    /// So many more keys had to go.
    pub fn evicted(&self, keys: u64) {
        self.evicted.inc_by(keys);
    }
    /// An attempt: `sent`, `failed` or `parked`.
    pub fn delivered(&self, sink: Sink, result: &'static str) {
        self.deliveries.with_label_values(&[sink.as_str(), result]).inc();
    }
    /// Alerts that are not over.
    pub fn set_alerts(&self, pending: u64, parked: u64) {
        self.pending.set(i64::try_from(pending).unwrap_or(i64::MAX));
        self.parked.set(i64::try_from(parked).unwrap_or(i64::MAX));
    }
    /// A request was answered that is an event.
    pub fn answered(&self) {
        self.answered.inc();
    }
    /// How many there were.
    pub fn answers(&self) -> u64 {
        self.answered.get()
    }
}
