//! `cargo xtask fuzz`: every fuzz target for a while, from its corpus, with cargo-fuzz. The bounded run that needs no tool is
//! among the tests (`tests/it/fuzz.rs`).

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use crate::output::say;
use crate::workspace::{cargo, root};

/// The crates that have fuzz targets.
const CRATES: [&str; 2] = ["crates/crypto-keys", "crates/kms"];

/// What to run, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// This target only.
    #[arg(long)]
    target: Option<String>,
}

/// Runs the targets one after another; a finding ends with an error that names the target, and cargo-fuzz keeps the input.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(
        cargo()
            .args(["fuzz", "--version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?
            .success(),
        "cargo-fuzz is not installed: `cargo install cargo-fuzz`"
    );
    let mut run = 0;
    for home in CRATES.map(|name| root().join(name)) {
        for target in targets(&home)? {
            if options.target.as_ref().is_none_or(|only| *only == target) {
                say(&format!("fuzz: {target}, {} s", options.seconds));
                one(&home, &target, options.seconds)?;
                run += 1;
            }
        }
    }
    ensure!(run > 0, "there is no such target");
    say(&format!("fuzz: {run} targets, nothing found"));
    Ok(())
}

fn one(home: &Path, target: &str, seconds: u32) -> Result<()> {
    // New inputs go to a directory of their own: the corpus in the tree is kept by hand.
    let found = root().join("target/fuzz").join(target);
    std::fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
    let status = cargo()
        .current_dir(home)
        // Sanitisers and coverage are flags of the nightly compiler; this allows them on the pinned one.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", root().join("target/fuzz/build"))
        .args(["fuzz", "run", target])
        .arg(&found)
        .arg(home.join("fuzz/corpus").join(target))
        .args([
            "--",
            &format!("-max_total_time={seconds}"),
            "-print_final_stats=1",
        ])
        .status()
        .context("cannot start cargo fuzz")?;
    if !status.success() {
        bail!(
            "{target}: a finding; see {}",
            home.join("fuzz/artifacts").join(target).display()
        );
    }
    Ok(())
}

/// The targets of a crate: one source file each.
fn targets(home: &Path) -> Result<Vec<String>> {
    let directory = home.join("fuzz/fuzz_targets");
    let files = std::fs::read_dir(&directory).with_context(|| directory.display().to_string())?;
    let paths = files
        .map(|file| Ok(file?.path()))
        .collect::<Result<Vec<PathBuf>>>()?;
    let mut names: Vec<String> = paths
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_declared_has_a_corpus_and_is_replayed_by_a_test() {
        for home in CRATES.map(|name| root().join(name)) {
            let manifest = std::fs::read_to_string(home.join("fuzz/Cargo.toml")).unwrap();
            let test = std::fs::read_to_string(home.join("tests/it/fuzz.rs")).unwrap();
            let targets = targets(&home).unwrap();
            assert!(!targets.is_empty(), "{}", home.display());
            for target in targets {
                assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
                assert!(test.contains(&format!("run(\"{target}\"")), "{target}");
                let corpus = std::fs::read_dir(home.join("fuzz/corpus").join(&target)).unwrap();
                assert!(corpus.count() > 1, "{target}");
            }
        }
    }
}
