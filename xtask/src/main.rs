//! Developer tasks, one file each: `cargo xtask TASK`.

mod attack;
mod bench;
mod ci;
mod client;
mod demo;
mod deny;
mod drill;
mod fuzz;
mod generated;
mod interop;
mod layers;
mod licence;
mod output;
mod passwords;
mod runner;
mod secrets;
mod service;
mod template;
mod test;
mod tidy;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use output::say;

/// Developer tasks of this workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run all tests, with throwaway PostgreSQL and Redis servers.
    Test(test::Options),
    /// Hold the crate graph and the sources against the layer rules.
    Layers {
        /// The workspace's Cargo.toml, when it is not this one.
        #[arg(long)]
        manifest_path: Option<PathBuf>,
    },
    /// Check sizes, forbidden words, links and crate manifests.
    Tidy,
    /// Write the files that the binary generates.
    Generate {
        /// Compare with the files in the tree instead of writing them.
        #[arg(long)]
        check: bool,
    },
    /// Show the first five minutes with the real binary: a user, sealed data, an audit log that is tampered with.
    Demo(demo::Options),
    /// Check licences, banned crates and sources of all dependencies.
    Deny,
    /// Look for private keys and credentials in the tree.
    Secrets,
    /// Measure, and print figures.
    Bench {
        /// What.
        #[command(subcommand)]
        what: bench::Bench,
    },
    /// Lists of passwords that nobody may have.
    Passwords {
        /// What.
        #[command(subcommand)]
        what: passwords::Passwords,
    },
    /// Have what the service writes judged by programs that others wrote.
    Interop {
        /// What.
        #[command(subcommand)]
        what: interop::Interop,
    },
    /// Run what shows, at length, that the audit log keeps its promises.
    Drill {
        /// Which.
        #[command(subcommand)]
        what: drill::Drill,
    },
    /// Attack a running service of this machine, and insist that each attack fails and leaves its trace.
    Attack {
        /// What.
        #[command(subcommand)]
        what: attack::Attack,
    },
    /// Run the fuzz targets with cargo-fuzz, each for a while.
    Fuzz(fuzz::Options),
    /// Run every check that needs no server: formatting, lints, layers, tidy, generated files, dependencies, secrets.
    Ci,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            output::complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Test(options) => return test::run(&options),
        Task::Layers { manifest_path } => report("layers", &layers::check(manifest_path.as_deref())?)?,
        Task::Tidy => report("tidy", &tidy::check()?)?,
        Task::Generate { check: true } => report("generate", &generated::check()?)?,
        Task::Generate { check: false } => generated::write()?,
        Task::Demo(options) => demo::run(&options)?,
        Task::Deny => report("deny", &deny::check()?)?,
        Task::Secrets => report("secrets", &secrets::check()?)?,
        Task::Bench { what } => bench::run(&what)?,
        Task::Passwords { what } => passwords::run(&what)?,
        Task::Interop { what } => return interop::run(&what),
        Task::Drill { what } => return drill::run(&what),
        Task::Attack { what } => return attack::run(&what),
        Task::Fuzz(options) => fuzz::run(&options)?,
        Task::Ci => return Ok(ci::run()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what a check found; finding a fault is an error.
fn report(task: &str, found: &output::Findings) -> Result<()> {
    for note in &found.notes {
        say(note);
    }
    for fault in &found.faults {
        output::complain(fault);
    }
    anyhow::ensure!(found.faults.is_empty(), "{task}: {} faults", found.faults.len());
    say(&format!("{task}: ok"));
    Ok(())
}
