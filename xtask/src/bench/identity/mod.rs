//! Signing in under attack and under load: what an answer's time tells a stranger, what a storm of sign-ins does to everybody else,
//! and how much of what the cores can hash becomes sign-ins.

mod enumeration;
mod logins;
mod requests;
mod storm;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{client::Request, output::say, service::Service};

/// How it is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Sign-ins of each kind whose times are compared.
    #[arg(long, default_value_t = 1_000)]
    tries: usize,
    /// Sign-ins at once in the storm.
    #[arg(long, default_value_t = 500)]
    storm: usize,
    /// Seconds of each measure of throughput.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The service's binary, instead of a release build.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Only `requests`, `logins`, `storm` or `enumeration`.
    #[arg(long, default_value = "")]
    only: String,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let program = match &options.program {
        Some(program) => program.clone(),
        None => super::release()?,
    };
    let wants = |part: &str| part.contains(&options.only);
    if wants("requests") {
        requests::measure(Duration::from_secs(options.seconds))?;
    }
    let home = tempfile::Builder::new().prefix("vutf-bench-").tempdir()?;
    let service = Service::start_with(&program, home.path(), None, &SETTINGS)?;
    if wants("logins") {
        logins::measure(&service, Duration::from_secs(options.seconds))?;
    }
    if wants("storm") {
        storm::measure(&service, options.storm)?;
    }
    if wants("enumeration") {
        enumeration::measure(&service, options.tries)?;
    }
    Ok(())
}

/// A hash costs what it costs by default. All wrong guesses come from one address here, and each kind is to be refused for its own
/// reason, a bar for as long as it is measured.
const SETTINGS: [(&str, &str); 5] = [
    ("VUTF__IDENTITY__ARGON2__MEMORY_KIB", "65536"),
    ("VUTF__IDENTITY__ARGON2__ITERATIONS", "3"),
    ("VUTF__IDENTITY__LOCKOUT__ADDRESS_FAILURES", "1000000"),
    ("VUTF__IDENTITY__LOCKOUT__NETWORK_FAILURES", "1000000"),
    ("VUTF__IDENTITY__LOCKOUT__DELAYS", "60m"),
];

const PASSWORD: &str = "seven quiet lanterns over the harbour";

/// Makes an account; its id.
fn register(service: &Service, name: &str) -> Result<String> {
    let body = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
    let made = service.ask("/api/v1/auth/register", &body)?;
    Ok(made["id"]
        .as_str()
        .context("an account without an id")?
        .to_owned())
}

fn login(service: &Service, name: &str, password: &str) -> Request {
    let body: Value = json!({"username": name, "password": password});
    service.post("/api/v1/auth/login", &body)
}

/// The value below which `percent` of the sorted ones lie, in milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
}

fn tell(name: &str, sorted: &[Duration]) {
    say(&format!(
        "{name:40} {:>6} {:>9.2} {:>9.2} {:>9.2} ms",
        sorted.len(),
        percentile(sorted, 50),
        percentile(sorted, 95),
        percentile(sorted, 99)
    ));
}

fn head(what: &str) {
    say(&format!(
        "{what:40} {:>6} {:>9} {:>9} {:>9}",
        "count", "p50", "p95", "p99"
    ));
}

/// A line of `/proc/PID/status`, in MiB.
fn memory(process: u32, line: &str) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let found = text.lines().find_map(|all| all.strip_prefix(line));
    let kib: f64 = found
        .context("no such line in the status of a process")?
        .trim_start_matches(':')
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()?;
    ensure!(kib > 0.0, "{line} is nothing");
    Ok(kib / 1024.0)
}
