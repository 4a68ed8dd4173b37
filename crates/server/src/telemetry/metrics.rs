//! Metrics in the Prometheus text format.

use std::time::Duration;

use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector,
};
use vutf_kernel::BreakerState;

use super::{
    analysis::AnalysisMetrics, audit::AuditMetrics, audit_export::AuditExportMetrics,
    erasure::ErasureMetrics, factors::FactorMetrics, group::GroupMetrics, keys::KeyMetrics,
    mail::MailMetrics, people::PeopleMetrics, process::ProcessFacts, retention::RetentionMetrics,
    witnesses::WitnessMetrics,
};

/// Seconds. Fine under 250 ms, where answers should lie; a password hash falls between 0.1 and 0.5.
const DURATION_BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];
/// Methods that get a label of their own; any other text would let clients make labels.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Routes of the API whose success is no event: probes.
const UNAUDITED: [&str; 3] = ["/api/v1/health", "/api/v1/ready", "/api/v1/live"];

/// A pool of database connections at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolGauge {
    /// Connections that wait for work.
    pub idle: u32,
    /// Connections that work.
    pub in_use: u32,
    /// Connections that there may be.
    pub max: u32,
}

/// The metrics of one service; there is no global registry.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    in_flight: IntGauge,
    rates_degraded: IntCounter,
    network_barred: IntCounter,
    breakers: IntGaugeVec,
    pools: IntGaugeVec,
    audit_pending: IntGauge,
    audit_sequence: IntGauge,
    audit_refused: IntGauge,
    audit_oldest: IntGauge,
    audit_group: GroupMetrics,
    audit: AuditMetrics,
    audit_export: AuditExportMetrics,
    keys: KeyMetrics,
    analysis: AnalysisMetrics,
    erasures: ErasureMetrics,
    factors: FactorMetrics,
    mail: MailMetrics,
    retention: RetentionMetrics,
    people: PeopleMetrics,
    witnesses: WitnessMetrics,
    hash_queue: IntGauge,
    resident: IntGauge,
    descriptors: IntGauge,
    threads: IntGauge,
}

