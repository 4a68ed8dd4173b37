//! `cargo xtask test`: all tests, with PostgreSQL, Redis and the real key providers.

use std::any::Any;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Result, ensure};
use vutf_testkit::servers::settings::{self, continuous_integration, variable};
use vutf_testkit::servers::{
    Component, Moto, OpenBao, Postgres, PostgresOptions, Redis, RedisOptions, SoftHsm, find_binaries,
    install, install_hint,
};

use crate::output::{complain, say};
use crate::runner::{Counts, Outcome, Runner, has_doctests};
use crate::template::Template;
use crate::workspace::{FEATURES, build, cargo, root};

/// How to run the tests.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Run only the tests whose names contain this.
    #[arg(long)]
    filter: Option<String>,
    /// Never install packages; do without what is missing.
    #[arg(long)]
    no_install: bool,
    /// Passed to the tests by a task that runs some of them.
    #[arg(skip)]
    environment: Vec<(&'static str, String)>,
}

impl Options {
    /// Only the tests whose names contain `filter`, which find `environment` set; what they print is shown.
    pub(crate) fn of(filter: &str, environment: Vec<(&'static str, String)>) -> Self {
        Self {
            filter: Some(filter.to_owned()),
            no_install: false,
            environment,
        }
    }
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
        .env(settings::SKIP_LOG, skip_log.path())
        .envs(options.environment.iter().map(|(name, value)| (name, value)));
    let mut outcome = runner.run(&mut command)?;
    if options.filter.is_none() && has_doctests(root())? {
        let doctests = Runner::CargoTest.run(
            cargo()
                .args(["test", "--workspace", "--doc", "--no-fail-fast"])
                .args(FEATURES),
        )?;
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
    missing.retain(|component| variable(component.variable()).is_none() && !is_unwanted(*component));
    if missing.is_empty() {
        return;
    }
    complain(&format!("installing {missing:?}, as far as this user may"));
    if let Err(error) = install(&missing) {
        // Without a network, for example: the component is named as skipped.
        complain(&format!("{error:#}"));
    }
}

fn is_unwanted(component: Component) -> bool {
    let unwanted = variable(settings::SKIP).unwrap_or_default();
    unwanted.split(',').any(|name| name.trim() == component.name())
}

/// The servers of this run.
struct Components {
    // Dropped in this order: the template needs its server.
    template: Option<Template>,
    parts: Vec<(Component, Part)>,
}

/// A server of this run.
enum Part {
    /// Named by the environment; with what is known of it.
    Named { url: String, version: String },
    /// Started for this run.
    Started {
        url: String,
        version: String,
        _server: Box<dyn Any>,
    },
    /// Not to be had.
    Skipped(String),
}

impl Components {
    fn start(keeper: &Path) -> Result<Self> {
        let mut parts = Vec::new();
        for component in Component::ALL {
            parts.push((component, Part::find(component)?));
        }
        let mut components = Self {
            template: None,
            parts,
        };
        components.make_template(keeper)?;
        components.announce();
        Ok(components)
    }

    fn make_template(&mut self, keeper: &Path) -> Result<()> {
        let mut parts = self.parts.iter_mut();
        let Some((_, postgres)) = parts.find(|(component, _)| *component == Component::Postgres) else {
            return Ok(());
        };
        let Some(url) = postgres.url() else {
            return Ok(());
        };
        let template = Template::make(keeper, url)?;
        if let Part::Named { version, .. } = postgres {
            *version = format!("PostgreSQL {}", template.version());
        }
        self.template = Some(template);
        Ok(())
    }

    /// Tells the tests where the servers are, and which ones to do without.
    fn pass_to(&self, command: &mut Command) {
        let mut skipped = Vec::new();
        for (component, part) in &self.parts {
            match part.url() {
                Some(url) => {
                    command.env(component.variable(), url);
                    if *component == Component::SoftHsm {
                        // For the module itself.
                        command.env("SOFTHSM2_CONF", url);
                    }
                }
                None => skipped.push(component.name()),
            }
        }
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
        self.announce();
        self.parts
            .iter()
            .any(|(_, part)| matches!(part, Part::Skipped(_)))
    }

    fn announce(&self) {
        for (component, part) in &self.parts {
            say(&match part {
                Part::Named { version, .. } => {
                    format!("{component}: {version}, named by {}", component.variable())
                }
                Part::Started { version, .. } => format!("{component}: {version}, started for this run"),
                Part::Skipped(reason) => format!("{component}: skipped; {reason}"),
            });
        }
    }
}

impl Part {
    /// The server that the environment names, or one that is started.
    fn find(component: Component) -> Result<Self> {
        if is_unwanted(component) {
            return Ok(Self::Skipped(format!("named in {}", settings::SKIP)));
        }
        if let Some(url) = variable(component.variable()) {
            return Ok(Self::Named {
                url,
                version: component.to_string(),
            });
        }
        let binaries = find_binaries();
        if binaries.missing().contains(&component) {
            return Ok(Self::Skipped(install_hint(&[component])));
        }
        let (url, server) = start(component)?;
        Ok(Self::Started {
            url,
            version: binaries.version(component).unwrap_or_default(),
            _server: server,
        })
    }

    fn url(&self) -> Option<&str> {
        match self {
            Self::Named { url, .. } | Self::Started { url, .. } => Some(url),
            Self::Skipped(_) => None,
        }
    }
}

/// The server, and where the tests find it.
fn start(component: Component) -> Result<(String, Box<dyn Any>)> {
    Ok(match component {
        Component::Postgres => {
            let server = Postgres::start(&PostgresOptions::default())?;
            (server.url(), Box::new(server))
        }
        Component::Redis => {
            let server = Redis::start(RedisOptions::default())?;
            (server.url(), Box::new(server))
        }
        Component::SoftHsm => {
            let server = SoftHsm::start()?;
            (server.conf().display().to_string(), Box::new(server))
        }
        Component::Moto => {
            let server = Moto::start()?;
            (server.url(), Box::new(server))
        }
        Component::OpenBao => {
            let server = OpenBao::start()?;
            (server.access().url(), Box::new(server))
        }
    })
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
