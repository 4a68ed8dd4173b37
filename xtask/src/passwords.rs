//! `cargo xtask passwords`: makes the file of passwords that nobody may have.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Subcommand;
use vutf_identity::password::Blocklist;

use crate::output::say;

/// Shorter words are no password anywhere.
const SHORTEST: usize = 1;

#[derive(Debug, Subcommand)]
pub(crate) enum Passwords {
    /// Write a file for `identity.password_blocklist`, or the one in crates/identity/data, from lists of words.
    Build {
        /// A list: one word a line, or a JSON array of words when its name ends in .json. As often as needed.
        #[arg(long, value_name = "LIST", required = true)]
        from: Vec<PathBuf>,
        /// Where to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Bytes of each prefix: one more makes the file a fourth larger and false refusals 256 times rarer.
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(3..=8))]
        width: u8,
    },
}

/// Runs it.
pub(crate) fn run(what: &Passwords) -> Result<()> {
    let Passwords::Build { from, out, width } = what;
    let mut words = Vec::new();
    for list in from {
        words.extend(read(list).with_context(|| list.display().to_string())?);
    }
    ensure!(!words.is_empty(), "the lists are empty");
    let file = Blocklist::encode(words.iter().map(String::as_str), usize::from(*width))?;
    let list = Blocklist::decode(&file)?;
    std::fs::write(out, &file).with_context(|| format!("cannot write {}", out.display()))?;
    say(&format!(
        "{}: {} words, {} prefixes, {} bytes; of a million good passwords {:.2} are refused by mistake",
        out.display(),
        words.len(),
        list.len(),
        file.len(),
        list.false_positive_rate() * 1e6
    ));
    Ok(())
}

fn read(list: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(list)?;
    let words: Vec<String> = if list.extension().is_some_and(|ending| ending == "json") {
        serde_json::from_str(&text)?
    } else {
        text.lines().map(str::to_owned).collect()
    };
    let words = words
        .into_iter()
        .filter(|word| word.trim().chars().count() >= SHORTEST);
    Ok(words.collect())
}