impl Metrics {
    /// All metrics at zero.
    ///
    /// # Errors
    /// Never with the names below; the type is that of the registry.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let number = |name, help| register(&registry, IntGauge::new(name, help)?);
        let numbers =
            |name, help, label| register(&registry, IntGaugeVec::new(Opts::new(name, help), &[label])?);
        numbers("vutf_build_info", "Always 1.", "version")?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        Ok(Self {
            requests: register(&registry, requests()?)?,
            durations: register(&registry, durations()?)?,
            in_flight: number("http_requests_in_flight", "Requests under way.")?,
            rates_degraded: register(&registry, rates_degraded()?)?,
            network_barred: register(&registry, network_barred()?)?,
            breakers: numbers(
                "vutf_breaker_state",
                "Circuit breaker: 0 closed, 1 half-open, 2 open.",
                "dependency",
            )?,
            pools: numbers(
                "vutf_database_connections",
                "Database connections by state: idle, in_use, max.",
                "state",
            )?,
            audit_pending: number(
                "vutf_audit_pending_events",
                "Audit events that wait for their sequence number.",
            )?,
            audit_refused: number(
                "vutf_audit_refused",
                "1 while the audit log is not the one that was noted, and nothing is sequenced.",
            )?,
            audit_oldest: number(
                "vutf_audit_oldest_pending_seconds",
                "How long the oldest audit event has waited for its sequence number.",
            )?,
            audit_sequence: number(
                "vutf_audit_last_sequence",
                "Last sequence number of the audit log.",
            )?,
            audit_group: GroupMetrics::new(&registry)?,
            audit: AuditMetrics::new(&registry)?,
            audit_export: AuditExportMetrics::new(&registry)?,
            keys: KeyMetrics::new(&registry)?,
            analysis: AnalysisMetrics::new(&registry)?,
            erasures: ErasureMetrics::new(&registry)?,
            factors: FactorMetrics::new(&registry)?,
            mail: MailMetrics::new(&registry)?,
            retention: RetentionMetrics::new(&registry)?,
            people: PeopleMetrics::new(&registry)?,
            witnesses: WitnessMetrics::new(&registry)?,
            hash_queue: number("vutf_password_hash_queue", "Passwords that wait to be hashed.")?,
            resident: number("process_resident_memory_bytes", "Memory in use.")?,
            descriptors: number("process_open_fds", "Open file descriptors.")?,
            threads: number("process_threads", "Threads.")?,
            registry,
        })
    }

    /// Counts an answer. `route` is the pattern (`/api/v1/users/{id}`), never the path that was asked for.
    pub fn observe_request(&self, method: &str, route: &str, status: u16, duration: Duration) {
        let method = METHODS
            .iter()
            .find(|known| **known == method)
            .copied()
            .unwrap_or("OTHER");
        let status = status.to_string();
        self.requests
            .with_label_values(&[method, route, status.as_str()])
            .inc();
        self.durations
            .with_label_values(&[method, route])
            .observe(duration.as_secs_f64());
        let audited = route.starts_with("/api/v1/") && !UNAUDITED.contains(&route);
        if audited && status.starts_with('2') {
            self.analysis.answered();
        }
    }

    /// What is told about the analysis of the audit log.
    pub fn analysis(&self) -> &AnalysisMetrics {
        &self.analysis
    }

    /// Of audit events that share commits.
    pub fn audit_group(&self) -> &GroupMetrics {
        &self.audit_group
    }

    /// Of answers and their audit events.
    pub fn audit(&self) -> &AuditMetrics {
        &self.audit
    }
    /// Of the audit log's sinks.
    pub fn audit_export(&self) -> &AuditExportMetrics {
        &self.audit_export
    }

    /// Of accounts that nobody uses, and of erasures that persons asked for.
    pub fn people(&self) -> &PeopleMetrics {
        &self.people
    }

    /// Of pruning the audit log.
    pub fn retention(&self) -> &RetentionMetrics {
        &self.retention
    }

    /// A request begins.
    pub fn request_started(&self) {
        self.in_flight.inc();
    }

    /// A request is over, answered or not.
    pub fn request_ended(&self) {
        self.in_flight.dec();
    }

    /// A rate limit was kept in this process only, because the shared cache did not answer.
    pub fn rate_limit_degraded(&self) {
        self.rates_degraded.inc();
    }

    /// A sign-in was refused because too many wrong passwords came from where it did.
    pub fn network_barred(&self) {
        self.network_barred.inc();
    }

    /// The state of the breaker around `dependency`.
    pub fn set_breaker(&self, dependency: &'static str, state: BreakerState) {
        let value = match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        };
        self.breakers.with_label_values(&[dependency]).set(value);
    }

    /// The database's connections.
    pub fn set_pool(&self, pool: PoolGauge) {
        for (state, count) in [("idle", pool.idle), ("in_use", pool.in_use), ("max", pool.max)] {
            self.pools.with_label_values(&[state]).set(i64::from(count));
        }
    }

    /// How far the audit log has come.
    pub fn set_audit(&self, pending: u64, last_sequence: u64) {
        self.audit_pending.set(i64::try_from(pending).unwrap_or(i64::MAX));
        self.audit_sequence
            .set(i64::try_from(last_sequence).unwrap_or(i64::MAX));
    }

    /// Whether the audit log was refused, and how long its oldest event has waited.
    pub fn set_audit_guard(&self, refused: bool, oldest: Duration) {
        self.audit_refused.set(i64::from(refused));
        self.audit_oldest
            .set(i64::try_from(oldest.as_secs()).unwrap_or(i64::MAX));
    }

    /// What is told about mail to persons.
    pub fn mail(&self) -> &MailMetrics {
        &self.mail
    }
    /// What is told about erasures.
    pub fn erasures(&self) -> &ErasureMetrics {
        &self.erasures
    }
    /// What is told about second factors.
    pub fn factors(&self) -> &FactorMetrics {
        &self.factors
    }
    /// What is told about witnesses.
    pub fn witnesses(&self) -> &WitnessMetrics {
        &self.witnesses
    }
    /// What is told about keys.
    pub fn keys(&self) -> &KeyMetrics {
        &self.keys
    }

    /// Passwords that wait to be hashed.
    pub fn set_hash_queue(&self, depth: usize) {
        self.hash_queue.set(i64::try_from(depth).unwrap_or(i64::MAX));
    }

    /// Everything in the Prometheus text format 0.0.4 (`text/plain; version=0.0.4; charset=utf-8`).
    pub fn render(&self) -> String {
        let facts = ProcessFacts::read();
        for (gauge, value) in [
            (&self.resident, facts.resident_bytes),
            (&self.descriptors, facts.open_descriptors),
            (&self.threads, facts.threads),
        ] {
            if let Some(value) = value {
                gauge.set(value);
            }
        }
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics could not be written");
        }
        String::from_utf8(text).unwrap_or_default()
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

