//! Metrics about witnesses. Their names come from the configuration.

use std::time::Duration;

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::metrics::register;

/// Metrics about witnesses.
pub struct WitnessMetrics {
    sizes: IntGaugeVec,
    times: IntGaugeVec,
    contradicting: IntGaugeVec,
    failures: IntCounterVec,
    conflicts: IntCounterVec,
    quorum_size: IntGauge,
    waiting: IntGauge,
}

/// What is told of one witness.
#[derive(Clone, Copy, Debug)]
pub struct WitnessGauge {
    /// The largest checkpoint that it cosigned.
    pub size: u64,
    /// When; POSIX seconds.
    pub cosigned_at: i64,
    /// Whether it says that this is not the log that it knows.
    pub contradicts: bool,
}

impl WitnessMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name, help| register(registry, IntGauge::new(name, help)?);
        let gauges = |name, help| register(registry, IntGaugeVec::new(Opts::new(name, help), &["witness"])?);
        let counters =
            |name, help, label| register(registry, IntCounterVec::new(Opts::new(name, help), &[label])?);
        Ok(Self {
            sizes: gauges(
                "vutf_audit_witness_size",
                "Size of the largest checkpoint that the witness cosigned.",
            )?,
            times: gauges(
                "vutf_audit_witness_cosigned_timestamp_seconds",
                "When the witness cosigned last, by its own clock.",
            )?,
            contradicting: gauges(
                "vutf_audit_witness_contradicts",
                "1 while the witness says that this is not the log that it knows.",
            )?,
            failures: counters(
                "vutf_audit_witness_failures_total",
                "Submissions that got no cosignature.",
                "witness",
            )?,
            conflicts: counters(
                "vutf_audit_witness_conflicts_total",
                "Alarms by kind: ahead, fork, forgot.",
                "kind",
            )?,
            quorum_size: gauge(
                "vutf_audit_witness_quorum_size",
                "Size of the largest checkpoint that enough witnesses cosigned.",
            )?,
            waiting: gauge(
                "vutf_audit_witness_quorum_wait_seconds",
                "For how long there has been a checkpoint that too few witnesses have cosigned.",
            )?,
        })
    }

    /// A submission got no cosignature.
    pub fn failed(&self, witness: &str) {
        self.failures.with_label_values(&[witness]).inc();
    }

    /// An alarm of this kind.
    pub fn conflict(&self, kind: &'static str) {
        self.conflicts.with_label_values(&[kind]).inc();
    }

    /// What is known of them now; nothing in a replica that does not submit.
    pub fn set<'a>(
        &self,
        witnesses: impl Iterator<Item = (&'a str, WitnessGauge)>,
        quorum_size: Option<u64>,
        waiting: Duration,
    ) {
        for gauges in [&self.sizes, &self.times, &self.contradicting] {
            gauges.reset();
        }
        for (name, gauge) in witnesses {
            let size = i64::try_from(gauge.size).unwrap_or(i64::MAX);
            self.sizes.with_label_values(&[name]).set(size);
            self.times.with_label_values(&[name]).set(gauge.cosigned_at);
            let contradicts = i64::from(gauge.contradicts);
            self.contradicting.with_label_values(&[name]).set(contradicts);
        }
        let size = quorum_size.map_or(0, |size| i64::try_from(size).unwrap_or(i64::MAX));
        self.quorum_size.set(size);
        self.waiting
            .set(i64::try_from(waiting.as_secs()).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use crate::telemetry::Metrics;

    use super::*;

    #[test]
    fn a_replica_that_no_longer_submits_tells_nothing_of_witnesses() {
        let metrics = Metrics::new().unwrap();
        let witnesses = metrics.witnesses();
        let gauge = WitnessGauge {
            size: 7,
            cosigned_at: 1_795_255_200,
            contradicts: true,
        };
        witnesses.set([("w1", gauge)].into_iter(), Some(5), Duration::from_secs(61));
        witnesses.failed("w1");
        witnesses.conflict("fork");
        let text = metrics.render();
        for line in [
            "vutf_audit_witness_size{witness=\"w1\"} 7",
            "vutf_audit_witness_cosigned_timestamp_seconds{witness=\"w1\"} 1795255200",
            "vutf_audit_witness_contradicts{witness=\"w1\"} 1",
            "vutf_audit_witness_failures_total{witness=\"w1\"} 1",
            "vutf_audit_witness_conflicts_total{kind=\"fork\"} 1",
            "vutf_audit_witness_quorum_size 5",
            "vutf_audit_witness_quorum_wait_seconds 61",
        ] {
            assert!(
                text.lines().any(|rendered| rendered == line),
                "{line} is not in:\n{text}"
            );
        }
        witnesses.set([].into_iter(), None, Duration::ZERO);
        let text = metrics.render();
        assert!(!text.contains("vutf_audit_witness_contradicts{"));
        assert!(
            text.contains("vutf_audit_witness_failures_total{witness=\"w1\"} 1"),
            "what happened stays"
        );
        assert!(text.contains("vutf_audit_witness_quorum_wait_seconds 0"));
    }
}
