//! The log cannot be written, while everything else can be read: strict reads are withheld, relaxed ones answered and accounted for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use vutf_testkit::{
    client::{ApiClient, Person},
    process::ServerProcess,
    sql,
};

use super::{
    Admin, World, eventually, say,
    world::{assert_verified, sequenced, signed_in},
};

/// Makes every transaction of the server one that only reads, as on a machine that is no primary any more, or takes it back.
async fn read_only(world: &World, on: bool) {
    let url = world.database_url();
    let set = if on { "on" } else { "off" };
    sql::execute(
        &url,
        &format!("ALTER SYSTEM SET default_transaction_read_only = {set}"),
    )
    .await
    .unwrap();
    sql::execute(&url, "SELECT pg_reload_conf()").await.unwrap();
}

/// Somebody who reads without a pause.
struct Readers {
    stop: Arc<AtomicBool>,
    shown: Arc<AtomicU64>,
    withheld: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Each must be shown the list whole, or a 503 that shows nothing.
    fn start(api: &ApiClient, admin: &Admin, count: usize) -> Self {
        let (stop, shown, withheld) = (
            Arc::<AtomicBool>::default(),
            Arc::<AtomicU64>::default(),
            Arc::<AtomicU64>::default(),
        );
        let tasks = (0..count).map(|_| {
            let (api, token) = (api.clone(), admin.tokens.access.clone());
            let (stop, shown, withheld) = (Arc::clone(&stop), Arc::clone(&shown), Arc::clone(&withheld));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let answer = api.get("/api/v1/users").bearer(&token).send().await.unwrap();
                    if answer.status == 200 {
                        shown.fetch_add(1, Ordering::SeqCst);
                        continue;
                    }
                    assert!(answer.status == 503 && answer.is_problem(), "{}", answer.text());
                    assert!(!answer.text().contains("items") && !answer.text().contains('@'));
                    assert!(answer.header("retry-after").is_some());
                    withheld.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        });
        Self {
            tasks: tasks.collect(),
            stop,
            shown,
            withheld,
        }
    }
    fn shown(&self) -> u64 {
        self.shown.load(Ordering::SeqCst)
    }
    fn withheld(&self) -> u64 {
        self.withheld.load(Ordering::SeqCst)
    }
    /// Shown and withheld, in all.
    async fn finish(self) -> (u64, u64) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
        (
            self.shown.load(Ordering::SeqCst),
            self.withheld.load(Ordering::SeqCst),
        )
    }
}

/// The listener for operators.
fn operators(server: &ServerProcess) -> ApiClient {
    ApiClient::new(server.management_url()).unwrap()
}

