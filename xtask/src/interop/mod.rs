//! `cargo xtask interop WHAT`: what this service writes, judged by programs that others wrote.

mod audit;
mod chromium;
mod identity;
mod passkey_rs;
mod passkeys;

use std::{
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use clap::Subcommand;
use serde_json::Value;

use crate::{
    output::{complain, say},
    workspace::root,
};

/// What is judged.
#[derive(Debug, Subcommand)]
pub(crate) enum Interop {
    /// Checkpoints, inclusion and consistency of a running service's log, and of a bundle of it, by tlog-scales; and a log that
    /// tlog-scales wrote, by `audit verify --bundle`. On SQLite and on PostgreSQL.
    Audit(Options),
    /// Codes by pyotp at sign-in, access tokens by pyseto with the published keys, imported accounts with hashes by argon2-cffi,
    /// and passkeys by Chromium and passkey-rs. On SQLite and on PostgreSQL.
    Identity(Options),
}

/// Runs it, and prints what was verified. Whatever does not fit is an error.
pub(crate) fn run(what: &Interop) -> Result<ExitCode> {
    match what {
        Interop::Audit(options) => audit::run(options),
        Interop::Identity(options) => identity::run(options),
    }
}

/// What may be left out.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What is not installed is skipped, and is no failure.
    #[arg(long)]
    allow_skip: bool,
}

impl Options {
    /// Says that `what` was not done. A judgement that was not made is none.
    fn skipped(&self, what: &str) -> Result<()> {
        complain(&format!("skipped: {what}"));
        ensure!(
            self.allow_skip,
            "not everything was judged; --allow-skip accepts that"
        );
        Ok(())
    }
}

/// A judge that runs in Python.
struct Script<'a> {
    python: &'a Path,
    /// From the root of the workspace.
    file: &'static str,
    name: &'a str,
}

impl Script<'_> {
    /// Prints each line `{"verified": …, "count": …}`, and answers the last line of another kind.
    fn run(&self, arguments: &[&str]) -> Result<Value> {
        let output = Command::new(self.python)
            .arg(root().join(self.file))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("cannot start Python")?;
        let mut answer = Value::Null;
        for line in String::from_utf8(output.stdout)?.lines() {
            let line: Value = serde_json::from_str(line)?;
            match line["verified"].as_str() {
                Some(what) => say(&format!("{:12} {what:54} {:>8}", self.name, line["count"])),
                None => answer = line,
            }
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let step = arguments.first().copied().unwrap_or_default();
        ensure!(
            output.status.success(),
            "{}, {step}: {}",
            self.name,
            errors.trim_end()
        );
        Ok(answer)
    }
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("a path is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_is_a_failure_unless_that_is_allowed() {
        let skipped = |allow_skip| Options { allow_skip }.skipped("PostgreSQL").is_ok();
        assert_eq!((skipped(false), skipped(true)), (false, true));
    }
}
