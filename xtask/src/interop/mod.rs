//! `cargo xtask interop WHAT`: what this service writes, judged by programs that others wrote.

mod audit;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// What is judged.
#[derive(Debug, Subcommand)]
pub(crate) enum Interop {
    /// Checkpoints, inclusion and consistency of a running service's log, and of a bundle of it, by tlog-scales; and a log that
    /// tlog-scales wrote, by `audit verify --bundle`. On SQLite and on PostgreSQL.
    Audit(audit::Options),
}

/// Runs it, and prints what was verified. Whatever does not fit is an error.
pub(crate) fn run(what: &Interop) -> Result<ExitCode> {
    match what {
        Interop::Audit(options) => audit::run(options),
    }
}
