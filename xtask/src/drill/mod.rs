//! `cargo xtask drill WHAT`: what takes too long for every run of the tests. Fails when a promise is not kept.

mod replicas;
mod tamper;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// Which drill.
#[derive(Debug, Subcommand)]
pub(crate) enum Drill {
    /// Change the audit log at random, as an administrator of the database can, and insist that each change is reported with
    /// its place, on SQLite and on PostgreSQL; and that nothing is reported of the untouched log.
    Tamper(tamper::Options),
    /// Kill the leader of three replicas again and again while clients write at all of them, and look for what was acknowledged.
    Replicas(replicas::Options),
}

pub(crate) fn run(what: &Drill) -> Result<ExitCode> {
    match what {
        Drill::Tamper(options) => tamper::run(options),
        Drill::Replicas(options) => replicas::run(options),
    }
}
