//! What authentication and the event of a read cost a request, beside a handler of the same process that does neither.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use vutf_testkit::servers::{Postgres, PostgresOptions};

use super::percentile;
use crate::{
    bench::{built, cpu::Clock},
    client::{self, Request},
    output::say,
    service::{Service, success},
};

const CONNECTIONS: usize = 64;
/// What each kind of answer must hold.
const EXPECTED: &str = "ada@example.org";

pub(super) fn measure(length: Duration) -> Result<()> {
    let program = built("requests")?;
    let postgres = Postgres::start(&PostgresOptions {
        fsync: true,
        ..PostgresOptions::default()
    })?;
    for (name, database) in [("SQLite", None), ("PostgreSQL", Some(postgres.url()))] {
        let home = tempfile::Builder::new().prefix("vutf-bench-").tempdir()?;
        let service = Service::start(&program, home.path(), database.as_deref())?;
        say(&format!("requests, {CONNECTIONS} connections, {name}"));
        compare(&service, length)?;
    }
    Ok(())
}

fn compare(service: &Service, length: Duration) -> Result<()> {
    let port = std::fs::read_to_string(service.data().join("beside-port"))?.parse()?;
    let bearer = format!("authorization: Bearer {}", service.token());
    let key = api_key(service)?;
    let kinds = [
        ("bare handler", Request::new(port, "GET", "/bare", &bearer, "")),
        (
            "verified token",
            Request::new(port, "GET", "/verified", &bearer, ""),
        ),
        ("GET me, by a token, with its event", service.get("/api/v1/me")),
        (
            "GET me, by an API key, with its event",
            service.request(
                "GET",
                "/api/v1/me",
                &format!("x-api-key: {key}"),
                &serde_json::Value::Null,
            ),
        ),
    ];
    // Twice and in turn, so that whatever else the machine does meets all of them; the better run counts.
    let mut best: Vec<Option<Figure>> = vec![None; kinds.len()];
    for _ in 0..2 {
        for ((_, request), best) in kinds.iter().zip(&mut best) {
            let figure = Figure::of(service, request, length)?;
            if best.is_none_or(|best| best.rate < figure.rate) {
                *best = Some(figure);
            }
        }
    }
    let bare = best.first().copied().flatten().context("nothing was measured")?;
    for ((name, _), figure) in kinds.iter().zip(best) {
        let figure = figure.context("a kind was not measured")?;
        say(&format!(
            "{name:40} {:>7.0}/s, {:.3} of the bare handler; {:>6.1} µs of CPU each, p50 {:.2} p99 {:.2} ms",
            figure.rate,
            figure.rate / bare.rate,
            figure.cpu * 1e6,
            figure.p50,
            figure.p99,
        ));
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Figure {
    /// Answers a second.
    rate: f64,
    /// Seconds of the service's CPU time an answer.
    cpu: f64,
    p50: f64,
    p99: f64,
}

impl Figure {
    fn of(service: &Service, request: &Request, length: Duration) -> Result<Self> {
        let (clock, process) = (Clock::new()?, service.server.id());
        let mut before = 0.0;
        let warm_up = Duration::from_secs(1);
        let ran = client::run(request, EXPECTED, CONNECTIONS, warm_up, length, || {
            before = clock.seconds(process)?;
            Ok(())
        })?;
        let used = clock.seconds(process)? - before;
        let count = f64::from(u32::try_from(ran.latencies.len())?);
        Ok(Self {
            rate: count / ran.took.as_secs_f64(),
            cpu: used / count,
            p50: percentile(&ran.latencies, 50),
            p99: percentile(&ran.latencies, 99),
        })
    }
}

fn api_key(service: &Service) -> Result<String> {
    let body = json!({"name": "bench", "scopes": ["self:manage"]});
    let made = success(service.post("/api/v1/me/api-keys", &body).once()?)?;
    Ok(made["secret"]
        .as_str()
        .context("an API key without its text")?
        .to_owned())
}
