//! Re-encryption of many rows by two release processes: how fast beside the bare UPDATEs of the same database, and what is left
//! after twenty kills under writers that do not stop. `cargo xtask bench reencrypt` starts it.
//!
//! One line of JSON a database. Nothing passes or fails by the rates; that every row opens and none is old is insisted on.
// A service is brought up within one future, whose layout is deeper than the default.
#![recursion_limit = "256"]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that cannot be made ends"
)]

use std::{
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};
use uuid::Uuid;
use vutf_app::UnitOfWork;
use vutf_crypto_keys::{
    FieldRef, KeyReader as _, Live, LiveCiphertext, Purpose,
    job::{SealedRows as _, Wanted},
};
use vutf_kernel::{Ambient, Entropy, OrganizationId, OsEntropy, SystemClock, Units, UserId, id::uuid_v7};
use vutf_server::{
    config::{Sources, load},
    service::{Schema, Service},
};
use vutf_testkit::{
    client::{ApiClient, Person, Tokens},
    factory::Factory,
    process::{ServerBuilder, ServerProcess},
    random,
    servers::{Postgres, PostgresOptions, TestDatabase, database, require_postgres},
    sql::{self, Session, Value},
};

const HOME: OrganizationId = OrganizationId::DEFAULT;
const BATCH: usize = 500;
const KILLS: u32 = 20;
/// As long as a PHC string of the service.
const PHC: usize = 97;

/// Where the rows are.
struct Place {
    name: &'static str,
    home: tempfile::TempDir,
    url: String,
    kek: String,
    // Dropped before its server.
    _database: Option<TestDatabase>,
    _postgres: Option<Postgres>,
}

fn main() {
    let rows = argument("--rows").unwrap_or(200_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for place in [Some(Place::sqlite()), Place::postgres().await]
            .into_iter()
            .flatten()
        {
            let line = measure(&place, rows).await;
            let _closed = writeln!(std::io::stdout(), "{line}");
        }
    });
}

fn argument(name: &str) -> Option<usize> {
    let mut all = std::env::args().skip_while(|argument| argument != name);
    all.nth(1).map(|value| value.parse().expect("a number"))
}

impl Place {
    fn sqlite() -> Self {
        // On a disk: a commit that is acknowledged has reached it.
        let home = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", home.path().join("rows.db").display());
        Self {
            name: "sqlite",
            home,
            url,
            kek: random::hex::<32>(),
            _database: None,
            _postgres: None,
        }
    }

    async fn postgres() -> Option<Self> {
        require_postgres()?;
        let options = PostgresOptions {
            fsync: true,
            ..PostgresOptions::default()
        };
        let postgres = Postgres::start(&options).unwrap();
        let database = database::create_empty(&postgres.url()).await.unwrap();
        Some(Self {
            name: "postgres",
            home: tempfile::tempdir().unwrap(),
            url: database.url().to_owned(),
            kek: random::hex::<32>(),
            _database: Some(database),
            _postgres: Some(postgres),
        })
    }

    fn is_sqlite(&self) -> bool {
        self.name == "sqlite"
    }

    fn site(&self, name: &str) -> ServerBuilder {
        let home = self.home.path().join(name);
        std::fs::create_dir_all(&home).unwrap();
        let url = if self.is_sqlite() {
            format!("{}?mode=rwc", self.url)
        } else {
            self.url.clone()
        };
        ServerProcess::builder(&home)
            .unwrap()
            .binary(Path::new(env!("CARGO_BIN_EXE_violentutf-api")))
            .database(&url)
            .env("VUTF__KEYS__KEK_KEY", &self.kek)
            .env("VUTF__LOG__LEVEL", "warn")
            .env("VUTF__AUDIT__LEASE", "2s")
            .env("VUTF__KEYS__JOB_LEASE", "2s")
            .env("VUTF__KEYS__RELOAD_INTERVAL", "1s")
    }

    async fn third_party(&self) -> Service {
        let site = self.site("third");
        let env = site.settings().map(|(name, value)| (name.into(), value.into()));
        let sources = Sources {
            env: env.collect(),
            ..Sources::default()
        };
        let config = Arc::new(load(&sources).unwrap().config);
        let assembled = Service::assemble(config, Ambient::system(), Schema::Require);
        assembled.await.unwrap()
    }
}

