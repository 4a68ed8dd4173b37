//! What it takes to exchange the key-encryption key, and the tenant key, above many keys of persons; and that no field is
//! touched by either. `cargo xtask bench kek` starts it.
//!
//! One line of JSON a database. Nothing passes or fails by the seconds; that every key and no field was written is insisted on.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot be made ends"
)]

use std::{
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use vutf_app::{
    UnitOfWork,
    jobs::{JobSettings, Jobs, NewJob, Step},
    keys::Keys,
};
use vutf_crypto_keys::{
    FieldRef, KekSet, KeyReader as _, KeyWrapper, Keyring, Purpose, commit_rotation,
    job::{JobKind, JobState},
    memory::MemoryWrapper,
    plan_rotation,
};
use vutf_kernel::{
    Actor, Ambient, Ctx, Entropy as _, Env, KeyId, OrganizationId, OsEntropy, RequestId, Secret, SystemClock,
    Units, UserId,
};
use vutf_store_seaorm::{SeaStore, StoreOptions, key_purposes};
use vutf_testkit::{
    servers::{Postgres, PostgresOptions, TestDatabase, database, require_postgres},
    sql::{self, Session, Value},
};

const HOME: OrganizationId = OrganizationId::DEFAULT;
const CHUNK: usize = 500;
/// So many are opened in the end; the digest is over all.
const OPENED: usize = 1_000;

/// Where the rows are.
struct Place {
    name: &'static str,
    url: String,
    _home: tempfile::TempDir,
    // Dropped before its server.
    _database: Option<TestDatabase>,
    _postgres: Option<Postgres>,
}

fn main() {
    let subjects = argument("--subjects").unwrap_or(100_000);
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
            let line = measure(&place, subjects).await;
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
        Self {
            name: "sqlite",
            url: format!("sqlite://{}?mode=rwc", home.path().join("rows.db").display()),
            _home: home,
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
            url: database.url().to_owned(),
            _home: tempfile::tempdir().unwrap(),
            _database: Some(database),
            _postgres: Some(postgres),
        })
    }
}

/// The service without the service.
struct Site {
    store: SeaStore,
    keyring: Arc<Keyring>,
    ambient: Ambient,
}

impl Site {
    async fn at(place: &Place) -> Self {
        let keyring = Arc::new(Keyring::new());
        let options = StoreOptions::new(Secret::new(place.url.clone()));
        let store = SeaStore::connect(&options, Arc::clone(&keyring), Ambient::system());
        let store = store.await.unwrap();
        store.migrate_up().await.unwrap();
        Self {
            store,
            keyring,
            ambient: Ambient::system(),
        }
    }

    fn keys<'a>(&'a self, wrapper: &'a dyn KeyWrapper) -> Keys<'a> {
        Keys {
            units: &self.store,
            reader: &self.store,
            wrapper,
            keyring: &self.keyring,
            ambient: &self.ambient,
            settle: vutf_crypto_keys::destruction::SETTLE,
        }
    }

    async fn begin(&self) -> Box<dyn UnitOfWork> {
        let units: &dyn Units<dyn UnitOfWork> = &self.store;
        units.begin().await.unwrap()
    }
}

fn ctx() -> Ctx {
    Ctx::internal(HOME, Actor::Operator, RequestId::parse("bench").unwrap())
}

fn kek(name: &str) -> Arc<dyn KeyWrapper> {
    let mut bytes = [0; 32];
    OsEntropy.fill(&mut bytes);
    Arc::new(MemoryWrapper::new(name, Secret::new(bytes)).unwrap())
}

async fn measure(place: &Place, subjects: usize) -> serde_json::Value {
    let site = Site::at(place).await;
    let (old, new) = (kek("old"), kek("new"));
    let keys = site.keys(&*old);
    keys.ensure(&ctx(), &key_purposes(), &site.store).await.unwrap();
    seed(place, &site, subjects).await;
    let before = digest(place).await;

    let set = KekSet::new(Arc::clone(&new), Vec::new(), vec![Arc::clone(&old)]).unwrap();
    let began = Instant::now();
    let report = site.keys(&set).rewrap(&ctx()).await.unwrap();
    let kek_seconds = began.elapsed().as_secs_f64();
    assert!(report.is_complete() && report.rewrapped == 1, "{report:?}");
    assert_eq!(digest(place).await, before);

    let began = Instant::now();
    rotate_tenant(&site, &*new).await;
    let rewrapped = rewrap(&site, &*new).await;
    let tenant_seconds = began.elapsed().as_secs_f64();
    assert_eq!(digest(place).await, before);
    assert!(rewrapped >= subjects as u64);
    open_some(place, &site, &*new).await;
    site.store.close().await;
    json!({
        "database": place.name,
        "subject_keys": subjects,
        "kek_rotation_seconds": round(kek_seconds),
        "tenant_rotation_and_rewrap_seconds": round(tenant_seconds),
        "rewrapped": rewrapped,
        "fields_digest": before,
        "fields_unchanged": true,
    })
}