pub(super) fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn requests() -> Result<IntCounterVec, prometheus::Error> {
    let options = Opts::new("http_requests_total", "Requests answered.");
    IntCounterVec::new(options, &["method", "route", "status"])
}

fn network_barred() -> Result<IntCounter, prometheus::Error> {
    IntCounter::new(
        "vutf_sign_ins_network_barred_total",
        "Sign-ins refused because too many wrong passwords came from the same address or network.",
    )
}

fn rates_degraded() -> Result<IntCounter, prometheus::Error> {
    let help = "Rate limits kept in this process because the shared cache did not answer.";
    IntCounter::new("vutf_rate_limit_fallbacks_total", help)
}

fn durations() -> Result<HistogramVec, prometheus::Error> {
    let help = "From the request head to the last byte of the answer.";
    let options =
        HistogramOpts::new("http_request_duration_seconds", help).buckets(DURATION_BUCKETS.to_vec());
    HistogramVec::new(options, &["method", "route"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_observed_is_rendered() {
        let metrics = Metrics::new().unwrap();
        metrics.request_started();
        metrics.observe_request("GET", "/api/v1/users/{id}", 200, Duration::from_millis(3));
        metrics.observe_request("GET", "/api/v1/users/{id}", 200, Duration::from_millis(300));
        metrics.set_breaker("cache", BreakerState::Open);
        metrics.set_pool(PoolGauge {
            idle: 3,
            in_use: 2,
            max: 16,
        });
        metrics.set_audit(7, 41);
        metrics.set_audit_guard(true, Duration::from_secs(61));
        metrics.audit_group().observe(3, Duration::from_millis(4));
        metrics.audit_group().set(7, 2, 1);
        metrics.audit_group().set(5, 3, 4);
        metrics.audit().unrecorded_answer();
        metrics.audit().set_backlog(6, 8, 1);
        metrics.audit().set_backlog(2, 9, 2);
        metrics.audit().set_relaxed(1);
        metrics.set_hash_queue(9);
        metrics.rate_limit_degraded();
        let text = metrics.render();
        for line in [
            "http_requests_total{method=\"GET\",route=\"/api/v1/users/{id}\",status=\"200\"} 2",
            "http_request_duration_seconds_bucket{method=\"GET\",route=\"/api/v1/users/{id}\",le=\"0.005\"} 1",
            "http_requests_in_flight 1",
            "vutf_breaker_state{dependency=\"cache\"} 2",
            "vutf_database_connections{state=\"in_use\"} 2",
            "vutf_audit_pending_events 7",
            "vutf_audit_last_sequence 41",
            "vutf_audit_refused 1",
            "vutf_audit_oldest_pending_seconds 61",
            "vutf_audit_group_events_bucket{le=\"4\"} 1",
            "vutf_audit_group_wait_seconds_bucket{le=\"0.005\"} 1",
            "vutf_audit_group_queue 5",
            "vutf_audit_group_refused_total 3",
            "vutf_audit_group_failed_total 4",
            "vutf_audit_unrecorded_answers_total 1",
            "vutf_audit_backlog_events 2",
            "vutf_audit_deferred_total 9",
            "vutf_audit_dropped_total 2",
            "vutf_audit_relaxed_classes 1",
            "vutf_password_hash_queue 9",
            "vutf_rate_limit_fallbacks_total 1",
        ] {
            assert!(
                text.lines().any(|rendered| rendered == line),
                "{line} is not in:\n{text}"
            );
        }
        assert!(text.contains("vutf_build_info{version="));
        assert!(!text.contains("process_resident_memory_bytes 0\n") || !cfg!(target_os = "linux"));
    }

    #[test]
    fn clients_cannot_make_labels() {
        let metrics = Metrics::new().unwrap();
        for number in 0..100 {
            metrics.observe_request(&format!("X{number}"), "unmatched", 404, Duration::ZERO);
        }
        let text = metrics.render();
        let series = text
            .lines()
            .filter(|line| line.starts_with("http_requests_total{"));
        assert_eq!(series.count(), 1);
        assert!(text.contains("method=\"OTHER\""));
    }
}
