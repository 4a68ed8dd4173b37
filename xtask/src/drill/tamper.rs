//! The tamper drill of the store, in release, on both databases.

use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    output::{complain, say},
    workspace::cargo,
};

/// How much.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many changes are made on each database.
    #[arg(long, default_value_t = 10_000)]
    mutations: usize,
    /// How often the untouched log is verified on each database.
    #[arg(long, default_value_t = 1_000)]
    clean: usize,
    /// How often the log is verified while others write and the sequencer places.
    #[arg(long, default_value_t = 20)]
    busy: usize,
    /// The same changes for the same number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut command = cargo();
    command.args(["bench", "--quiet", "--package", "vutf-store-seaorm"]);
    command.args(["--bench", "tamper_drill", "--"]);
    command.args(["--mutations", &options.mutations.to_string()]);
    command.args(["--clean", &options.clean.to_string()]);
    command.args(["--busy", &options.busy.to_string()]);
    command.args(["--seed", &options.seed.to_string()]);
    // How far it is goes to standard error as it happens.
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.context("cannot start cargo")?;
    ensure!(output.status.success(), "the drill ended before its end");
    let text = String::from_utf8(output.stdout).context("the output is not UTF-8")?;
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let lines = lines
        .map(serde_json::from_str)
        .collect::<Result<Vec<Value>, _>>()?;
    ensure!(!lines.is_empty(), "the drill printed nothing");
    let mut passed = true;
    for line in &lines {
        passed &= told(line);
    }
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether nothing was missed, and nothing reported of what was untouched.
fn told(line: &Value) -> bool {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    say(&format!(
        "{}: {} entries, {} checkpoints, seed {}, {} s",
        text("database"),
        line["entries"],
        line["checkpoints"],
        line["seed"],
        line["seconds"]
    ));
    say(text("table"));
    let texts = |name: &str| {
        let list = line[name].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let faults = texts("faults");
    let alarms = faults.iter().filter(|fault| !fault.starts_with("mutation"));
    say(&format!(
        "verified untouched {} times and {} times while {} entries were placed: {} false alarms",
        line["untouched_runs"],
        line["runs_while_it_grew"],
        line["placed_meanwhile"],
        alarms.count()
    ));
    for column in texts("no_evidence") {
        say(&format!("no evidence: {column}"));
    }
    for column in texts("untried_columns") {
        say(&format!("not tried: a bit of {column}"));
    }
    say("");
    for fault in &faults {
        complain(fault);
    }
    faults.is_empty()
}
