//! `cargo xtask attack WHAT`: attacks on a running service of this machine, bounded in number and time, each of which must fail and
//! leave its trace in the audit log.

mod browser;
mod guessing;
mod identity;
mod mail;
mod passkeys;
mod site;
mod tokens;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// What is attacked.
#[derive(Debug, Subcommand)]
pub(crate) enum Attack {
    /// Sign-in, second factor, tokens and sessions, as a stranger, as a thief and as another user.
    Identity(identity::Options),
}

pub(crate) fn run(what: &Attack) -> Result<ExitCode> {
    match what {
        Attack::Identity(options) => identity::run(options),
    }
}
