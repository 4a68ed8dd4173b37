//! `cargo xtask bench WHAT`: figures for the documents. Nothing passes or fails by them.

mod start;

use anyhow::Result;
use clap::Subcommand;

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Time from the start of the release binary to its first `ready`, its memory when idle, and its size.
    Start {
        /// How often each start is repeated.
        #[arg(long, default_value_t = 7)]
        rounds: usize,
    },
}

/// Measures, and prints.
pub(crate) fn run(what: &Bench) -> Result<()> {
    match what {
        Bench::Start { rounds } => start::run(*rounds),
    }
}
