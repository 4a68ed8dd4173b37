//! The audit log: through its ports, over HTTP, proved and verified.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use serde_json::Value;
use vutf_testkit::servers::{Postgres, PostgresOptions};

use super::lines;
use crate::{
    client::{self, Request},
    output::say,
    service::Service,
};

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Load,
    Verify,
    Proof,
    Request,
}

impl Part {
    /// What the benchmark of the store calls it; it has none of a request.
    fn of_store(self) -> Option<&'static str> {
        match self {
            Self::Load => Some("load"),
            Self::Verify => Some("verify"),
            Self::Proof => Some("proof"),
            Self::Request => None,
        }
    }
}

/// How it is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Entries of the log from which proofs are taken; the goals name 10,000,000.
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// Seconds of each load.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How often each load is repeated; the best one counts.
    #[arg(long, default_value_t = 1)]
    rounds: u64,
    /// Only one part.
    #[arg(long)]
    only: Option<Part>,
    /// The service's binary, instead of a release build.
    #[arg(long)]
    program: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let (events, seconds) = (options.events.to_string(), options.seconds.to_string());
    let rounds = options.rounds.to_string();
    if options.only != Some(Part::Request) {
        let mut arguments = vec!["--events", &events, "--seconds", &seconds, "--rounds", &rounds];
        if let Some(part) = options.only.and_then(Part::of_store) {
            arguments.extend(["--only", part]);
        }
        let found = lines("vutf-store-seaorm", "audit", &arguments)?;
        for line in &found {
            tell(line)?;
            if let Some(beside) = beside(line) {
                say(&beside);
            }
        }
    }
    if options.only.is_none_or(|part| part == Part::Request) {
        request(options)?;
    }
    Ok(())
}

fn tell(line: &Value) -> Result<()> {
    let number = |path: &str| {
        line.pointer(path)
            .and_then(Value::as_f64)
            .with_context(|| format!("no {path}"))
    };
    say(&match line["figure"].as_str().unwrap_or_default() {
        "load" => format!(
            "{:10} {:>4} writers{:>12}: {:>7.0} events/s, {:.0} µs of CPU each, groups of {:>4.1}; answered p50 {:>6.2} p99 {:>7.2} ms; commit to signed \
             checkpoint p50 {:>6.2} p99 {:>7.2} ms",
            line["way"].as_str().unwrap_or_default(),
            line["writers"],
            line["pace"]
                .as_u64()
                .map(|pace| format!(" at {pace}/s"))
                .unwrap_or_default(),
            number("/events_per_second")?,
            number("/cpu_us_per_event")?,
            number("/group")?,
            number("/answer_ms/p50")?,
            number("/answer_ms/p99")?,
            number("/checkpoint_ms/p50")?,
            number("/checkpoint_ms/p99")?,
        ),
        "limit" => format!(
            "bare INSERT, {:>3} rows, {:>2} connections, {}: {:.0} rows/s",
            line["batch"],
            line["connections"],
            line["indexes"].as_str().unwrap_or_default(),
            number("/rows_per_second")?,
        ),
        "verification" => format!(
            "verification of {} events: {:.0} events/s in the database; over a bundle in memory of {} bytes {:.0} \
             events/s, {:.0} in a second of CPU time",
            line["events"],
            number("/database_events_per_second")?,
            line["bundle_bytes"],
            number("/bundle_events_per_second")?,
            number("/bundle_events_per_cpu_second")?,
        ),
        "proof" => format!(
            "inclusion proof out of {} entries: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
            line["events"],
            number("/ms/p50")?,
            number("/ms/p99")?,
            number("/ms/max")?,
        ),
        "machine" => format!(
            "{}; load average {}",
            line["postgres"].as_str().unwrap_or_default(),
            line["load_average"].as_str().unwrap_or_default()
        ),
        _ => line.to_string(),
    });
    Ok(())
}

