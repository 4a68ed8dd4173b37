//! What the audit log costs on PostgreSQL with fsync: events a second through its ports while a sequencer signs, the time from a
//! commit to the checkpoint that covers it, the bare INSERTs of the same bytes beside it, proofs, and verification.
//! `cargo xtask bench audit` starts it.
//!
//! One line of JSON a figure. Nothing passes or fails by the seconds; that every event got its place is insisted on.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot be made ends"
)]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unchecked_time_subtraction,
    reason = "figures of a few digits; a clock that runs backwards ends the measurement"
)]

mod cpu;
mod limit;
mod load;
mod place;
mod proofs;
mod sequencer;
mod site;

use std::{io::Write as _, sync::Arc, time::Duration};

use serde_json::{Value, json};
use vutf_testkit::servers::{Postgres, PostgresOptions, find_binaries};

use self::{load::Load, site::Site};

fn main() {
    let settings = Settings::read();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    if find_binaries().postgres.is_none() {
        return;
    }
    let postgres = Postgres::start(&PostgresOptions {
        fsync: true,
        ..PostgresOptions::default()
    })
    .unwrap();
    runtime.block_on(measure(&postgres, &settings));
}

pub(crate) struct Settings {
    pub(crate) seconds: Duration,
    events: u64,
    /// Of each load; the best one counts, as other work on the machine only makes it worse.
    pub(crate) rounds: u64,
    only: String,
}

impl Settings {
    fn read() -> Self {
        Self {
            seconds: Duration::from_secs(number("--seconds").unwrap_or(10)),
            events: number("--events").unwrap_or(200_000),
            rounds: number("--rounds").unwrap_or(1),
            only: argument("--only").unwrap_or_default(),
        }
    }

    fn wants(&self, part: &str) -> bool {
        part.contains(&self.only)
    }
}

fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn number(name: &str) -> Option<u64> {
    argument(name).map(|value| value.parse().expect("a number"))
}

async fn measure(postgres: &Postgres, settings: &Settings) {
    say(&json!({"figure": "machine", "load_average": cpu::load_average(), "postgres": postgres.version()}));
    if settings.wants("load") {
        let site = Arc::new(Site::on(postgres).await);
        // Something to take the bytes from.
        Load::ALL[0].run(&site, Duration::from_secs(1)).await;
        let rows = Arc::new(limit::Rows::like(&site).await);
        for load in Load::ALL {
            say(&load.beside_limit(&site, &rows, settings).await);
        }
        for line in limit::indexes(&site, &rows, settings.seconds / 3).await {
            say(&line);
        }
        site.store.close().await;
    }
    if settings.wants("verify") {
        let site = Arc::new(Site::on(postgres).await);
        say(&proofs::verification(&site, settings.events.min(200_000)).await);
        site.store.close().await;
    }
    if settings.wants("proof") {
        let site = Arc::new(Site::on(postgres).await);
        say(&proofs::proofs(&site, settings.events).await);
        site.store.close().await;
    }
    say(&json!({"figure": "machine", "load_average": cpu::load_average(), "postgres": postgres.version()}));
}

fn say(line: &Value) {
    let _closed = writeln!(std::io::stdout(), "{line}");
}

/// The value below which `percent` of the sorted ones lie.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}
