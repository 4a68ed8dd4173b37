//! What a page of the audit log costs by each kind of search, in a long log, and what each index costs whoever writes.
//! `cargo xtask bench audit-search` starts it.
//!
//! One line of JSON for each kind of search and each set of indexes. Nothing passes or fails by the figures; that a search finds
//! something where it must is insisted on.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that cannot be made ends"
)]

#[path = "audit_search/kinds.rs"]
mod kinds;

use std::{
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use uuid::Uuid;
use vutf_app::{UnitOfWork, keys::Keys};
use vutf_audit::{EventFilter, LogReader as _, Order, Record};
use vutf_crypto_keys::{Keyring, memory::MemoryWrapper};
use vutf_kernel::{
    Actor, Ambient, Ctx, Entropy as _, OrganizationId, OsEntropy, PageRequest, RequestId, Secret, Timestamp,
    Units, id::uuid_v7_floor,
};
use vutf_store_seaorm::{SeaStore, StoreOptions, key_purposes};
use vutf_testkit::{
    factory::Factory,
    servers::{Postgres, PostgresOptions, TestDatabase, database, require_postgres},
    sql,
};

use self::kinds::{Kind, kinds};

const HOME: OrganizationId = OrganizationId::DEFAULT;
/// The log covers so much time, up to 2026-11-21.
const SPAN: Duration = Duration::from_hours(24 * 90);
const END: Timestamp = Timestamp::from_secs(1_795_255_200);
/// Rows that one statement fills in.
const CHUNK: u64 = 100_000;
/// The indexes before they were made for each part of a filter.
const BEFORE: &str = "CREATE INDEX before_time ON audit_intake (organization_id, occurred_at, ord); \
    CREATE INDEX before_list ON audit_intake (organization_id, id); \
    CREATE INDEX before_actor ON audit_intake (organization_id, actor_id, id); \
    CREATE INDEX before_action ON audit_intake (organization_id, action, id)";
/// Events that are written to measure what writing costs.
const WRITTEN: u32 = 20_000;
/// Events in one transaction then.
const GROUP: u32 = 100;

/// Actions and the kinds of their resources, the most frequent first; the last are a thousand times rarer than the first.
const ACTIONS: [(&str, &str); 40] = [
    ("user.read", "user"),
    ("session.refresh", "session"),
    ("session.login", "session"),
    ("user.list", "user"),
    ("crypto.decrypt", "key"),
    ("crypto.encrypt", "key"),
    ("session.logout", "session"),
    ("user.update", "user"),
    ("audit.list", "audit"),
    ("crypto.sign", "key"),
    ("crypto.verify", "key"),
    ("session.list", "session"),
    ("user.find", "user"),
    ("crypto.hmac", "key"),
    ("key.read", "key"),
    ("audit.read", "audit"),
    ("subject_key.create", "key"),
    ("user.create", "user"),
    ("user.register", "user"),
    ("key.list", "key"),
    ("role.assign", "user"),
    ("audit.status", "audit"),
    ("key_job.batch", "key_job"),
    ("session.revoke", "session"),
    ("user.lock", "user"),
    ("user.unlock", "user"),
    ("key_job.read", "key_job"),
    ("key.inventory", "key"),
    ("user.disable", "user"),
    ("user.enable", "user"),
    ("key.rotate", "key"),
    ("user.delete", "user"),
    ("audit.export", "audit"),
    ("key_job.start", "key_job"),
    ("keyset.update", "keyset"),
    ("user.restore", "user"),
    ("key.suspend", "key"),
    ("subject.erase", "user"),
    ("key.destroy", "key"),
    ("kek.rotate", "kek"),
];

/// Where the log is.
struct Place {
    name: &'static str,
    url: String,
    _home: tempfile::TempDir,
    // Dropped before its server.
    _database: Option<TestDatabase>,
    _postgres: Option<Postgres>,
}

fn main() {
    let events = argument("--events").unwrap_or(1_000_000);
    let samples = argument("--samples").unwrap_or(200);
    let only: Option<String> = text("--database");
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        if wanted("sqlite") {
            measure(&Place::sqlite(), events, samples).await;
        }
        if wanted("postgres")
            && let Some(place) = Place::postgres().await
        {
            measure(&place, events, samples).await;
        }
    });
}