/// The two processes.
struct Pair {
    sites: [ServerBuilder; 2],
    servers: Vec<ServerProcess>,
    api: ApiClient,
    person: Person,
    tokens: Tokens,
}

impl Pair {
    async fn start(place: &Place) -> Self {
        let sites = [place.site("one"), place.site("two")];
        let servers: Vec<_> = sites.iter().map(|site| site.spawn().unwrap()).collect();
        let api = ApiClient::new(servers[0].base_url()).unwrap();
        let (person, token) = (Person::new("admin"), servers[0].bootstrap_token().unwrap());
        api.bootstrap(&token, &person).expect(201).await.unwrap();
        let tokens = api.login(&person).expect(200).await.unwrap().tokens().unwrap();
        Self {
            sites,
            servers,
            api,
            person,
            tokens,
        }
    }

    async fn replace(&mut self, which: usize) {
        self.servers[which].kill9().unwrap();
        self.servers[which] = self.sites[which].spawn().unwrap();
        self.api = self.api.at(self.servers[which].base_url());
        let signed_in = self.api.login(&self.person).expect(200).await.unwrap();
        self.tokens = signed_in.tokens().unwrap();
    }

    async fn rotate_and_start(&self) {
        let access = &self.tokens.access;
        let keys = self
            .api
            .get("/api/v1/keys")
            .bearer(access)
            .expect(200)
            .await
            .unwrap();
        let keys = keys.json().unwrap();
        let active = |key: &&Json| key["purpose"] == "field:passwords" && key["state"] == "active";
        let key = keys["items"].as_array().unwrap().iter().find(active).unwrap();
        let rotate = format!("/api/v1/keys/{}/rotate", key["id"].as_str().unwrap());
        self.api.post(&rotate).bearer(access).expect(200).await.unwrap();
        let job = json!({"kind": "reencrypt", "purpose": "field:passwords"});
        let start = self.api.post("/api/v1/keys/jobs").json(&job);
        start.bearer(access).expect(202).await.unwrap();
    }

    /// The newest job.
    async fn job(&self) -> Json {
        let list = self.api.get("/api/v1/keys/jobs").bearer(&self.tokens.access);
        let mut jobs = list.expect(200).await.unwrap().json().unwrap();
        jobs["items"][0].take()
    }

