//! A person who was erased stays erased: in dumps from then on, after a backup from before is restored, after a kill between the
//! commit and the file, and on every replica.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use vutf_testkit::{
    client::{ApiClient, Person, Tokens},
    process::{ServerBuilder, ServerProcess},
    servers::{TestDatabase, database, find_binaries, require_postgres},
    sql,
};

use super::{
    Admin, World, eventually,
    world::{assert_verified, sequenced, signed_in},
};

const WHY: &str = "DSR-2026-17";
/// As the guide has it.
const END_SESSIONS: &str =
    "UPDATE sessions SET revoked_at = updated_at, revoke_reason = 'restored' WHERE revoked_at IS NULL;";
const GUIDE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/guides/restore-a-backup.md"
));
const NO_FILE: &str = "there was no file of tombstones";
const NOBODY: &str = "01937b6e-5b5c-7d3e-8f00-000000000001";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_a_restored_backup_is_erased_again_on_sqlite() {
    a_restored_backup_is_erased_again(World::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_a_restored_backup_is_erased_again_on_postgres() {
    if let Some(world) = World::postgres().await {
        a_restored_backup_is_erased_again(world).await;
    }
}

/// Somebody, and what only a look behind the service's back shows of them.
struct Somebody {
    person: Person,
    tokens: Tokens,
    id: String,
    /// The blind indexes of their names, and their wrapped key, in hex.
    traces: [String; 3],
}

impl Somebody {
    async fn new(world: &World, api: &ApiClient, name: &str) -> Self {
        let person = Person::new(name);
        let tokens = signed_in(api, &person).await;
        let id = api.me(&tokens).expect(200).await.unwrap().id().unwrap();
        let one = async |query: String| {
            let rows = sql::texts(&world.database_url(), &query).await.unwrap();
            assert_eq!(rows.len(), 1, "{query}");
            let value = rows[0][0].to_lowercase();
            assert!(value.len() >= 32, "{query}: {value}");
            value
        };
        let hex = |column: &str| {
            if world.is_sqlite() {
                format!("hex({column})")
            } else {
                format!("encode({column}, 'hex')")
            }
        };
        let whose = |column: &str| is(world, column, &id);
        let traces = [
            one(format!(
                "SELECT {} FROM users WHERE {}",
                hex("email_bidx"),
                whose("id")
            ))
            .await,
            one(format!(
                "SELECT {} FROM users WHERE {}",
                hex("username_bidx"),
                whose("id")
            ))
            .await,
            one(format!(
                "SELECT {} FROM crypto_keys WHERE {}",
                hex("wrapped"),
                whose("subject_id")
            ))
            .await,
        ];
        Self {
            person,
            tokens,
            id,
            traces,
        }
    }
}

/// A comparison with an id, in the database's own form.
fn is(world: &World, column: &str, id: &str) -> String {
    if world.is_sqlite() {
        format!("{column} = X'{}'", id.replace('-', ""))
    } else {
        format!("{column} = '{id}'")
    }
}

/// A database as it was.
struct Dump {
    path: PathBuf,
    text: String,
}

impl Dump {
    /// Of a service that has stopped.
    fn take(world: &World, name: &str) -> Self {
        let path = world.home().join(name);
        if world.is_sqlite() {
            let file = world.sqlite_file();
            let log = fs::metadata(file.with_extension("db-wal")).map_or(0, |log| log.len());
            assert_eq!(log, 0, "the log is folded into the file");
            fs::copy(&file, &path).unwrap();
            // Every byte, also of what the database counts as free.
            let text = hex(&fs::read(&path).unwrap());
            return Self { path, text };
        }
        let mut dump = postgres_program("pg_dump");
        dump.args(["--no-owner", "--file"])
            .arg(&path)
            .arg(world.database_url());
        succeeds(dump);
        let text = fs::read_to_string(&path).unwrap().to_lowercase();
        Self { path, text }
    }

    fn holds(&self, trace: &str) -> bool {
        self.text.contains(trace)
    }

    /// Puts it in the place of the database; `Some` is the new one.
    async fn restore(&self, world: &World) -> Option<TestDatabase> {
        if world.is_sqlite() {
            fs::copy(&self.path, world.sqlite_file()).unwrap();
            return None;
        }
        let empty = database::create_empty(require_postgres().unwrap()).await.unwrap();
        let mut restore = postgres_program("psql");
        restore.args(["--quiet", "--set", "ON_ERROR_STOP=1", "--file"]);
        restore.arg(&self.path).arg(empty.url());
        succeeds(restore);
        Some(empty)
    }
}

fn postgres_program(name: &str) -> Command {
    let beside = find_binaries().postgres.map(|directory| directory.join(name));
    Command::new(beside.filter(|path| path.exists()).unwrap_or_else(|| name.into()))
}

fn succeeds(mut command: Command) {
    let done = command.output().unwrap();
    assert!(
        done.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}

async fn erase(api: &ApiClient, admin: &Admin, id: &str) -> Value {
    let path = format!("/api/v1/users/{id}");
    let seen = api
        .get(&path)
        .bearer(&admin.tokens.access)
        .expect(200)
        .await
        .unwrap();
    let call = api.post(&format!("{path}/erase")).bearer(&admin.tokens.access);
    let call = call.header("if-match", seen.header("etag").unwrap());
    let call = call.json(&json!({"reason": "request", "reference": WHY}));
    call.expect(200).await.unwrap().json().unwrap()
}

async fn certificate(api: &ApiClient, admin: &Admin, id: &str) -> Value {
    let call = api
        .get(&format!("/api/v1/users/{id}/erasure"))
        .bearer(&admin.tokens.access);
    call.expect(200).await.unwrap().json().unwrap()
}

fn run(site: &ServerBuilder, arguments: &[&str]) -> (Option<i32>, String) {
    let done = site.command(arguments).unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.code(), text)
}

/// The head of the log, as `--anchor` takes it.
fn head(site: &ServerBuilder) -> String {
    let (code, text) = run(site, &["audit", "verify", "--json"]);
    assert_eq!(code, Some(0), "{text}");
    let head = serde_json::from_str::<Value>(text.lines().next().unwrap()).unwrap()["head"].clone();
    format!("{}:{}", head["seq"], head["chain"].as_str().unwrap())
}

fn stop(mut server: ServerProcess) {
    assert_eq!(server.terminate().unwrap(), Some(0));
}

async fn metric(server: &ServerProcess, name: &str) -> String {
    let metrics = ApiClient::new(server.management_url()).unwrap();
    let text = metrics.get("/metrics").expect(200).await.unwrap().text();
    let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("{name} is not there")).to_owned()
}

async fn a_restored_backup_is_erased_again(world: World) {
    let site = world.server();
    let server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let gone = Somebody::new(&world, &api, "gone").await;
    let other = Somebody::new(&world, &api, "other").await;
    sequenced(&api, &admin).await;
    stop(server);
    let (older, noted) = (Dump::take(&world, "older"), head(&site));

    let server = site.spawn().unwrap();
    let api = api.at(server.base_url());
    let admin = Admin::login(&api, admin.person).await;
    let first = erase(&api, &admin, &gone.id).await;
    sequenced(&api, &admin).await;
    stop(server);
    assert_verified(&site);
    let newer = Dump::take(&world, "newer");
    for trace in gone.traces.iter().chain(&other.traces) {
        assert!(older.holds(trace), "the older dump lacks {trace}");
        assert_eq!(newer.holds(trace), other.traces.contains(trace), "{trace}");
    }

    // The operator restores the older one, and starts.
    let restored = older.restore(&world).await;
    let url = restored
        .as_ref()
        .map_or_else(|| world.database_url(), |database| database.url().to_owned());
    let site = if restored.is_some() {
        site.database(&url)
    } else {
        site
    };
    let emails = async |trace: &str| {
        let value = if world.is_sqlite() {
            format!("X'{trace}'")
        } else {
            format!("'\\x{trace}'")
        };
        let query = format!("SELECT count(*) FROM users WHERE email_bidx = {value}");
        sql::number(&url, &query).await.unwrap()
    };
    assert_eq!(emails(&gone.traces[0]).await, 1, "they came back with the backup");
    assert!(GUIDE.contains(END_SESSIONS));
    sql::execute(&url, END_SESSIONS).await.unwrap();
    let server = site.spawn().unwrap();
    let api = api.at(server.base_url());
    api.me(&other.tokens).expect(401).await.unwrap();
    api.refresh(&other.tokens.refresh).expect(401).await.unwrap();
    assert!(
        server.own_logs().contains("is erased again"),
        "the log tells of it"
    );
    assert_eq!(
        metric(&server, "vutf_erasures_replayed_total").await,
        "vutf_erasures_replayed_total 1"
    );
    assert_eq!(emails(&gone.traces[0]).await, 0);
    assert_eq!(emails(&other.traces[0]).await, 1);
    assert_gone(&api, admin.person, &gone, &other, &first).await;
    let destroyed = format!(
        "SELECT count(*) FROM crypto_keys WHERE state = 'destroyed' AND length(wrapped) = 0 AND {}",
        is(&world, "subject_id", &gone.id)
    );
    assert_eq!(sql::number(&url, &destroyed).await.unwrap(), 1);
    stop(server);
    accept(&site, &noted).await;
    if let Some(database) = restored {
        database.close().await.unwrap();
    }
}

/// Nobody can sign in as them, see them, or find them; everybody else can do what they could.
async fn assert_gone(api: &ApiClient, admin: Person, gone: &Somebody, other: &Somebody, first: &Value) {
    api.login(&gone.person).expect(401).await.unwrap();
    api.login(&other.person).expect(200).await.unwrap();
    let admin = Admin::login(api, admin).await;
    let seen = api
        .get(&format!("/api/v1/users/{}", gone.id))
        .bearer(&admin.tokens.access);
    seen.expect(404).await.unwrap();
    let users = api.all("/api/v1/users?", &admin.tokens).await.unwrap();
    let ids: Vec<_> = users.iter().filter_map(|user| user["id"].as_str()).collect();
    assert!(!ids.contains(&gone.id.as_str()) && ids.contains(&other.id.as_str()));
    let again = certificate(api, &admin, &gone.id).await;
    assert_eq!(again["replay_of"], first["event_id"]);
    assert_eq!(
        (&again["keys"], &again["reference"]),
        (&first["keys"], &json!(WHY))
    );
    let events = api.events("subject.erase", &admin.tokens).await.unwrap();
    assert_eq!(events.len(), 1, "the backup knew of none");
    assert_eq!(events[0]["details"]["replay_of"], first["event_id"]);
}

/// What the guide tells the operator to do about the head, which is ahead of the restored log.
async fn accept(site: &ServerBuilder, noted: &str) {
    let (code, text) = run(site, &["audit", "verify"]);
    assert_eq!(code, Some(1), "the noted head is not in the restored log: {text}");
    let (code, text) = run(site, &["audit", "accept-head"]);
    assert_eq!(code, Some(0), "{text}");
    let with_noted = ["audit", "verify", "--anchor", noted];
    assert_eq!(
        run(site, &with_noted).0,
        Some(0),
        "the log of the backup is whole"
    );
    let server = site.spawn().unwrap();
    assert!(!server.own_logs().contains("is erased again"), "once is enough");
    eventually("the restored log goes on", async || {
        let (code, text) = run(site, &["audit", "verify", "--anchor", noted, "--json"]);
        let report: Value = serde_json::from_str(text.lines().next().unwrap_or_default()).unwrap_or_default();
        code == Some(0) && report["pending"] == 0
    })
    .await;
    stop(server);
    let (code, text) = run(site, &["audit", "verify", "--anchor", noted]);
    assert_eq!(code, Some(0), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_a_kill_between_commit_and_file_loses_nothing() {
    let world = World::sqlite();
    let site = world.server();
    let mut server = site.spawn().unwrap();
    assert!(!server.own_logs().contains(NO_FILE), "it is a new installation");
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let first = Somebody::new(&world, &api, "first").await;
    let second = Somebody::new(&world, &api, "second").await;
    erase(&api, &admin, &first.id).await;
    let file = site.data().join("erasure-tombstones.jsonl");
    let before = fs::read_to_string(&file).unwrap();
    erase(&api, &admin, &second.id).await;
    server.kill9().unwrap();
    drop(server);
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.contains(&second.id) && !before.contains(&second.id));

    // Nothing of the line was written, or a part of it.
    for kept in [before.len(), before.len() + 100] {
        fs::write(&file, &after[..kept]).unwrap();
        stop(site.spawn().unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), after);
    }
    // There was no file at all.
    fs::remove_file(&file).unwrap();
    let server = site.spawn().unwrap();
    assert_eq!(server.own_logs().matches(NO_FILE).count(), 1);
    stop(server);
    let (code, text) = run(&site, &["keys", "tombstones", "--json"]);
    assert_eq!(code, Some(0), "{text}");
    for id in [&first.id, &second.id] {
        assert!(text.contains(id.as_str()), "{text}");
    }
    forged(&site, &file, &first.id);
}

/// A line that somebody without the key-encryption key wrote ends the start, and erases nobody.
fn forged(site: &ServerBuilder, file: &Path, id: &str) {
    let text = fs::read_to_string(file).unwrap();
    fs::write(file, text.replace(id, NOBODY)).unwrap();
    let ended = site.run().unwrap();
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("is not authentic: put the file back"),
        "{}",
        ended.stderr
    );
    fs::write(file, text).unwrap();
    stop(site.spawn().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_every_replica_keeps_a_tombstone_of_every_erasure() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let world = world.with("VUTF__ERASURE__RECONCILE_INTERVAL", "1s");
    let (site, beside) = (world.replica("one"), world.replica("two"));
    let (one, two) = (site.spawn().unwrap(), beside.spawn().unwrap());
    let api = ApiClient::new(one.base_url()).unwrap();
    let admin = Admin::bootstrap(&one, &api).await;
    let gone = Somebody::new(&world, &api, "gone").await;
    erase(&api, &admin, &gone.id).await;
    let file = beside.data().join("erasure-tombstones.jsonl");
    eventually("the other replica keeps it as well", async || {
        fs::read_to_string(&file).is_ok_and(|text| text.contains(&gone.id))
    })
    .await;
    eventually("its metric counts it", async || {
        metric(&two, "vutf_erasure_tombstones").await == "vutf_erasure_tombstones 1"
    })
    .await;
    // Each has a key of its own, under the same key-encryption key.
    let copy = file.to_str().unwrap();
    let (code, text) = run(&site, &["keys", "replay-tombstones", copy, "--json"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("\"tombstones\":1") && text.contains("\"erased\":[]"),
        "{text}"
    );
    stop(one);
    stop(two);
}

/// Rows that are put back under a service that runs are not there for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_rows_that_are_put_back_are_erased_again_between_starts() {
    let world = World::sqlite().with("VUTF__ERASURE__RECONCILE_INTERVAL", "1s");
    let server = world.server().spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let gone = Somebody::new(&world, &api, "gone").await;
    let url = world.database_url();
    sql::execute(&url, "CREATE TABLE kept AS SELECT * FROM crypto_keys")
        .await
        .unwrap();
    let first = erase(&api, &admin, &gone.id).await;
    let whose = is(&world, "subject_id", &gone.id);
    for change in [
        format!("DELETE FROM crypto_keys WHERE {whose}"),
        format!("INSERT INTO crypto_keys SELECT * FROM kept WHERE {whose}"),
    ] {
        sql::execute(&url, &change).await.unwrap();
    }
    let alive = format!("SELECT count(*) FROM crypto_keys WHERE state <> 'destroyed' AND {whose}");
    eventually("the key is destroyed again", async || {
        sql::number(&url, &alive).await.unwrap() == 0
    })
    .await;
    eventually("it is counted", async || {
        metric(&server, "vutf_erasures_replayed_total").await == "vutf_erasures_replayed_total 1"
    })
    .await;
    let again = certificate(&api, &admin, &gone.id).await;
    assert_eq!(again["replay_of"], first["event_id"]);
    let events = api.events("subject.erase", &admin.tokens).await.unwrap();
    assert_eq!(events.len(), 2, "each is recorded");
    stop(server);
}
