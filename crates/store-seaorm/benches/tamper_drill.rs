//! The tamper drill: thousands of mutations of a log, each of which verification has to report with its place, and as many
//! verifications of the untouched log. `cargo xtask drill tamper` starts it.
//!
//! One line of JSON a database.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a drill that cannot be run ends"
)]

#[path = "../tests/tamper_drill/mod.rs"]
mod tamper_drill;

use std::{io::Write as _, time::Instant};

use serde_json::{Value, json};
use vutf_testkit::{
    servers::{Postgres, PostgresOptions, database, require_postgres},
    sqlite::SqliteFile,
};

use tamper_drill::{NO_EVIDENCE, Outcome, Plan, Site, run};

/// Two nodes above the leaves, and some fifteen batches.
const EVENTS: usize = 600;

fn main() {
    let plan = Plan {
        events: EVENTS,
        mutations: argument("--mutations", 10_000),
        clean: argument("--clean", 1_000),
        busy: argument("--busy", 20),
        seed: argument("--seed", 1),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let only: Option<String> = std::env::args()
            .skip_while(|argument| argument != "--only")
            .nth(1);
        let wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
        if wanted("sqlite") {
            let file = SqliteFile::create().unwrap();
            told("sqlite", &file.url(), plan).await;
        }
        if wanted("postgres") && require_postgres().is_some() {
            let postgres = Postgres::start(&PostgresOptions::default()).unwrap();
            let database = database::create_empty(&postgres.url()).await.unwrap();
            told("postgres", database.url(), plan).await;
        }
    });
}

fn argument<T: std::str::FromStr>(name: &str, default: T) -> T {
    let mut all = std::env::args().skip_while(|argument| argument != name);
    match all.nth(1) {
        Some(value) => value.parse().ok().expect("a number"),
        None => default,
    }
}

async fn told(name: &str, url: &str, plan: Plan) {
    let began = Instant::now();
    let site = Site::make(url, plan.events, plan.seed).await;
    let mut tell = |round: usize| {
        if round > 0 && round.is_multiple_of(1_000) {
            let seconds = began.elapsed().as_secs();
            let _closed = writeln!(std::io::stderr(), "{name}: {round} mutations, {seconds} s");
        }
    };
    let outcome = run(site, plan, &mut tell).await;
    let line = described(name, plan, &outcome, began.elapsed().as_secs_f64());
    let _closed = writeln!(std::io::stdout(), "{line}");
}

fn described(name: &str, plan: Plan, outcome: &Outcome, seconds: f64) -> Value {
    let [applied, reported, right] = outcome.sums();
    let no_evidence = NO_EVIDENCE.map(|(table, column, reason)| format!("{table}.{column}: {reason}"));
    json!({
        "database": name,
        "seed": plan.seed,
        "entries": outcome.entries,
        "checkpoints": outcome.checkpoints,
        "applied": applied,
        "reported": reported,
        "right_place": right,
        "untouched_runs": plan.clean,
        "runs_while_it_grew": plan.busy,
        "placed_meanwhile": outcome.placed,
        "table": outcome.table(),
        "untried_columns": outcome.untried_columns(),
        "no_evidence": no_evidence,
        "faults": outcome.faults,
        "seconds": seconds.round(),
    })
}
