//! The command line.
//!
//! Invariants:
//! - The exit code is 0 (done), 1 (failed) or 2 (wrong usage or configuration), and nothing else.
//! - Answers go to standard output through [`output::Output`]; everything else goes to standard error.
//! - A wrong configuration lists all its mistakes, and nothing is created.
//! - No secret is taken as an argument of its own, and no answer holds one, except the bootstrap token at the start that made it,
//!   an API key where it was made, and the secret of an account for emergencies when it is sealed.

mod answer;
mod api_keys;
mod approval_args;
mod approvals;
mod args;
mod audit;
mod audit_args;
mod break_glass;
mod completions;
mod config;
mod database;
mod doctor;
mod erase;
mod failure;
mod healthcheck;
mod import;
mod kek;
mod key_args;
mod key_jobs;
mod key_life;
mod key_policies;
mod keys;
mod migrate;
mod openapi;
mod output;
mod panics;
mod password;
mod passwords;
mod probe;
mod program_args;
mod programs;
mod progress;
mod serve;
mod start;
mod tombstones;
mod user;
mod version;
mod witness;
mod witness_args;

#[cfg(test)]
mod tests;

pub use panics::note_panics;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;

use self::{
    args::{Cli, Command},
    failure::{Failure, Outcome},
    output::Output,
};
use crate::config::Sources;

/// Runs what `arguments` say, the first of which is the program's name.
pub async fn run(arguments: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(&arguments).and_then(|cli| cli.complete(&arguments)) {
        Ok(cli) => cli,
        Err(error) => {
            // A reader who went away is no reason to fail.
            let _best_effort = error.print();
            return ExitCode::from(if error.use_stderr() { failure::USAGE } else { 0 });
        }
    };
    let Cli { global, command } = cli;
    let mut out = Output::stdout(global.json);
    let sources = Sources::from_process(global.config, global.set);
    let outcome = dispatch(command.unwrap_or(Command::Serve), &sources, &mut out).await;
    outcome
        .and_then(|()| out.finish().map_err(Failure::from))
        .map_or_else(|failure| failure.report(global.json), |()| ExitCode::SUCCESS)
}

async fn dispatch(command: Command, sources: &Sources, out: &mut Output) -> Outcome {
    match command {
        Command::Serve => Box::pin(serve::run(sources, out)).await,
        Command::Migrate { action } => Box::pin(migrate::run(action, sources, out)).await,
        Command::Config { action } => config::run(&action, sources, out),
        Command::Doctor => Box::pin(doctor::run(sources, out)).await,
        Command::User { action } => Box::pin(user::run(action, sources, out)).await,
        Command::ServiceAccount { action } => Box::pin(programs::run(action, sources, out)).await,
        Command::ApiKey { action } => Box::pin(api_keys::run(action, sources, out)).await,
        Command::Approvals { action } => Box::pin(approvals::run(action, sources, out)).await,
        Command::Passwords { action } => passwords::run(&action, out),
        Command::Keys { action } => Box::pin(keys::run(action, sources, out)).await,
        Command::Audit { action } => Box::pin(audit::run(action, sources, out)).await,
        Command::Witness { action } => Box::pin(witness::run(action, sources, out)).await,
        Command::Openapi => openapi::run(out),
        Command::Healthcheck => healthcheck::run(sources, out),
        Command::Version => version::run(out),
        Command::Completions { shell } => completions::run(shell, out),
    }
}
