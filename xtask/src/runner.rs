//! The test runner, and what its closing lines say.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, IsTerminal as _};
use std::ops::AddAssign;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::output::complain;
use crate::workspace::{FEATURES, cargo, sources};

/// Numbers of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl Counts {
    /// Moves tests that returned early, for want of a server, from the passed to the skipped ones.
    pub(crate) fn subtract_skipped(&mut self, log: &str) {
        let tests: BTreeSet<_> = log
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(_, test)| test)
            .collect();
        let count = tests.len().min(self.passed);
        self.passed -= count;
        self.skipped += count;
    }

    /// The closing line.
    pub(crate) fn line(self) -> String {
        format!(
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// What a runner did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    pub(crate) success: bool,
}

/// Everything that holds tests. Benches are built with the rest, and are not run as tests.
const TARGETS: [&str; 4] = ["--lib", "--bins", "--tests", "--examples"];

/// A way to run the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    Nextest,
    CargoTest,
}

impl Runner {
    /// nextest where it is installed.
    pub(crate) fn find() -> Self {
        let found = cargo()
            .args(["nextest", "--version"])
            .output()
            .is_ok_and(|output| output.status.success());
        if found { Self::Nextest } else { Self::CargoTest }
    }

    /// The command for all tests but the documentation's, or those whose names contain `filter`.
    pub(crate) fn command(self, filter: Option<&str>, unattended: bool) -> Command {
        let mut command = cargo();
        match self {
            Self::Nextest => {
                let colour = if std::io::stderr().is_terminal() {
                    "always"
                } else {
                    "never"
                };
                command.args([
                    "nextest",
                    "run",
                    "--workspace",
                    "--no-fail-fast",
                    "--color",
                    colour,
                ]);
                command.args(TARGETS).args(FEATURES);
                command.args(["--profile", if unattended { "ci" } else { "default" }]);
                command.args(filter);
            }
            Self::CargoTest => {
                command.args(["test", "--workspace", "--no-fail-fast"]);
                command.args(TARGETS).args(FEATURES).arg("--");
                command.args(filter);
            }
        }
        command
    }

    /// Runs `command`, shows its output, and reads the numbers from it.
    pub(crate) fn run(self, command: &mut Command) -> Result<Outcome> {
        // nextest reports on standard error, the standard harness on standard output.
        match self {
            Self::Nextest => command.stderr(Stdio::piped()),
            Self::CargoTest => command.stdout(Stdio::piped()),
        };
        let mut child = command.spawn().context("cannot start the test runner")?;
        let stream: Option<Box<dyn std::io::Read>> = match self {
            Self::Nextest => child.stderr.take().map(|stream| Box::new(stream) as _),
            Self::CargoTest => child.stdout.take().map(|stream| Box::new(stream) as _),
        };
        let mut counts = Counts::default();
        for line in BufReader::new(stream.context("no output")?).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            complain(&line);
            if let Some(read) = self.read(&without_colour(&line)) {
                counts += read;
            }
        }
        let success = child.wait()?.success();
        Ok(Outcome { counts, success })
    }

    fn read(self, line: &str) -> Option<Counts> {
        match self {
            Self::Nextest => read_nextest(line),
            Self::CargoTest => read_cargo_test(line),
        }
    }
}

/// Whether any documentation comment or README holds Rust code that is a test.
pub(crate) fn has_doctests(root: &Path) -> Result<bool> {
    let mut texts: Vec<(PathBuf, String)> = sources(root)?;
    for (path, text) in &mut texts {
        let comments = text.lines().filter_map(|line| {
            let line = line.trim_start();
            line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))
        });
        let documentation = comments.collect::<Vec<_>>().join("\n");
        let included = text
            .contains("include_str!(\"../README.md\")")
            .then(|| path.join("../../README.md"));
        let readme = included.and_then(|readme| std::fs::read_to_string(root.join(readme_of(&readme))).ok());
        *text = documentation + "\n" + &readme.unwrap_or_default();
    }
    Ok(texts.iter().any(|(_, text)| has_rust_block(text)))
}

