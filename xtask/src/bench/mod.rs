//! `cargo xtask bench WHAT`: figures for the documents. Nothing passes or fails by them.

mod crypto;
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
    /// Named keys over HTTP beside OpenBao's transit engine: items a second, and CPU time an item.
    Crypto(crypto::Options),
}

/// Measures, and prints.
pub(crate) fn run(what: &Bench) -> Result<()> {
    match what {
        Bench::Start { rounds } => start::run(*rounds),
        Bench::Crypto(options) => crypto::run(options),
    }
}
