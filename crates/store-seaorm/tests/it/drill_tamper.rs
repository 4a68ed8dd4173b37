//! The tamper drill in small: `cargo xtask drill tamper` runs all of it.

use vutf_testkit::{servers::require_database, sqlite::SqliteFile};

use crate::tamper_drill::{Plan, Site, run};

/// Enough for each column and each kind of change to have its turn.
const PLAN: Plan = Plan {
    events: 280,
    mutations: 200,
    clean: 3,
    busy: 3,
    seed: 4,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_sqlite() {
    let file = SqliteFile::create().unwrap();
    every_mutation_is_reported_with_its_place(&file.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_postgres() {
    if let Some(database) = require_database().await {
        every_mutation_is_reported_with_its_place(database.url()).await;
    }
}

async fn every_mutation_is_reported_with_its_place(url: &str) {
    let site = Site::make(url, PLAN.events, PLAN.seed).await;
    let outcome = run(site, PLAN, &mut |_| {}).await;
    assert!(
        outcome.faults.is_empty(),
        "{}\n{}",
        outcome.table(),
        outcome.faults.join("\n")
    );
    let [applied, reported, right] = outcome.sums();
    let all = u64::try_from(PLAN.mutations).unwrap();
    assert_eq!((applied, reported, right), (all, all, all));
    assert_eq!(outcome.untried_columns(), Vec::<String>::new());
    assert!(outcome.checkpoints > 3 && outcome.placed > 0);
}