/// `crates/x/src/lib.rs/../../README.md`, made plain: a file has no parent entry of its own.
fn readme_of(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path {
        if part == ".." {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

fn has_rust_block(text: &str) -> bool {
    let mut open = false;
    for line in text.lines() {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let rust = ["", "rust", "no_run", "should_panic", "compile_fail"];
        if !open
            && language
                .split(',')
                .all(|word| rust.contains(&word.trim()) || word.starts_with("edition"))
        {
            return true;
        }
        open = !open;
    }
    false
}

/// `Summary [ 1.2s] 5 tests run: 3 passed (1 slow), 1 failed, 1 timed out, 2 skipped`.
fn read_nextest(line: &str) -> Option<Counts> {
    let (_, numbers) = line.trim_start().strip_prefix("Summary")?.split_once(" run: ")?;
    let mut counts = Counts::default();
    for (number, word) in numbers_in(&without_brackets(numbers), ',') {
        match word.as_str() {
            "passed" => counts.passed += number,
            "skipped" => counts.skipped += number,
            // Failed, timed out, could not be executed.
            _ => counts.failed += number,
        }
    }
    Some(counts)
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s`.
fn read_cargo_test(line: &str) -> Option<Counts> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = Counts::default();
    for (number, word) in numbers_in(numbers, ';') {
        match word.as_str() {
            "passed" => counts.passed += number,
            "failed" => counts.failed += number,
            "ignored" | "filtered out" => counts.skipped += number,
            _ => {}
        }
    }
    Some(counts)
}

fn numbers_in(text: &str, separator: char) -> impl Iterator<Item = (usize, String)> {
    text.split(separator).filter_map(|part| {
        let (number, word) = part.trim().split_once(' ')?;
        Some((number.parse().ok()?, word.trim().to_owned()))
    })
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0_usize;
    let mut plain = String::new();
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(character),
            _ => {}
        }
    }
    plain
}

/// Removes the escape sequences that set colours (`ESC [ … m`).
fn without_colour(line: &str) -> String {
    let mut pieces = line.split('\u{1b}');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |plain, piece| {
        plain + piece.split_once('m').map_or(piece, |(_, text)| text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: usize, failed: usize, skipped: usize) -> Counts {
        Counts {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn nextest_summaries_are_read() {
        let read = |line: &str| read_nextest(&without_colour(line));
        assert_eq!(
            read("     Summary [   0.012s] 1 test run: 1 passed, 0 skipped"),
            Some(counts(1, 0, 0))
        );
        let mixed = "Summary [  61.0s] 9/10 tests run: 4 passed (1 slow, 1 leaky), 2 failed, 1 timed out, 2 exec failed, 3 skipped";
        assert_eq!(read(mixed), Some(counts(4, 5, 3)));
        let coloured = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.012s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m \u{1b}[32mpassed\u{1b}[0m, 0 skipped";
        assert_eq!(read(coloured), Some(counts(2, 0, 0)));
        assert_eq!(read("        PASS [   0.004s] xtask licence"), None);
    }

    #[test]
    fn cargo_test_results_are_read_and_added() {
        let mut sum = Counts::default();
        for line in [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s",
            "running 3 tests",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ] {
            sum += read_cargo_test(line).unwrap_or_default();
        }
        assert_eq!(sum, counts(4, 2, 3));
        assert_eq!(sum.line(), "4 passed, 2 failed, 3 skipped");
    }

    #[test]
    fn a_test_without_its_server_did_not_pass() {
        let mut sum = counts(5, 0, 0);
        sum.subtract_skipped(
            "postgres users::register bin-1\npostgres users::register bin-1\nredis rate bin-2\n",
        );
        assert_eq!(sum, counts(3, 0, 2));
    }

    #[test]
    fn only_rust_blocks_are_doctests() {
        assert!(has_rust_block("a\n```\nlet a = 1;\n```\n"));
        assert!(has_rust_block("```rust,no_run\n```\n"));
        assert!(!has_rust_block("```text\nplain\n```\n"));
        assert!(!has_rust_block("```toml\na = 1\n```\n```sh\nls\n```\n"));
        assert_eq!(
            readme_of(Path::new("crates/x/src/lib.rs/../../README.md")),
            Path::new("crates/x/README.md")
        );
    }
}
