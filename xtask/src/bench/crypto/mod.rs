//! The service's named keys beside OpenBao's transit engine: the same requests, the same client, the same cores, in one run, each
//! with its audit on.

mod site;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use self::site::{Ours, Scenario, Site, Transit};
use crate::{bench::cpu::Clock, client, output::say};

/// How it is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Seconds of each of the rounds of each scenario, warm-up not counted.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds of each scenario; the servers take turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections at once.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// PostgreSQL under the service instead of SQLite.
    #[arg(long)]
    postgres: bool,
    /// The service's binary, instead of a release build.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Measure the service alone.
    #[arg(long)]
    alone: bool,
    /// Only scenarios whose name holds this.
    #[arg(long, default_value = "")]
    only: String,
    /// Where the service keeps its files; beside OpenBao's audit log otherwise, so that both write to one file system.
    #[arg(long)]
    home: Option<PathBuf>,
}

/// The figures of one server in one scenario, over all rounds.
#[derive(Default)]
struct Figures {
    items: f64,
    seconds: f64,
    cpu: f64,
    latencies: Vec<Duration>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(
        options.rounds > 0 && options.seconds > 0,
        "--rounds and --seconds must be at least 1"
    );
    let program = match &options.program {
        Some(program) => program.clone(),
        None => super::release()?,
    };
    let transit = (!options.alone).then(Transit::start).transpose()?;
    let beside = transit.as_ref().and_then(Transit::files);
    let place = options.home.clone().or(beside).unwrap_or_else(std::env::temp_dir);
    let home = tempfile::tempdir_in(&place)?;
    let ours = Ours::start(&program, home.path(), options.postgres)?;
    let sites: Vec<&dyn Site> = [&ours as &dyn Site]
        .into_iter()
        .chain(transit.as_ref().map(|site| site as &dyn Site))
        .collect();
    let mut results = Vec::new();
    say(&format!(
        "{:22} {:>32} {:>12} {:>14} {:>9} {:>9}",
        "", "", "items/s", "CPU µs/item", "p50 ms", "p99 ms"
    ));
    let wanted = |scenario: &Scenario| scenario.name().contains(&options.only);
    for scenario in Scenario::ALL.into_iter().filter(wanted) {
        let mut figures: Vec<Figures> = sites.iter().map(|_| Figures::default()).collect();
        for _ in 0..options.rounds {
            for (site, figures) in sites.iter().zip(&mut figures) {
                measure(*site, scenario, options, figures)?;
            }
        }
        for (site, figures) in sites.iter().zip(&mut figures) {
            results.push(told(*site, scenario, figures));
        }
        if let [ours, theirs] = &figures[..] {
            say(&format!(
                "{:22} {:>32} {:>11.2}× {:>13.2}×",
                scenario.name(),
                "ratio",
                ours.rate() / theirs.rate(),
                theirs.cpu_per_item() / ours.cpu_per_item()
            ));
        }
    }
    say(&serde_json::to_string_pretty(&json!({
        "machine": {"cores": std::thread::available_parallelism()?.get(), "connections": options.connections, "files": place},
        "payload_bytes": 64,
        "results": results,
    }))?);
    Ok(())
}

fn measure(site: &dyn Site, scenario: Scenario, options: &Options, figures: &mut Figures) -> Result<()> {
    let (request, expected) = site.request(scenario)?;
    let clock = Clock::new()?;
    let mut before = 0.0;
    let ran = client::run(
        &request,
        expected,
        options.connections,
        Duration::from_secs(1),
        Duration::from_secs(options.seconds),
        || {
            before = clock.seconds(site.process())?;
            Ok(())
        },
    )
    .with_context(|| format!("{}: {}", site.name(), scenario.name()))?;
    figures.cpu += clock.seconds(site.process())? - before;
    let items = ran.latencies.len() * scenario.items();
    figures.items += f64::from(u32::try_from(items)?);
    figures.seconds += ran.took.as_secs_f64();
    figures.latencies.extend(ran.latencies);
    Ok(())
}

fn told(site: &dyn Site, scenario: Scenario, figures: &mut Figures) -> Value {
    figures.latencies.sort_unstable();
    let at = |percent: usize| {
        let index = figures.latencies.len() * percent / 100;
        let latency = figures.latencies.get(index).copied().unwrap_or_default();
        latency.as_secs_f64() * 1_000.0
    };
    let (rate, cpu) = (figures.rate(), figures.cpu_per_item() * 1_000_000.0);
    say(&format!(
        "{:22} {:>32} {rate:>12.0} {cpu:>14.1} {:>9.2} {:>9.2}",
        scenario.name(),
        site.name(),
        at(50),
        at(99)
    ));
    json!({
        "scenario": scenario.name(),
        "server": site.name(),
        "items_per_second": rate.round(),
        "cpu_microseconds_per_item": (cpu * 10.0).round() / 10.0,
        "p50_ms": at(50),
        "p99_ms": at(99),
    })
}

impl Figures {
    fn rate(&self) -> f64 {
        self.items / self.seconds
    }

    fn cpu_per_item(&self) -> f64 {
        self.cpu / self.items
    }
}