/// What the bare INSERTs of the same bytes did that took turns with a load.
fn beside(line: &Value) -> Option<String> {
    let limit = line.get("limit")?;
    Some(format!(
        "           {:.2} of the bare INSERT of {} rows over {} connections, {:.0} rows/s",
        limit["ratio"].as_f64()?,
        limit["rows"],
        limit["connections"],
        limit["rows_per_second"].as_f64()?,
    ))
}

/// How much of a request its read event is: the recorder's own clock over that of the requests.
fn request(options: &Options) -> Result<()> {
    let program = match &options.program {
        Some(program) => program.clone(),
        None => super::release()?,
    };
    let postgres = Postgres::start(&PostgresOptions {
        fsync: true,
        ..PostgresOptions::default()
    })?;
    let home = tempfile::tempdir()?;
    let service = Service::start(&program, home.path(), Some(&postgres.url()))?;
    let management = service.server.management_url();
    let port = management.rsplit(':').next().context("no port")?.parse()?;
    let metrics = Request::new(port, "GET", "/metrics", "accept: text/plain", "");
    let look = service.get("/api/v1/me");
    for connections in [1, 8, 64] {
        let mut before = Sums::default();
        let ran = client::run(
            &look,
            "ada@example.org",
            connections,
            Duration::from_secs(1),
            Duration::from_secs(options.seconds),
            || {
                before = Sums::read(&metrics)?;
                Ok(())
            },
        )?;
        let after = Sums::read(&metrics)?;
        let at = |percent: usize| {
            let latency = ran.latencies.get(ran.latencies.len() * percent / 100);
            latency.copied().unwrap_or_default().as_secs_f64() * 1_000.0
        };
        let wait = (after.wait - before.wait) / (after.groups - before.groups);
        let duration = (after.duration - before.duration) / (after.requests - before.requests);
        say(&format!(
            "GET /api/v1/me, {connections:>2} connections: {:>6.0} requests/s, p50 {:.2} p99 {:.2} ms; in the service {:.2} ms, of \
             which the event at most {:.2} ms ({:.0} %), in groups of {:.1}",
            f64::from(u32::try_from(ran.latencies.len())?) / ran.took.as_secs_f64(),
            at(50),
            at(99),
            duration * 1_000.0,
            wait * 1_000.0,
            wait / duration * 100.0,
            (after.events - before.events) / (after.groups - before.groups),
        ));
    }
    Ok(())
}

/// Sums out of the metrics, in seconds and numbers.
#[derive(Clone, Copy, Default)]
struct Sums {
    wait: f64,
    groups: f64,
    events: f64,
    duration: f64,
    requests: f64,
}

impl Sums {
    fn read(metrics: &Request) -> Result<Self> {
        let (_, body) = metrics.once()?;
        let text = String::from_utf8(body)?;
        Ok(Self {
            wait: sample(&text, "vutf_audit_group_wait_seconds_sum")?,
            groups: sample(&text, "vutf_audit_group_wait_seconds_count")?,
            events: sample(&text, "vutf_audit_group_events_sum")?,
            duration: sum(&text, "http_request_duration_seconds_sum", "route=\"/api/v1/me\""),
            requests: sum(
                &text,
                "http_request_duration_seconds_count",
                "route=\"/api/v1/me\"",
            ),
        })
    }
}

fn sample(text: &str, name: &str) -> Result<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.with_context(|| format!("no metric {name}"))?;
    Ok(value.trim().parse()?)
}

/// Of all samples of a name with a label.
fn sum(text: &str, name: &str, label: &str) -> f64 {
    let of = text
        .lines()
        .filter(|line| line.starts_with(name) && line.contains(label));
    of.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_over_the_other_labels() {
        let text = "a_sum 0.5\nb_count{route=\"/x\",status=\"200\"} 3\nb_count{route=\"/x\",status=\"401\"} 4\nb_count{route=\"/y\"} 9\n";
        assert!((sample(text, "a_sum").unwrap() - 0.5).abs() < f64::EPSILON);
        assert!((sum(text, "b_count", "route=\"/x\"") - 7.0).abs() < f64::EPSILON);
        assert!(sample(text, "c_sum").is_err());
    }
}
