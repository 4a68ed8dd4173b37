//! `cargo xtask bench WHAT`: figures for the documents. Nothing passes or fails by them.

mod audit;
mod audit_search;
mod cpu;
mod crypto;
mod identity;
mod kek;
mod keys;
mod reencrypt;
mod start;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Subcommand;
use serde_json::Value;

use crate::workspace::{cargo, output_of, target};

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Time from the start of the release binary to its first `ready`, its memory when idle, and its size.
    Start {
        /// How often each start is repeated.
        #[arg(long, default_value_t = 7)]
        rounds: usize,
    },
    /// The audit log on PostgreSQL with fsync: events a second and the time to a checkpoint, beside the bare INSERTs.
    Audit(audit::Options),
    /// Searches in a long audit log on both databases, and what each index costs whoever writes.
    AuditSearch(audit_search::Options),
    /// Named keys over HTTP beside OpenBao's transit engine: items a second, and CPU time an item.
    Crypto(crypto::Options),
    /// Sign-ins: whether the time of a refusal tells why, what a storm of them does to others, and what share of the cores' hashes they
    /// are.
    Identity(identity::Options),
    /// Re-encryption by two processes on both databases: rows a second beside the bare UPDATEs, then twenty kills.
    Reencrypt {
        /// How many rows there are.
        #[arg(long, default_value_t = 200_000)]
        rows: usize,
    },
    /// Fields sealed and opened beside the bare ciphers, blind indexes, and cold unwrapping with each provider.
    Keys {
        /// How often each measure is repeated; the best counts.
        #[arg(long, default_value_t = 100)]
        rounds: usize,
        /// How often each provider unwraps.
        #[arg(long, default_value_t = 1_000)]
        calls: usize,
    },
    /// Exchange of the key-encryption key and of the tenant key above many keys of persons, on both databases.
    Kek {
        /// How many persons there are.
        #[arg(long, default_value_t = 100_000)]
        subjects: usize,
    },
}

/// Measures, and prints.
pub(crate) fn run(what: &Bench) -> Result<()> {
    match what {
        Bench::Start { rounds } => start::run(*rounds),
        Bench::Audit(options) => audit::run(options),
        Bench::AuditSearch(options) => audit_search::run(options),
        Bench::Crypto(options) => crypto::run(options),
        Bench::Identity(options) => identity::run(options),
        Bench::Reencrypt { rows } => reencrypt::run(*rows),
        Bench::Keys { rounds, calls } => keys::run(*rounds, *calls),
        Bench::Kek { subjects } => kek::run(*subjects),
    }
}

/// Runs a bench of a crate in release, and gives back its lines of JSON.
fn lines(package: &str, bench: &str, arguments: &[&str]) -> Result<Vec<Value>> {
    lines_with(package, "", bench, arguments)
}

/// The same for a bench that needs `features` of its crate.
fn lines_with(package: &str, features: &str, bench: &str, arguments: &[&str]) -> Result<Vec<Value>> {
    let mut command = cargo();
    command.args(["bench", "--quiet", "--package", package, "--bench", bench]);
    command.args(["--features", features, "--"]);
    let text = output_of(command.args(arguments))?;
    let json = text.lines().filter(|line| line.starts_with('{'));
    json.map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// A bench of the service, built for release, to be started like the service.
fn built(bench: &str) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["bench", "--no-run", "--package", "vutf-server", "--bench", bench]);
    let text = output_of(command.args(["--message-format", "json"]))?;
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages
        .filter(|message| message.pointer("/target/name").and_then(Value::as_str) == Some(bench))
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .with_context(|| format!("cargo built no bench {bench}"))
}

/// The service, built for release.
fn release() -> Result<PathBuf> {
    let status = cargo()
        .args(["build", "--release", "--package", "vutf-server"])
        .status()?;
    ensure!(status.success(), "the release build failed");
    Ok(target()?.join("release/violentutf-api"))
}
