//! `cargo xtask demo`: the service's first five minutes, on the real binary and a fresh directory.
//!
//! What the commands print stands in the guide, with everything that differs from run to run replaced by its name. The
//! guide is checked against a run by a test.

mod mask;
mod shell;
mod steps;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use vutf_testkit::process::{ServerBuilder, ServerProcess};

use crate::output::say;
use crate::workspace::{build, root};

use shell::Shell;
use steps::{STEPS, Step};

const GUIDE: &str = "docs/guides/first-five-minutes.md";
const BEGIN: &str = "<!-- transcript: begin; written by `cargo xtask demo --write` -->\n";
const END: &str = "<!-- transcript: end -->\n";

/// What to do with what the demo shows.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Write it into the guide.
    #[arg(long, conflicts_with = "check")]
    write: bool,
    /// Compare it with the guide.
    #[arg(long)]
    check: bool,
}

/// Builds the binary, and shows what it does.
pub(crate) fn run(options: &Options) -> Result<()> {
    let binary = build()?.service;
    let transcript = perform(Some(&binary), !options.check)?;
    let guide = guide()?;
    let fresh = with_transcript(&guide, &transcript)?;
    if options.write {
        std::fs::write(root().join(GUIDE), fresh)?;
        say(&format!("wrote {GUIDE}"));
    } else if options.check {
        ensure!(fresh == guide, "{GUIDE} is stale: run `cargo xtask demo --write`");
        say(&format!("demo: {GUIDE} shows what happens"));
    }
    Ok(())
}

/// Runs every step and returns the transcript.
fn perform(binary: Option<&Path>, aloud: bool) -> Result<String> {
    let home = tempfile::Builder::new().prefix("vutf-demo-").tempdir()?;
    let mut site = ServerProcess::builder(home.path())?;
    if let Some(binary) = binary {
        site = site.binary(binary);
    }
    let mut server = site.spawn()?;
    let mut shell = Shell::start(home.path(), &programs(&site, home.path())?)?;
    shell.run(&format!(
        "API={}; json='content-type: application/json'",
        server.base_url()
    ))?;
    let mut transcript = String::new();
    for step in STEPS {
        if step.command.contains("audit") {
            settle(&site)?;
        }
        let output = shell.run(step.command)?;
        for part in step.shows {
            ensure!(
                output.contains(part),
                "{part:?} is not in the output of\n{}\n{output}",
                step.command
            );
        }
        let shown = told(step, &mask::mask(&output, server.base_url()));
        if aloud {
            say(shown.trim_end());
            say("");
        }
        transcript.push_str(&shown);
    }
    let code = server.terminate()?;
    ensure!(code == Some(0), "the service ended with {code:?}");
    Ok(transcript)
}

/// Waits until every event has its place in the log, so that the number of events is the same in every run.
fn settle(site: &ServerBuilder) -> Result<()> {
    for _ in 0..600 {
        let output = site.command(&["--json", "audit", "verify"])?;
        let report: serde_json::Value = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        if report["pending"] == 0 {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    anyhow::bail!("events are left without a place in the log")
}

/// A directory with the binary under its name and, where it is not installed, a stand-in for `sqlite3`.
fn programs(site: &ServerBuilder, home: &Path) -> Result<PathBuf> {
    let directory = home.join("bin");
    std::fs::create_dir(&directory)?;
    std::os::unix::fs::symlink(site.program(), directory.join("violentutf-api"))?;
    if !shell::is_installed("sqlite3") {
        let stand_in = std::env::current_exe()?;
        let mut places = stand_in
            .ancestors()
            .skip(1)
            .take(2)
            .chain(site.program().parent());
        let stand_in = places
            .find_map(|place| Some(place.join("vutf-test-sqlite3")).filter(|path| path.is_file()))
            .context("neither sqlite3 nor its stand-in vutf-test-sqlite3 is there")?;
        std::os::unix::fs::symlink(stand_in, directory.join("sqlite3"))?;
    }
    ensure!(
        shell::is_installed("curl"),
        "install curl: the demo shows its commands"
    );
    Ok(directory)
}

fn told(step: &Step, output: &str) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    if !step.heading.is_empty() {
        let _written = writeln!(text, "### {}\n", step.heading);
    }
    let _written = write!(text, "{}\n\n```sh\n{}\n```\n\n", step.says, step.command);
    if !output.trim().is_empty() {
        let _written = write!(text, "```text\n{}\n```\n\n", output.trim_end());
    }
    text
}

fn guide() -> Result<String> {
    std::fs::read_to_string(root().join(GUIDE)).with_context(|| format!("cannot read {GUIDE}"))
}

fn with_transcript(guide: &str, transcript: &str) -> Result<String> {
    let parts = guide
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.with_context(|| format!("{GUIDE} has no markers"))?;
    Ok(format!("{before}{BEGIN}\n{transcript}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_shows_what_happens() {
        let guide = guide().unwrap();
        let fresh = with_transcript(&guide, &perform(None, false).unwrap()).unwrap();
        let unlike = guide.lines().zip(fresh.lines()).find(|(kept, now)| kept != now);
        assert!(
            guide == fresh,
            "run `cargo xtask demo --write`; the first line that differs: {unlike:#?}"
        );
    }

    #[test]
    fn only_what_is_between_the_markers_is_replaced() {
        let guide = format!("before\n{BEGIN}old\n{END}after\n");
        let fresh = with_transcript(&guide, "new\n").unwrap();
        assert_eq!(fresh, format!("before\n{BEGIN}\nnew\n{END}after\n"));
        assert_eq!(with_transcript(&fresh, "new\n").unwrap(), fresh);
        assert!(with_transcript("no markers", "new").is_err());
    }
}