fn text(name: &str) -> Option<String> {
    let mut all = std::env::args().skip_while(|argument| argument != name);
    all.nth(1)
}

fn argument(name: &str) -> Option<u64> {
    text(name).map(|value| value.parse().expect("a number"))
}

fn say(line: &serde_json::Value) {
    let _closed = writeln!(std::io::stdout(), "{line}");
}

impl Place {
    fn sqlite() -> Self {
        let home = tempfile::tempdir().unwrap();
        Self {
            name: "sqlite",
            url: format!("sqlite://{}?mode=rwc", home.path().join("log.db").display()),
            _home: home,
            _database: None,
            _postgres: None,
        }
    }

    async fn postgres() -> Option<Self> {
        require_postgres()?;
        let settings = [
            "shared_buffers=1GB",
            "max_wal_size=4GB",
            "maintenance_work_mem=512MB",
        ];
        let options = PostgresOptions {
            fsync: true,
            settings: settings.map(str::to_owned).to_vec(),
            ..PostgresOptions::default()
        };
        let postgres = Postgres::start(&options).unwrap();
        let database = database::create_empty(&postgres.url()).await.unwrap();
        Some(Self {
            name: "postgres",
            url: database.url().to_owned(),
            _home: tempfile::tempdir().unwrap(),
            _database: Some(database),
            _postgres: Some(postgres),
        })
    }

    fn is_postgres(&self) -> bool {
        self.name == "postgres"
    }

    /// An expression for bytes of an id, from one for its 32 hex digits.
    fn id(&self, hex: &str) -> String {
        if self.is_postgres() {
            format!("({hex})::uuid")
        } else {
            format!("unhex({hex})")
        }
    }

    /// A number between 0 and 1, below which most of its cubes are small.
    fn dice(&self) -> &'static str {
        if self.is_postgres() {
            "random()"
        } else {
            "(abs(random() % 1000000) / 1000000.0)"
        }
    }

    /// An expression for `digits` hex digits of a number.
    fn hex(&self, number: &str, digits: u8) -> String {
        if self.is_postgres() {
            format!("lpad(to_hex(({number})::bigint), {digits}, '0')")
        } else {
            format!("printf('%0{digits}x', CAST({number} AS INTEGER))")
        }
    }
}

async fn store(place: &Place) -> SeaStore {
    let keyring = Arc::new(Keyring::new());
    let options = StoreOptions {
        statement_timeout: Duration::from_mins(30),
        ..StoreOptions::new(Secret::new(place.url.clone()))
    };
    let store = SeaStore::connect(&options, Arc::clone(&keyring), Ambient::system())
        .await
        .unwrap();
    store.migrate_up().await.unwrap();
    let wrapper = MemoryWrapper::new("bench", Secret::new([7; 32])).unwrap();
    let ambient = Ambient::system();
    let keys = Keys {
        units: &store,
        reader: &store,
        wrapper: &wrapper,
        keyring: &keyring,
        ambient: &ambient,
        settle: vutf_crypto_keys::destruction::SETTLE,
    };
    let ctx = Ctx::internal(HOME, Actor::Operator, RequestId::parse("bench").unwrap());
    keys.ensure(&ctx, &key_purposes(), &store).await.unwrap();
    store
}

