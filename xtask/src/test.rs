//! `cargo xtask test`: all tests, with PostgreSQL and Redis.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Result, ensure};
use vutf_testkit::servers::settings::{self, continuous_integration, variable};
use vutf_testkit::servers::{
    Component, Postgres, PostgresOptions, Redis, RedisOptions, can_install, find_binaries, install,
    install_hint,
};

use crate::output::{complain, say};
use crate::runner::{Counts, Outcome, Runner, has_doctests};
use crate::template::Template;
use crate::workspace::{build, cargo, root};

/// How to run the tests.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Run only the tests whose names contain this.
    #[arg(long)]
    filter: Option<String>,
    /// Never install packages; do without what is missing.
    #[arg(long)]
    no_install: bool,
}

/// Runs the tests and prints the summary. Ctrl-C ends this process; the watchdogs of the servers clear up.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if !options.no_install {
        install_missing();
    }
    let programs = build()?;
    let components = Components::start(&programs.template)?;
    let skip_log = tempfile::NamedTempFile::new()?;
    let runner = Runner::find();
    let mut command = runner.command(options.filter.as_deref(), continuous_integration());
    components.pass_to(&mut command);
    command
        .env(settings::BINARY, &programs.service)
        .env(settings::SKIP_LOG, skip_log.path());
    let mut outcome = runner.run(&mut command)?;
    if options.filter.is_none() && has_doctests(root())? {
        let doctests =
            Runner::CargoTest.run(cargo().args(["test", "--workspace", "--doc", "--no-fail-fast"]))?;
        outcome.counts += doctests.counts;
        outcome.success &= doctests.success;
    }
    outcome
        .counts
        .subtract_skipped(&std::fs::read_to_string(skip_log.path())?);
    let skipped = components.summarise(runner);
    // Servers end, and the template goes, before the last line is printed.
    drop(components);
    let passed = judge(&outcome, options.filter.is_some())?;
    say(&outcome.counts.line());
    let refused = skipped && continuous_integration();
    if refused {
        complain("a component was skipped, which CI=true does not accept");
    }
    Ok(if passed && !refused {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether all tests passed; a run without any test is an error.
fn judge(outcome: &Outcome, filtered: bool) -> Result<bool> {
    let Outcome { counts, success } = outcome;
    ensure!(
        *success || counts.failed > 0,
        "the test runner failed before it ran the tests"
    );
    ensure!(filtered || *counts != Counts::default(), "no test was run");
    Ok(*success && counts.failed == 0)
}

fn install_missing() {
    let mut missing = find_binaries().missing();
    missing.retain(|component| variable(url_variable(*component)).is_none());
    if missing.is_empty() || !can_install() {
        return;
    }
    complain(&format!("installing {missing:?} with apt-get"));
    if let Err(error) = install(&missing) {
        // Without a network, for example: the component is named as skipped.
        complain(&format!("{error:#}"));
    }
}

fn url_variable(component: Component) -> &'static str {
    match component {
        Component::Postgres => settings::DATABASE_URL,
        Component::Redis => settings::REDIS_URL,
    }
}

/// The servers of this run.
struct Components {
    // Dropped in this order: the template needs its server.
    template: Option<Template>,
    postgres: Part<Postgres>,
    redis: Part<Redis>,
}

/// A server of this run.
enum Part<T> {
    /// Named by the environment; with what is known of it.
    Named { url: String, version: String },
    /// Started for this run.
    Started {
        url: String,
        version: String,
        _server: T,
    },
    /// Not to be had.
    Skipped(String),
}

impl Components {
    fn start(keeper: &Path) -> Result<Self> {
        let mut postgres = Part::find(Component::Postgres, || {
            let server = Postgres::start(&PostgresOptions::default())?;
            Ok((server.url(), server.version().to_owned(), server))
        })?;
        let redis = Part::find(Component::Redis, || {
            let server = Redis::start(RedisOptions::default())?;
            Ok((server.url(), server.version().to_owned(), server))
        })?;
        let template = postgres
            .url()
            .map(|url| Template::make(keeper, url))
            .transpose()?;
        if let (Part::Named { version, .. }, Some(template)) = (&mut postgres, &template) {
            *version = format!("PostgreSQL {}", template.version());
        }
        let components = Self {
            template,
            postgres,
            redis,
        };
        components.postgres.announce(Component::Postgres);
        components.redis.announce(Component::Redis);
        Ok(components)
    }

    /// Tells the tests where the servers are, and which ones to do without.
    fn pass_to(&self, command: &mut Command) {
        let mut skipped = Vec::new();
        self.postgres.pass_to(Component::Postgres, command, &mut skipped);
        self.redis.pass_to(Component::Redis, command, &mut skipped);
        command.env(settings::SKIP, skipped.join(","));
        command.env(
            settings::TEMPLATE,
            self.template.as_ref().map_or("", |template| template.name()),
        );
    }

    /// Prints the components again, after the tests' output; tells whether one was skipped.
    fn summarise(&self, runner: Runner) -> bool {
        say("");
        say(match runner {
            Runner::Nextest => "runner: cargo nextest",
            Runner::CargoTest => "runner: cargo test (cargo-nextest is not installed)",
        });
        self.postgres.announce(Component::Postgres);
        self.redis.announce(Component::Redis);
        self.postgres.is_skipped() || self.redis.is_skipped()
    }
}

impl<T> Part<T> {
    /// The server that the environment names, or one that `start` starts and returns with its URL and version.
    fn find(component: Component, start: impl FnOnce() -> Result<(String, String, T)>) -> Result<Self> {
        let unwanted = variable(settings::SKIP).unwrap_or_default();
        if unwanted.split(',').any(|name| name.trim() == component.name()) {
            return Ok(Self::Skipped(format!("named in {}", settings::SKIP)));
        }
        if let Some(url) = variable(url_variable(component)) {
            return Ok(Self::Named {
                url,
                version: component.to_string(),
            });
        }
        if find_binaries().missing().contains(&component) {
            return Ok(Self::Skipped(install_hint(&[component])));
        }
        let (url, version, server) = start()?;
        Ok(Self::Started {
            url,
            version,
            _server: server,
        })
    }

    fn url(&self) -> Option<&str> {
        match self {
            Self::Named { url, .. } | Self::Started { url, .. } => Some(url),
            Self::Skipped(_) => None,
        }
    }

    fn is_skipped(&self) -> bool {
        matches!(self, Self::Skipped(_))
    }

    fn announce(&self, component: Component) {
        say(&match self {
            Self::Named { version, .. } => {
                format!("{component}: {version}, named by {}", url_variable(component))
            }
            Self::Started { version, .. } => format!("{component}: {version}, started for this run"),
            Self::Skipped(reason) => format!("{component}: skipped; {reason}"),
        });
    }

    fn pass_to(&self, component: Component, command: &mut Command, skipped: &mut Vec<&'static str>) {
        match self.url() {
            Some(url) => {
                command.env(url_variable(component), url);
            }
            None => skipped.push(component.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(passed: usize, failed: usize, success: bool) -> Outcome {
        Outcome {
            counts: Counts {
                passed,
                failed,
                skipped: 0,
            },
            success,
        }
    }

    #[test]
    fn a_runner_that_ran_nothing_is_an_error() {
        assert!(judge(&outcome(0, 0, true), false).is_err());
        assert!(judge(&outcome(0, 0, false), true).is_err(), "it did not compile");
        assert!(
            judge(&outcome(0, 0, true), true).is_ok(),
            "the filter matched nothing"
        );
    }

    #[test]
    fn a_failed_test_fails_the_run() {
        assert!(!judge(&outcome(3, 1, false), false).unwrap());
        assert!(judge(&outcome(3, 0, true), false).unwrap());
    }
}
