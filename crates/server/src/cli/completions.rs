//! `completions`: what a shell needs to complete commands and flags.

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use super::{args::Cli, failure::Outcome, output::Output};

pub(super) fn run(shell: Shell, out: &mut Output) -> Outcome {
    // Into memory first: the generator panics when its writer fails, and ours may.
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "violentutf-api", &mut script);
    Ok(out.text(&String::from_utf8_lossy(&script))?)
}