async fn metric(server: &ServerProcess, name: &str) -> u64 {
    let text = operators(server)
        .get("/metrics")
        .expect(200)
        .await
        .unwrap()
        .text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

async fn successes(api: &ApiClient, admin: &Admin, action: &str) -> u64 {
    let events = api.events(action, &admin.tokens).await.unwrap();
    let done = events
        .iter()
        .filter(|event| event["outcome"]["result"] == "success");
    u64::try_from(done.count()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_strict_reads_are_withheld_while_the_log_cannot_be_written() {
    let Some(mut world) = World::own_servers(false).await else {
        return;
    };
    let site = world
        .server()
        .env("VUTF__RATE_LIMIT__ENABLED", "false")
        .env("VUTF__DATABASE__ACQUIRE_TIMEOUT", "1s")
        .env("VUTF__AUDIT__LEASE", "2s");
    let server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let readers = Readers::start(&api, &admin, 4);
    eventually("they are shown something", async || readers.shown() >= 20).await;

    read_only(&world, true).await;
    eventually("they are not any more", async || readers.withheld() >= 20).await;
    let shown = readers.shown();
    let withheld = readers.withheld();
    eventually("and stay so", async || readers.withheld() >= withheld + 50).await;
    assert_eq!(readers.shown(), shown, "somebody was shown what nobody recorded");
    // What is refused is refused all the same, and its event waits.
    let refused = api
        .get("/api/v1/keys")
        .header("x-request-id", "refused-meanwhile");
    refused.expect(401).await.unwrap();
    assert!(server.own_logs().contains("audit events cannot be recorded"));

    read_only(&world, false).await;
    eventually("they are shown something again", async || {
        readers.shown() >= shown + 20
    })
    .await;
    eventually("what waited is recorded", async || {
        let events = api.events("key.list", &admin.tokens).await.unwrap();
        events
            .iter()
            .any(|event| event["request_id"] == "refused-meanwhile")
    })
    .await;

    world.postgres.as_mut().unwrap().stop();
    let withheld = readers.withheld();
    eventually("without a database nobody is", async || {
        readers.withheld() >= withheld + 20
    })
    .await;
    world.postgres.as_mut().unwrap().restart().unwrap();
    let shown = readers.shown();
    eventually("and then again", async || readers.shown() >= shown + 20).await;

    let (shown, withheld) = readers.finish().await;
    say(&format!("strict: {shown} reads shown, {withheld} withheld"));
    sequenced(&api, &admin).await;
    assert!(
        successes(&api, &admin, "user.list").await >= shown,
        "a read that was shown is not in the log"
    );
    assert_verified(&site);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_relaxed_reads_are_answered_and_their_loss_is_bounded_and_recorded() {
    const ROOM: u64 = 100;
    let Some(world) = World::own_servers(false).await else {
        return;
    };
    let site = world
        .server()
        .env("VUTF__RATE_LIMIT__ENABLED", "false")
        .env("VUTF__AUDIT__RELAXED", "users")
        .env("VUTF__AUDIT__BACKLOG", &ROOM.to_string())
        .env("VUTF__AUDIT__LEASE", "2s");
    let server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let person = Person::new("ada");
    let tokens = signed_in(&api, &person).await;
    let before = successes(&api, &admin, "user.list").await;
    let readers = Readers::start(&api, &admin, 2);
    eventually("they are shown something", async || readers.shown() >= 20).await;

    read_only(&world, true).await;
    let shown = readers.shown();
    eventually("they still are", async || readers.shown() >= shown + 4 * ROOM).await;
    // What was not named, and every change, is as strict as ever.
    for (path, token) in [
        ("/api/v1/me/sessions", &tokens.access),
        ("/api/v1/audit/status", &admin.tokens.access),
        ("/api/v1/keys", &admin.tokens.access),
    ] {
        let answer = api.get(path).bearer(token).send().await.unwrap();
        assert_eq!(answer.status, 503, "{path}: {}", answer.text());
    }
    let change = api.register(&Person::new("grace")).send().await.unwrap();
    assert_eq!(change.status, 503, "{}", change.text());
    let login = json!({"username": person.username, "password": "not the right pass phrase"});
    let guess = api.post("/api/v1/auth/login").json(&login).send().await.unwrap();
    assert_eq!(
        guess.status,
        503,
        "a guess that cannot be counted: {}",
        guess.text()
    );
    eventually("the metrics say so", async || {
        metric(&server, "vutf_audit_dropped_total").await > 0
    })
    .await;
    assert!(
        metric(&server, "vutf_audit_backlog_events").await <= ROOM,
        "it is bounded"
    );
    let report = operators(&server).get("/health/ready").expect(200).await.unwrap();
    let report = report.json().unwrap();
    assert_eq!(report["checks"]["audit"]["status"], "degraded", "{report}");
    let (shown, withheld) = readers.finish().await;

    read_only(&world, false).await;
    let told = async || -> Vec<Value> { api.events("audit.dropped", &admin.tokens).await.unwrap() };
    eventually("that some are lost is recorded", async || {
        !told().await.is_empty()
    })
    .await;
    sequenced(&api, &admin).await;
    let lost: u64 = told()
        .await
        .iter()
        .filter_map(|event| event["details"]["events"].as_u64())
        .sum();
    let of_reads: u64 = told()
        .await
        .iter()
        .flat_map(|event| event["details"]["by_action"].as_array().unwrap().clone())
        .filter_map(|count| count.as_str()?.strip_prefix("user.list=")?.parse::<u64>().ok())
        .sum();
    let recorded = successes(&api, &admin, "user.list").await - before;
    say(&format!(
        "relaxed: {shown} reads shown, {withheld} withheld, {recorded} recorded, {of_reads} of them dropped and counted ({lost} in all)"
    ));
    assert_eq!(withheld, 0);
    assert_eq!(
        recorded + of_reads,
        shown,
        "each read is recorded, or counted as lost"
    );
    assert!(lost >= of_reads && of_reads > 0);
    assert_verified(&site);
}
