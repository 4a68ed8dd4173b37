//! Metrics about erasures. Nobody is a label.

use prometheus::{IntCounter, IntGauge, Registry};

use super::metrics::register;

/// Metrics about erasures.
pub struct ErasureMetrics {
    tombstones: IntGauge,
    failing: IntGauge,
    replayed: IntCounter,
}

impl ErasureMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name, help| register(registry, IntGauge::new(name, help)?);
        Ok(Self {
            tombstones: gauge(
                "vutf_erasure_tombstones",
                "Persons who have a tombstone in this process's file.",
            )?,
            failing: gauge(
                "vutf_erasure_tombstones_failing",
                "1 if the last attempt to keep a tombstone outside the database failed.",
            )?,
            replayed: register(
                registry,
                IntCounter::new(
                    "vutf_erasures_replayed_total",
                    "Persons whom this process erased again, because older data was restored.",
                )?,
            )?,
        })
    }

    /// How many there are, and whether the file can be written.
    pub fn set(&self, tombstones: usize, failing: bool) {
        self.tombstones.set(i64::try_from(tombstones).unwrap_or(i64::MAX));
        self.failing.set(i64::from(failing));
    }

    /// So many persons were erased again.
    pub fn replayed(&self, persons: usize) {
        self.replayed.inc_by(u64::try_from(persons).unwrap_or(u64::MAX));
    }
}