async fn measure(place: &Place, events: u64, samples: u64) {
    let store = store(place).await;
    let before = write(&store, 1).await;
    let began = Instant::now();
    fill(place, events).await;
    say(&json!({
        "database": place.name, "events": events, "filled_seconds": round(began.elapsed().as_secs_f64()),
        "events_written_a_second_into_an_empty_log": round(before),
    }));
    for kind in kinds() {
        say(&search(place, &store, events, samples, &kind).await);
    }
    cost_of_indexes(place, &store).await;
    store.close().await;
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

// Filling.

/// Events as a service leaves them, with their leaves and their subjects. Indexes for search are made at the end, as a restore
/// makes them.
async fn fill(place: &Place, events: u64) {
    let indexes = search_indexes(place).await;
    run(place, &dropping(&indexes)).await;
    actions(place).await;
    let mut done = 0;
    while done < events {
        let end = (done + CHUNK).min(events);
        run(place, &intake(place, events, done, end)).await;
        let [from, until] = [done, end].map(|n| place.id(&format!("'{}'", instant(n, events).1.simple())));
        run(place, &leaves(place, &from, &until)).await;
        run(place, &subjects(place, &from, &until)).await;
        done = end;
    }
    for (_, definition) in &indexes {
        run(place, definition).await;
    }
    run(
        place,
        if place.is_postgres() {
            "VACUUM ANALYZE"
        } else {
            "SELECT 1"
        },
    )
    .await;
}

/// When the event number `n` happened, and the least id of that time.
fn instant(n: u64, events: u64) -> (i64, Uuid) {
    let step = i64::try_from(SPAN.as_millis()).unwrap() / i64::try_from(events).unwrap();
    let start = END.minus(SPAN).as_micros() / 1_000;
    let millis = start + step.max(1) * i64::try_from(n).unwrap();
    (millis, uuid_v7_floor(Timestamp::from_micros(millis * 1_000)))
}

async fn run(place: &Place, sql: &str) {
    sql::execute(&place.url, sql).await.unwrap();
}

async fn actions(place: &Place) {
    let rows = ACTIONS.iter().enumerate();
    let rows: Vec<String> = rows
        .map(|(n, (name, kind))| format!("({n}, '{name}', '{kind}')"))
        .collect();
    let sql = format!(
        "CREATE TABLE bench_actions (n INTEGER PRIMARY KEY, name TEXT, kind TEXT); INSERT INTO bench_actions VALUES {}",
        rows.join(", ")
    );
    run(place, &sql).await;
}

/// Ten thousand people act on a hundred thousand, a few of each far more than the others.
fn intake(place: &Place, events: u64, from: u64, until: u64) -> String {
    let (start, _) = instant(0, events);
    let step = instant(1, events).0 - start;
    let dice = place.dice();
    let person = |n: &str| place.id(&format!("'000000000000700080000000' || {}", place.hex(n, 8)));
    let id = place.id(&format!(
        "{} || '7' || {} || '8' || {} || {}",
        place.hex("ms", 12),
        place.hex("d1 * 4095", 3),
        place.hex("d2 * 4095", 3),
        place.hex("g", 12)
    ));
    let request = format!("'req-' || {}", place.hex("g * 2 / 3 + 1000000000", 28));
    let actor = person("1000 + d3 * d3 * d3 * 10000");
    let resource = person("100000 + d4 * d4 * d4 * 100000");
    let blob = |bytes: usize| {
        let hex = "7b".repeat(bytes);
        if place.is_postgres() {
            format!("'\\x{hex}'::bytea")
        } else {
            format!("X'{hex}'")
        }
    };
    let series = if place.is_postgres() {
        format!(
            "SELECT g::bigint AS g FROM generate_series({from}, {}) g",
            until - 1
        )
    } else {
        format!(
            "SELECT value AS g FROM (WITH RECURSIVE n (value) AS (SELECT {from} UNION ALL SELECT value + 1 FROM n WHERE value + 1 < {until}) \
             SELECT value FROM n)"
        )
    };
    let floor = |number: &str| {
        if place.is_postgres() {
            format!("floor({number})::int")
        } else {
            format!("CAST({number} AS INTEGER)")
        }
    };
    let which = floor("d5 * d5 * d5 * 40");
    let why = floor("d6 * d6 * 8");
    let home = place.id(&format!("'{}'", HOME.as_uuid().simple()));
    format!(
        "INSERT INTO audit_intake (xid, id, occurred_at, organization_id, request_id, actor_kind, actor_id, action, resource_kind, \
             resource_id, outcome, reason, body, parts, mac) \
         WITH thrown AS MATERIALIZED ( \
             SELECT g, {start} + g * {step} AS ms, {dice} AS d1, {dice} AS d2, {dice} AS d3, {dice} AS d4, {dice} AS d5, \
                 {dice} AS d6, {dice} AS d7, {dice} AS d8 FROM ({series}) AS s) \
         SELECT 0, {id}, ms * 1000, {home}, {request}, \
             CASE WHEN d7 < 0.85 THEN 'user' WHEN d7 < 0.93 THEN 'anonymous' WHEN d7 < 0.999 THEN 'system' ELSE 'operator' END, \
             CASE WHEN d7 < 0.85 THEN {actor} END, a.name, a.kind, \
             CASE WHEN a.kind IN ('user', 'session') OR d8 < 0.3 THEN {resource} END, \
             CASE WHEN d8 < 0.93 THEN 'success' WHEN d8 < 0.985 THEN 'refused' ELSE 'failed' END, \
             CASE WHEN d8 >= 0.93 THEN 'reason_' || {why} END, {}, {}, {} \
         FROM thrown JOIN bench_actions a ON a.n = {which}",
        blob(420),
        blob(110),
        blob(32)
    )
}

fn leaves(place: &Place, from: &str, until: &str) -> String {
    let hash = if place.is_postgres() {
        "sha256('x')"
    } else {
        "randomblob(32)"
    };
    format!(
        "INSERT INTO audit_leaf (seq, event_id, leaf_hash, chain, xid, ord) \
         SELECT ord, id, {hash}, {hash}, 0, ord FROM audit_intake WHERE id >= {from} AND id < {until}"
    )
}

/// Whoever's account or session it is; and of each list twenty people.
fn subjects(place: &Place, from: &str, until: &str) -> String {
    let series = if place.is_postgres() {
        "SELECT n FROM generate_series(1, 20) n".to_owned()
    } else {
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20) SELECT n FROM n"
            .to_owned()
    };
    let person = place.id(&format!(
        "'000000000000700080000000' || {}",
        place.hex("300000 + (i.ord * 977 + s.n * 31) % 100000", 8)
    ));
    format!(
        "INSERT INTO audit_subject_ref (event_id, organization_id, subject_id) \
         SELECT id, organization_id, resource_id FROM audit_intake \
         WHERE id >= {from} AND id < {until} AND resource_kind IN ('user', 'session') AND resource_id IS NOT NULL; \
         INSERT INTO audit_subject_ref (event_id, organization_id, subject_id) \
         SELECT i.id, i.organization_id, {person} FROM audit_intake i CROSS JOIN ({series}) AS s \
         WHERE i.id >= {from} AND i.id < {until} AND i.action = 'user.list'"
    )
}

