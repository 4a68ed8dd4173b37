//! Metrics about keys. A key is never a label: kinds of purposes, operations, states and roles are, and those are few.

use std::time::Duration;

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::metrics::register;

/// How close the active keys of one kind are to the end of their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyAge {
    /// Since the oldest active key was activated.
    pub oldest: Duration,
    /// Seconds until the first of them should be rotated, below zero when it should have been; `None` when that is decided by
    /// hand.
    pub remaining_secs: Option<i64>,
}

/// What the cache of unwrapped keys of persons has done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCacheCounts {
    /// Found.
    pub hits: u64,
    /// Had to be unwrapped.
    pub misses: u64,
    /// Left before their time, for want of room, or because a limit was reached.
    pub evictions: u64,
    /// Unwraps refused because the quota of the minute was used up.
    pub refused: u64,
}

/// Metrics about keys.
pub struct KeyMetrics {
    uses: IntCounterVec,
    compromised_uses: IntGauge,
    cache: IntCounterVec,
    kms_posture: IntGauge,
    kek_up: IntGaugeVec,
    kek_fallbacks: IntCounter,
    oldest_active: IntGaugeVec,
    remaining: IntGaugeVec,
    states: IntGaugeVec,
    requests: IntGauge,
    jobs: IntGaugeVec,
    rows_left: IntGaugeVec,
    registry_refused: IntGauge,
    rounds: IntCounterVec,
    last_round: IntGauge,
}

impl KeyMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name, help| register(registry, IntGauge::new(name, help)?);
        let gauges =
            |name, help, label| register(registry, IntGaugeVec::new(Opts::new(name, help), &[label])?);
        let counters = |name, help, labels: &[&str]| {
            register(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        Ok(Self {
            uses: counters(
                "vutf_key_uses_total",
                "Messages protected and processed with keys of a kind of purpose.",
                &["purpose", "operation"],
            )?,
            compromised_uses: gauge(
                "vutf_compromised_key_uses",
                "Reads with a key that is compromised, since the start.",
            )?,
            cache: counters(
                "vutf_key_cache_total",
                "Look-ups of persons' keys in the cache of unwrapped keys: hit, miss, evicted, refused (quota).",
                &["result"],
            )?,
            kms_posture: gauge(
                "vutf_kms_posture",
                "How long the key provider has not confirmed the keys in memory: 0 fresh, 1 grace, 2 read-only, 3 closed.",
            )?,
            kek_up: register(
                registry,
                IntGaugeVec::new(
                    Opts::new(
                        "vutf_kek_up",
                        "1 if a provider of the key-encryption key answers.",
                    ),
                    &["role", "technology"],
                )?,
            )?,
            kek_fallbacks: register(
                registry,
                IntCounter::new(
                    "vutf_kek_fallbacks_total",
                    "Keys that another key-encryption key than the first one named had to open.",
                )?,
            )?,
            oldest_active: gauges(
                "vutf_key_oldest_active_seconds",
                "Since the oldest active key of a kind of purpose was activated.",
                "purpose",
            )?,
            remaining: gauges(
                "vutf_key_cryptoperiod_remaining_seconds",
                "Until the first active key of a kind of purpose should be rotated; below zero when it is overdue.",
                "purpose",
            )?,
            states: gauges(
                "vutf_keys",
                "Keys in the registry by state, without those of persons.",
                "state",
            )?,
            requests: gauge(
                "vutf_key_destruction_requests",
                "Requests to destroy a key that wait for a second person.",
            )?,
            jobs: gauges(
                "vutf_key_jobs",
                "The last job of each kind and purpose, by state.",
                "state",
            )?,
            rows_left: gauges(
                "vutf_key_job_rows_remaining",
                "Rows that unfinished jobs of a kind have yet to do, as estimated.",
                "kind",
            )?,
            registry_refused: gauge(
                "vutf_key_registry_refused",
                "1 if the key registry was changed by somebody else than the service, and is not read again.",
            )?,
            rounds: counters(
                "vutf_key_scheduler_rounds_total",
                "Rounds of the key scheduler in this process, by result: done, failed.",
                &["result"],
            )?,
            last_round: gauge(
                "vutf_key_scheduler_last_success_timestamp_seconds",
                "When the last round of the key scheduler ended well anywhere, as seen from here; 0 before the first.",
            )?,
        })
    }

    /// How often keys of a kind of purpose were used, since the start.
    pub fn set_uses(&self, purpose: &'static str, operation: &'static str, total: u64) {
        raise(&self.uses.with_label_values(&[purpose, operation]), total);
    }

    /// Reads with a key that is compromised: anything but zero asks for re-encryption.
    pub fn set_compromised_uses(&self, uses: u64) {
        self.compromised_uses.set(signed(uses));
    }

    /// What the cache of unwrapped keys has done.
    pub fn set_cache(&self, counts: KeyCacheCounts) {
        for (result, total) in [
            ("hit", counts.hits),
            ("miss", counts.misses),
            ("evicted", counts.evictions),
            ("refused", counts.refused),
        ] {
            raise(&self.cache.with_label_values(&[result]), total);
        }
    }

    /// Whether the registry is not what the service wrote.
    pub fn set_registry_refused(&self, refused: bool) {
        self.registry_refused.set(refused.into());
    }

    /// 0 fresh, 1 grace, 2 read-only, 3 closed.
    pub fn set_kms_posture(&self, posture: u8) {
        self.kms_posture.set(posture.into());
    }

    /// Whether a provider answers.
    pub fn set_kek_up(&self, role: &'static str, technology: &'static str, up: bool) {
        self.kek_up.with_label_values(&[role, technology]).set(up.into());
    }

    /// Keys that a fallback had to open, since the start.
    pub fn set_kek_fallbacks(&self, total: u64) {
        if let Some(more) = total.checked_sub(self.kek_fallbacks.get()) {
            self.kek_fallbacks.inc_by(more);
        }
    }

    /// How old the active keys of a kind are.
    pub fn set_age(&self, purpose: &'static str, age: KeyAge) {
        let oldest = i64::try_from(age.oldest.as_secs()).unwrap_or(i64::MAX);
        self.oldest_active.with_label_values(&[purpose]).set(oldest);
        match age.remaining_secs {
            Some(seconds) => self.remaining.with_label_values(&[purpose]).set(seconds),
            // Absent rather than infinite: an alert compares it with zero. It may never have been there.
            None => {
                let _absent = self.remaining.remove_label_values(&[purpose]);
            }
        }
    }

    /// Keys in a state.
    pub fn set_keys(&self, state: &'static str, number: usize) {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.states.with_label_values(&[state]).set(number);
    }

    /// Requests that wait for a second person.
    pub fn set_requests(&self, pending: usize) {
        self.requests.set(i64::try_from(pending).unwrap_or(i64::MAX));
    }

    /// Jobs in a state.
    pub fn set_jobs(&self, state: &'static str, number: usize) {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.jobs.with_label_values(&[state]).set(number);
    }

    /// Rows that jobs of a kind have yet to do.
    pub fn set_job_rows_left(&self, kind: &'static str, rows: u64) {
        self.rows_left.with_label_values(&[kind]).set(signed(rows));
    }

    /// A round of the scheduler ended, well or not.
    pub fn scheduler_round(&self, done: bool) {
        let result = if done { "done" } else { "failed" };
        self.rounds.with_label_values(&[result]).inc();
    }

    /// When the last round ended well, in seconds since the Unix epoch.
    pub fn set_scheduler_last_success(&self, seconds: i64) {
        self.last_round.set(seconds);
    }
}