fn round(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

/// Persons with a key and a sealed address each.
async fn seed(place: &Place, site: &Site, subjects: usize) {
    let session = Session::open(&place.url).await.unwrap();
    let mut left = subjects;
    while left > 0 {
        let (mut rows, mut records) = (Vec::new(), Vec::new());
        for _ in 0..CHUNK.min(left) {
            let mut env = Env {
                clock: &SystemClock,
                entropy: &mut OsEntropy,
            };
            let id = UserId::generate(env.clock, env.entropy);
            let (record, key) = site.keyring.new_subject_key(&mut env, HOME, id).unwrap();
            let sealed = key
                .seal(&field(&id), b"somebody@example.org", &mut OsEntropy)
                .unwrap();
            let index = id.as_bytes().to_vec();
            let row: Vec<Value> = vec![
                id.as_uuid().into(),
                HOME.as_uuid().into(),
                sealed.into(),
                index.into(),
            ];
            rows.push(row);
            records.push(record);
        }
        left -= records.len();
        let mut unit = site.begin().await;
        for record in &records {
            unit.keys().insert(record).await.unwrap();
        }
        unit.commit().await.unwrap();
        let head = "INSERT INTO users (id, organization_id, username_ct, email_ct, username_bidx, email_bidx, \
                    username_bidx_ver, email_bidx_ver, status, epoch, created_at, updated_at, version) \
                    SELECT v.column1, v.column2, v.column4, v.column3, v.column4, v.column4, 1, 1, 'active', 0, 0, 0, 1 \
                    FROM (VALUES ";
        session.run_rows(head, rows, ") AS v").await.unwrap();
    }
    session.close().await.unwrap();
}

fn field(id: &UserId) -> FieldRef<'_> {
    FieldRef {
        organization_id: HOME,
        table: "users",
        column: "email_ct",
        row: id.as_bytes(),
        subject: Some(*id),
    }
}

/// SHA-256 over every ciphertext of a field, in the order of the rows.
async fn digest(place: &Place) -> String {
    let session = Session::open(&place.url).await.unwrap();
    let all = session
        .bytes("SELECT email_ct FROM users ORDER BY id")
        .await
        .unwrap();
    session.close().await.unwrap();
    let mut hash = Sha256::new();
    for ciphertext in all {
        hash.update(ciphertext);
    }
    let bytes = hash.finalize();
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

async fn rotate_tenant(site: &Site, wrapper: &dyn KeyWrapper) {
    site.keys(wrapper).reload().await.unwrap();
    let existing = site.store.list(Some(HOME)).await.unwrap();
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut OsEntropy,
    };
    let rotation = plan_rotation(&mut env, wrapper, &existing, HOME, &Purpose::Tenant);
    let rotation = rotation.await.unwrap();
    let mut unit = site.begin().await;
    commit_rotation(&ctx(), &mut env, &mut *unit, rotation)
        .await
        .unwrap();
    unit.commit().await.unwrap();
    site.keys(wrapper).reload().await.unwrap();
}

/// Runs the job as a replica would, and answers how many keys it wrote.
async fn rewrap(site: &Site, wrapper: &dyn KeyWrapper) -> u64 {
    let jobs = Jobs {
        keys: site.keys(wrapper),
        reader: &site.store,
        rows: &site.store,
        leases: &site.store,
        // One process: nobody has to be waited for.
        settings: JobSettings::new(Duration::ZERO),
    };
    let new = NewJob {
        kind: JobKind::Rewrap,
        rows_per_second: None,
    };
    let job = jobs.start(&ctx(), new).await.unwrap();
    let mut lease = jobs.take(&job, Uuid::from_u128(1)).await.unwrap().unwrap();
    loop {
        match jobs.run_batch(&ctx(), &mut lease, job.id).await.unwrap() {
            Step::Moved(..) => {}
            Step::Over(job) => {
                assert_eq!(job.state, JobState::Done, "{job:?}");
                return job.rows.done;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The keys open what they opened before.
async fn open_some(place: &Place, site: &Site, wrapper: &dyn KeyWrapper) {
    site.keys(wrapper).reload().await.unwrap();
    let tenants = site.store.list_tenant_keys(Some(HOME)).await.unwrap();
    let newest = tenants.iter().max_by_key(|tenant| tenant.version).unwrap();
    let limit = u32::try_from(OPENED).unwrap();
    let (mut after, mut opened): (Option<KeyId>, usize) = (None, 0);
    while opened < OPENED {
        let records = site.store.list_wrapped_by(newest.id, after, limit).await.unwrap();
        let Some(last) = records.last() else { break };
        after = Some(last.id);
        for record in &records {
            let Some(subject) = record.purpose.subject_id() else {
                continue;
            };
            let hex = subject.as_uuid().simple().to_string();
            let id = if place.name == "sqlite" {
                format!("X'{hex}'")
            } else {
                format!("'{subject}'")
            };
            let session = Session::open(&place.url).await.unwrap();
            let found = session
                .bytes(&format!("SELECT email_ct FROM users WHERE id = {id}"))
                .await
                .unwrap();
            session.close().await.unwrap();
            let key = site.keyring.subject_key(record).unwrap();
            let text = key.open(&field(&subject), &found[0]).unwrap();
            assert_eq!(text.expose(), b"somebody@example.org");
            opened += 1;
        }
    }
    let all = sql::number(&place.url, "SELECT COUNT(*) FROM users")
        .await
        .unwrap();
    assert!(opened >= OPENED.min(usize::try_from(all).unwrap()));
}