// Searching.

async fn search(
    place: &Place,
    store: &SeaStore,
    events: u64,
    samples: u64,
    kind: &Kind,
) -> serde_json::Value {
    let (mut first, mut deep) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        let (a, b) = (some_event(store, events).await, some_event(store, events).await);
        let mut filter = EventFilter {
            order: Order::Descending,
            ..EventFilter::within(HOME)
        };
        (kind.make)(&a, &b, &mut filter);
        first.push(page(store, &filter, None, kind.finds).await);
        let cursor = some_event(store, events).await.intake.id.as_uuid();
        deep.push(page(store, &filter, Some(cursor), false).await);
    }
    let [first, deep] = [first, deep].map(quantiles);
    json!({
        "database": place.name, "events": events, "search": kind.name,
        "first_page_ms": first, "deep_page_ms": deep,
    })
}

async fn page(store: &SeaStore, filter: &EventFilter, after: Option<Uuid>, finds: bool) -> f64 {
    let page = PageRequest {
        after,
        limit: PageRequest::DEFAULT_LIMIT,
    };
    let began = Instant::now();
    let found = store.search(filter, &page).await.unwrap();
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    assert!(!finds || !found.items.is_empty(), "{filter:?}");
    took
}

/// An event from anywhere in the log.
async fn some_event(store: &SeaStore, events: u64) -> Record {
    let mut random = [0; 8];
    OsEntropy.fill(&mut random);
    let (_, floor) = instant(u64::from_be_bytes(random) % (events - 1), events);
    let page = PageRequest {
        after: Some(floor),
        limit: 1,
    };
    let found = store.search(&EventFilter::within(HOME), &page).await.unwrap();
    found.items.into_iter().next().unwrap()
}