/// A counter that is kept elsewhere: never back, which would look like a restart.
fn raise(counter: &IntCounter, total: u64) {
    if let Some(more) = total.checked_sub(counter.get()) {
        counter.inc_by(more);
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn what_is_known_about_keys_is_rendered() {
        let metrics = Metrics::new().unwrap();
        let keys = metrics.keys();
        keys.set_uses("field", "protect", 5);
        keys.set_uses("field", "protect", 7);
        keys.set_uses("field", "protect", 3);
        keys.set_compromised_uses(3);
        keys.set_cache(KeyCacheCounts {
            hits: 9,
            misses: 2,
            evictions: 1,
            refused: 4,
        });
        keys.set_kms_posture(2);
        keys.set_kek_up("primary", "file", false);
        keys.set_kek_fallbacks(6);
        let age = |remaining_secs| KeyAge {
            oldest: Duration::from_secs(90),
            remaining_secs,
        };
        keys.set_age("field", age(Some(-5)));
        keys.set_age("index", age(Some(5)));
        keys.set_age("index", age(None));
        keys.set_keys("active", 12);
        keys.set_requests(1);
        keys.set_jobs("running", 2);
        keys.set_job_rows_left("reencrypt", 400);
        keys.scheduler_round(true);
        keys.scheduler_round(false);
        keys.set_scheduler_last_success(1_000);
        let text = metrics.render();
        for line in [
            "vutf_key_uses_total{operation=\"protect\",purpose=\"field\"} 7",
            "vutf_compromised_key_uses 3",
            "vutf_key_cache_total{result=\"refused\"} 4",
            "vutf_kms_posture 2",
            "vutf_kek_up{role=\"primary\",technology=\"file\"} 0",
            "vutf_kek_fallbacks_total 6",
            "vutf_key_oldest_active_seconds{purpose=\"index\"} 90",
            "vutf_key_cryptoperiod_remaining_seconds{purpose=\"field\"} -5",
            "vutf_keys{state=\"active\"} 12",
            "vutf_key_destruction_requests 1",
            "vutf_key_jobs{state=\"running\"} 2",
            "vutf_key_job_rows_remaining{kind=\"reencrypt\"} 400",
            "vutf_key_scheduler_rounds_total{result=\"done\"} 1",
            "vutf_key_scheduler_rounds_total{result=\"failed\"} 1",
            "vutf_key_scheduler_last_success_timestamp_seconds 1000",
        ] {
            assert!(
                text.lines().any(|rendered| rendered == line),
                "{line} is not in:\n{text}"
            );
        }
        assert!(
            !text.contains("remaining_seconds{purpose=\"index\"}"),
            "rotated by hand"
        );
    }
}
