//! `cargo xtask ci`: every check that needs no server, one line each, and a summary.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::output::{Findings, complain, say};
use crate::workspace::cargo;
use crate::{deny, generated, layers, secrets, tidy};

type Check = fn() -> Result<Findings>;

const STEPS: &[(&str, Check)] = &[
    ("fmt", || cargo_check(&["fmt", "--all", "--check"])),
    ("clippy", || {
        cargo_check(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ])
    }),
    ("layers", || layers::check(None)),
    ("tidy", tidy::check),
    ("generate", generated::check),
    ("deny", deny::check),
    ("secrets", secrets::check),
];

/// Runs all steps, also after one has failed.
pub(crate) fn run() -> ExitCode {
    let mut failed = Vec::new();
    for (name, check) in STEPS {
        let start = Instant::now();
        let faults = faults_of(*check);
        let seconds = start.elapsed().as_secs_f32();
        say(&format!(
            "{name:.<12} {} ({seconds:.1} s)",
            if faults.is_empty() { "ok" } else { "FAILED" }
        ));
        for fault in &faults {
            complain(fault);
        }
        if !faults.is_empty() {
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        say(&format!("ci: all {} checks ok", STEPS.len()));
        return ExitCode::SUCCESS;
    }
    say(&format!(
        "ci: {} of {} checks FAILED: {}",
        failed.len(),
        STEPS.len(),
        failed.join(", ")
    ));
    ExitCode::FAILURE
}

/// The faults of a check; that it could not be made is one too.
fn faults_of(check: Check) -> Vec<String> {
    match check() {
        Ok(findings) => {
            for note in &findings.notes {
                say(note);
            }
            findings.faults
        }
        Err(error) => vec![format!("{error:#}")],
    }
}

/// A cargo command without faults is one that succeeds; its output is shown when it does not.
fn cargo_check(arguments: &[&str]) -> Result<Findings> {
    let output = cargo().args(arguments).output().context("cannot start cargo")?;
    let mut findings = Findings::default();
    if !output.status.success() {
        findings.fault(String::from_utf8_lossy(&output.stdout));
        findings.fault(String::from_utf8_lossy(&output.stderr));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_cannot_be_made_has_failed() {
        assert_eq!(faults_of(|| anyhow::bail!("no such file")), ["no such file"]);
        assert!(faults_of(|| Ok(Findings::default())).is_empty());
    }

    #[test]
    fn a_failing_cargo_command_is_a_fault() {
        assert!(cargo_check(&["--version"]).unwrap().faults.is_empty());
        assert!(!cargo_check(&["no-such-command"]).unwrap().faults.is_empty());
    }
}