fn quantiles(mut times: Vec<f64>) -> serde_json::Value {
    times.sort_by(f64::total_cmp);
    let at = |share: usize| round(times[(times.len() * share / 100).min(times.len() - 1)]);
    json!({"p50": at(50), "p99": at(99), "most": round(times[times.len() - 1])})
}

// Writing.

/// Events a second: groups as the service commits them, by two writers.
async fn write(store: &SeaStore, seed: u64) -> f64 {
    let began = Instant::now();
    let writers = (0..2).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut factory = Factory::new(seed * 2 + writer);
            for _ in 0..WRITTEN / GROUP / 2 {
                let events = (0..GROUP).map(|_| {
                    let mut event = factory.event();
                    event.id = vutf_kernel::EventId::generate(&vutf_kernel::SystemClock, &mut OsEntropy);
                    event
                });
                let units: &dyn Units<dyn UnitOfWork> = &store;
                let mut unit = units.begin().await.unwrap();
                unit.log().append_all(events.collect()).await.unwrap();
                unit.commit().await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    f64::from(WRITTEN) / began.elapsed().as_secs_f64()
}

/// What writing costs with all indexes for search, with none, and without each one.
async fn cost_of_indexes(place: &Place, store: &SeaStore) {
    let indexes = search_indexes(place).await;
    let mut seed = 10;
    let mut note = async |without: &str| {
        seed += 1;
        let (wal, cpu) = (wal_bytes(place).await, cpu_seconds());
        let rate = write(store, seed).await;
        let each = |amount: f64| round(amount / f64::from(WRITTEN));
        // Of a server's processor time nothing is known here; of SQLite's log nothing.
        say(&json!({
            "database": place.name, "without": without, "events_written_a_second": round(rate),
            "wal_bytes_an_event": each(f64::from(u32::try_from(wal_bytes(place).await - wal).unwrap())),
            "own_cpu_microseconds_an_event": each((cpu_seconds() - cpu) * 1e6),
        }));
    };
    note("nothing").await;
    run(place, &dropping(&indexes)).await;
    note("all of them").await;
    // What there was before: by time, by id, by actor and by action.
    run(place, BEFORE).await;
    note("m0013").await;
    let before = search_indexes(place).await;
    run(place, &dropping(&before)).await;
    for (_, definition) in &indexes {
        run(place, definition).await;
    }
    note("nothing").await;
    for (name, definition) in &indexes {
        run(place, &format!("DROP INDEX {name}")).await;
        note(name).await;
        run(place, definition).await;
    }
    note("nothing").await;
}

async fn wal_bytes(place: &Place) -> i64 {
    if !place.is_postgres() {
        return 0;
    }
    let sql = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint";
    sql::number(&place.url, sql).await.unwrap()
}

/// Processor time of this process, which is that of SQLite as well: proc(5), fields 14 and 15, in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

fn dropping(indexes: &[(String, String)]) -> String {
    let each = indexes.iter().map(|(name, _)| format!("DROP INDEX {name};"));
    each.collect()
}

/// Names and definitions of the indexes of the intake that keep nothing unique; not the sequencer's.
async fn search_indexes(place: &Place) -> Vec<(String, String)> {
    let sql = if place.is_postgres() {
        "SELECT indexname::text, replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes WHERE tablename = 'audit_intake' \
         AND indexdef NOT LIKE 'CREATE UNIQUE%' AND indexname <> 'audit_intake_settled' ORDER BY 1"
    } else {
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'audit_intake' AND sql IS NOT NULL \
         AND name <> 'audit_intake_settled' ORDER BY 1"
    };
    let rows = sql::texts(&place.url, sql).await.unwrap();
    let pair = |row: Vec<String>| {
        let mut columns = row.into_iter();
        (columns.next().unwrap(), columns.next().unwrap())
    };
    rows.into_iter().map(pair).collect()
}