    async fn wait_until_over(&self) -> Json {
        loop {
            let job = self.job().await;
            if matches!(job["state"].as_str(), Some("done" | "failed" | "cancelled")) {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn measure(place: &Place, rows: usize) -> Json {
    let mut pair = Pair::start(place).await;
    let third = place.third_party().await;
    let people = seed(place, &third, rows).await;
    let raw = raw_rate(place, &people).await;
    let clean = clean_rate(&pair, rows).await;
    let drill = drill(place, &mut pair, &third, &people).await;
    let whole = verify(place, &third, rows).await;
    third.close().await;
    let audit = pair.sites[0].command(&["audit", "verify"]).unwrap();
    assert!(
        audit.status.success(),
        "{}",
        String::from_utf8_lossy(&audit.stderr)
    );
    json!({
        "database": place.name,
        "rows": rows,
        "raw_update_rows_per_second": raw.round(),
        "reencrypt_rows_per_second": clean.round(),
        "ratio": (clean / raw * 1_000.0).round() / 1_000.0,
        "drill": drill,
        "verified": whole,
        "audit_verify": "ok",
    })
}

/// Rows with ciphertexts under the key that protects now. The people themselves are of no interest, and have no content.
async fn seed(place: &Place, service: &Service, rows: usize) -> Vec<Uuid> {
    let session = Session::open(&place.url).await.unwrap();
    let mut people = Vec::with_capacity(rows);
    while people.len() < rows {
        let chunk: Vec<Uuid> = (0..BATCH.min(rows - people.len()))
            .map(|_| uuid_v7(&SystemClock, &mut OsEntropy))
            .collect();
        let user = |id: &Uuid| -> Vec<Value> {
            let index = Vec::from(OsEntropy.bytes_of::<32>());
            vec![
                (*id).into(),
                HOME.as_uuid().into(),
                index.clone().into(),
                index.into(),
            ]
        };
        let head = "INSERT INTO users (id, organization_id, username_ct, username_bidx, email_ct, email_bidx, \
                    username_bidx_ver, email_bidx_ver, status, epoch, created_at, updated_at, version) \
                    SELECT v.column1, v.column2, v.column3, v.column3, v.column4, v.column4, 1, 1, 'active', 0, 0, 0, 1 \
                    FROM (VALUES ";
        let users = chunk.iter().map(user).collect();
        session.run_rows(head, users, ") AS v").await.unwrap();
        let password = |id: &Uuid| -> Vec<Value> {
            let mut text = vec![b'x'; PHC];
            text[..16].copy_from_slice(id.as_bytes());
            let sealed = service.keyring.seal(&field(id), &text, &mut OsEntropy).unwrap();
            vec![(*id).into(), HOME.as_uuid().into(), sealed.into()]
        };
        let head = "INSERT INTO passwords (user_id, organization_id, phc_ct, changed_at, created_at, updated_at, version) \
                    SELECT v.column1, v.column2, v.column3, 0, 0, 0, 1 FROM (VALUES ";
        let passwords = chunk.iter().map(password).collect();
        session.run_rows(head, passwords, ") AS v").await.unwrap();
        people.extend(chunk);
    }
    session.close().await.unwrap();
    people
}

fn field(id: &Uuid) -> FieldRef<'_> {
    FieldRef {
        organization_id: HOME,
        table: "passwords",
        column: "phc_ct",
        row: id.as_bytes(),
        subject: Some(UserId::from_uuid(*id)),
    }
}

/// Rows a second that the database can update when nobody computes anything: the same rows in a table beside, the same
/// statement, the same batches, each with its commit.
async fn raw_rate(place: &Place, people: &[Uuid]) -> f64 {
    let session = Session::open(&place.url).await.unwrap();
    let make = if place.is_sqlite() {
        "CREATE TABLE raw_rows (user_id BLOB PRIMARY KEY, organization_id BLOB, phc_ct BLOB, changed_at BIGINT, \
         created_at BIGINT, created_by BLOB, updated_at BIGINT, updated_by BLOB, deleted_at BIGINT, deleted_by BLOB, \
         version BIGINT)"
    } else {
        "CREATE TABLE raw_rows (LIKE passwords INCLUDING ALL)"
    };
    session.run(make, Vec::new()).await.unwrap();
    let columns = "user_id, organization_id, phc_ct, changed_at, created_at, updated_at, version";
    let copy = format!("INSERT INTO raw_rows ({columns}) SELECT {columns} FROM passwords");
    session.run(&copy, Vec::new()).await.unwrap();
    let batches: Vec<Vec<Vec<Value>>> = people
        .chunks(BATCH)
        .map(|chunk| {
            let row = |id: &Uuid| vec![(*id).into(), vec![0xA5_u8; 96 + PHC].into()];
            chunk.iter().map(row).collect()
        })
        .collect();
    let began = Instant::now();
    for batch in batches {
        let head = "UPDATE raw_rows SET phc_ct = v.column2 FROM (VALUES ";
        let tail = ") AS v WHERE raw_rows.user_id = v.column1";
        session.run_rows(head, batch, tail).await.unwrap();
    }
    let rate = per_second(people.len(), began.elapsed());
    session.run("DROP TABLE raw_rows", Vec::new()).await.unwrap();
    session.close().await.unwrap();
    rate
}

/// From the first batch to the last row of the first pass; what follows is waiting, and one look at everything.
async fn clean_rate(pair: &Pair, rows: usize) -> f64 {
    pair.rotate_and_start().await;
    while pair.job().await["state"] == "pending" {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (began, before) = (Instant::now(), done(&pair.job().await));
    loop {
        let so_far = done(&pair.job().await);
        if so_far >= rows as u64 {
            let rate = per_second(rows - usize::try_from(before).unwrap(), began.elapsed());
            let over = pair.wait_until_over().await;
            assert_eq!(over["state"], "done", "{over}");
            return rate;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn done(job: &Json) -> u64 {
    job["rows"]["done"].as_u64().unwrap_or(0)
}

fn per_second(rows: usize, took: Duration) -> f64 {
    let rows = u32::try_from(rows).unwrap();
    f64::from(rows) / took.as_secs_f64()
}

/// Twenty kills, spread over the job, while passwords change and accounts are made.
async fn drill(place: &Place, pair: &mut Pair, third: &Service, people: &[Uuid]) -> Json {
    let (stop, changed) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let writer = tokio::spawn(write(
        third.clone(),
        people.to_vec(),
        Arc::clone(&stop),
        Arc::clone(&changed),
    ));
    let began = Instant::now();
    let (mut kills, mut jobs, mut random) = (0, 1, 0x5eed_u64);
    pair.rotate_and_start().await;
    while kills < KILLS {
        if matches!(pair.job().await["state"].as_str(), Some("done")) {
            jobs += 1;
            pair.rotate_and_start().await;
        }
        random = next(random);
        tokio::time::sleep(Duration::from_millis(random % 900)).await;
        pair.replace(usize::try_from(kills % 2).unwrap()).await;
        kills += 1;
    }
    let registered = Person::new("late");
    pair.api.register(&registered).expect(201).await.unwrap();
    let over = pair.wait_until_over().await;
    assert_eq!(over["state"], "done", "{over}");
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    // What was written under the older key while the last keys were being loaded.
    pair.rotate_and_start().await;
    let over = pair.wait_until_over().await;
    assert_eq!(over["state"], "done", "{over}");
    json!({
        "processes": 2,
        "kills": kills,
        "jobs": jobs + 1,
        "passwords_changed_meanwhile": changed.load(Ordering::Relaxed),
        "seconds": began.elapsed().as_secs(),
        "database": place.name,
    })
}

async fn write(service: Service, people: Vec<Uuid>, stop: Arc<AtomicBool>, changed: Arc<AtomicU64>) {
    let mut factory = Factory::new(7);
    for round in 0_usize.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        if round.is_multiple_of(20) {
            let _next_time = service.keys().reload().await;
        }
        let mut user = factory.user();
        user.id = UserId::from_uuid(people[round.wrapping_mul(7_919) % people.len()]);
        let password = factory.password(&user);
        let put = async {
            let units: &dyn Units<dyn UnitOfWork> = &service.store;
            let mut unit = units.begin().await?;
            unit.passwords().put(&password).await?;
            unit.commit().await
        };
        if put.await.is_ok() {
            changed.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Opens every row, and counts what is under an older version.
async fn verify(place: &Place, service: &Service, rows: usize) -> Json {
    service.keys().reload().await.unwrap();
    let purpose = Purpose::field("passwords");
    let lineage = service.keyring.lineage(HOME, &purpose).unwrap();
    let tables = service.store.sealed_tables().iter();
    let wanted = Wanted {
        organization_id: HOME,
        table: tables.clone().find(|table| table.name == "passwords").unwrap(),
        subject: None,
        keys: &[lineage.newest],
    };
    let (mut opened, mut after) = (0_usize, None);
    loop {
        let chunk = service.store.sealed_under(wanted, after, 1_000).await.unwrap();
        for row in &chunk.rows {
            let text = service.keyring.open(&field(&row.row), &row.cells[0].1).unwrap();
            assert!(!text.expose().is_empty());
            opened += 1;
        }
        after = chunk.reached;
        if after.is_none() {
            break;
        }
    }
    let mut old = 0;
    for key in service.store.list(Some(HOME)).await.unwrap() {
        if lineage.older.contains(&key.id) {
            let Live::Rows(rows) = LiveCiphertext::count(&service.store, &key).await.unwrap() else {
                continue;
            };
            old += rows;
        }
    }
    let all = sql::number(&place.url, "SELECT COUNT(*) FROM passwords")
        .await
        .unwrap();
    // The administrator, and who registered.
    assert_eq!((opened, old), (rows + 2, 0));
    assert_eq!(usize::try_from(all).unwrap(), rows + 2);
    json!({"opened": opened, "under_older_versions": old, "rows": all})
}

trait Bytes {
    fn bytes_of<const N: usize>(&mut self) -> [u8; N];
}

impl Bytes for OsEntropy {
    fn bytes_of<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// Xorshift (Marsaglia 2003): enough to choose a moment.
fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ (state << 17)
}
