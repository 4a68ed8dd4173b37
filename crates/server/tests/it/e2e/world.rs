//! What the end-to-end tests share: a place for a server, its database, and an administrator.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use vutf_testkit::{
    client::{ApiClient, Person, Tokens},
    process::{ServerBuilder, ServerProcess},
    random,
    servers::{
        Place, Postgres, PostgresOptions, Redis, RedisOptions, TestDatabase, database, require_postgres,
        require_redis,
    },
};

/// Ends a hang; no test passes or fails by it otherwise.
const PATIENCE: Duration = Duration::from_mins(1);

/// Everything outside of the process.
pub(crate) struct World {
    home: TempDir,
    kek: String,
    settings: Vec<(String, String)>,
    // Dropped before its server.
    database: Option<TestDatabase>,
    pub(crate) postgres: Option<Postgres>,
    pub(crate) redis: Option<Redis>,
}

/// An administrator who is signed in.
pub(crate) struct Admin {
    pub(crate) person: Person,
    pub(crate) tokens: Tokens,
}

impl World {
    /// SQLite in the data directory, the cache in the process.
    pub(crate) fn sqlite() -> Self {
        Self {
            // SIGKILL leaves what was written with the system: only a power cut needs a disk to be survived.
            home: tempfile::tempdir_in(Place::Memory.root()).unwrap(),
            kek: random::hex::<32>(),
            settings: Vec::new(),
            database: None,
            postgres: None,
            redis: None,
        }
    }

    /// An empty database on the shared PostgreSQL, and the shared Redis. `None`: not to be had here, counted as skipped.
    pub(crate) async fn postgres() -> Option<Self> {
        let (server, redis) = (require_postgres()?, require_redis()?);
        let mut world = Self::sqlite().with("VUTF__CACHE__URL", redis);
        world.database = Some(database::create_empty(server).await.unwrap());
        Some(world)
    }

    /// PostgreSQL and Redis of its own, for outages; with `durable`, commits reach the disk.
    pub(crate) async fn own_servers(durable: bool) -> Option<Self> {
        require_postgres()?;
        require_redis()?;
        let postgres = Postgres::start(&PostgresOptions {
            fsync: durable,
            ..PostgresOptions::default()
        })
        .unwrap();
        let redis = Redis::start(RedisOptions::default()).unwrap();
        let mut world = Self::sqlite().with("VUTF__CACHE__URL", &redis.url());
        world.database = Some(database::create_empty(&postgres.url()).await.unwrap());
        world.postgres = Some(postgres);
        world.redis = Some(redis);
        Some(world)
    }

    /// With a setting, by its environment variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The server of this world.
    pub(crate) fn server(&self) -> ServerBuilder {
        self.replica("one")
    }

    /// One of several servers on the same database, cache and key-encryption key.
    pub(crate) fn replica(&self, name: &str) -> ServerBuilder {
        let home = self.home.path().join(name);
        std::fs::create_dir_all(&home).unwrap();
        let mut server = ServerProcess::builder(&home)
            .unwrap()
            .env("VUTF__KEYS__KEK_KEY", &self.kek);
        if let Some(database) = &self.database {
            server = server.database(database.url());
        }
        self.settings
            .iter()
            .fold(server, |server, (name, value)| server.env(name, value))
    }

    /// The key-encryption key, in hex.
    pub(crate) fn kek(&self) -> &str {
        &self.kek
    }

    /// Where everything of the servers is kept.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The URL by which a test looks behind the service's back.
    pub(crate) fn database_url(&self) -> String {
        self.database.as_ref().map_or_else(
            || format!("sqlite://{}", self.sqlite_file().display()),
            |database| database.url().to_owned(),
        )
    }

    /// Whether the database is SQLite.
    pub(crate) fn is_sqlite(&self) -> bool {
        self.database.is_none()
    }

    /// The SQLite file.
    pub(crate) fn sqlite_file(&self) -> PathBuf {
        self.home.path().join("one/data/violentutf.db")
    }
}

impl Admin {
    /// Makes the first administrator and signs in.
    pub(crate) async fn bootstrap(server: &ServerProcess, api: &ApiClient) -> Self {
        let person = Person::new("admin");
        let token = server.bootstrap_token().expect("there is a bootstrap token");
        api.bootstrap(&token, &person).expect(201).await.unwrap();
        Self::login(api, person).await
    }

    /// Signs in.
    pub(crate) async fn login(api: &ApiClient, person: Person) -> Self {
        let tokens = api.login(&person).expect(200).await.unwrap().tokens().unwrap();
        Self { person, tokens }
    }
}

/// Makes an account and signs in.
pub(crate) async fn signed_in(api: &ApiClient, person: &Person) -> Tokens {
    api.register(person).expect(201).await.unwrap();
    api.login(person).expect(200).await.unwrap().tokens().unwrap()
}

/// Waits until every event has its place in the log.
pub(crate) async fn sequenced(api: &ApiClient, admin: &Admin) {
    eventually("every event has its place", async || {
        let status = api.get("/api/v1/audit/status").bearer(&admin.tokens.access);
        let answer = status.expect(200).await.unwrap().json().unwrap();
        answer["pending"] == 0
    })
    .await;
}

/// `audit verify` finds nothing wrong.
pub(crate) fn assert_verified(server: &ServerBuilder) {
    let verified = server.command(&["audit", "verify"]).unwrap();
    assert!(
        verified.status.success(),
        "audit verify: {}\n{}{}",
        verified.status,
        String::from_utf8_lossy(&verified.stdout),
        String::from_utf8_lossy(&verified.stderr)
    );
}

/// Polls until `done` says so, and returns how long that took.
pub(crate) async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !done().await {
        assert!(started.elapsed() < PATIENCE, "it never came true: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    started.elapsed()
}

/// A measured figure, for whoever reads the test's output.
pub(crate) fn say(line: &str) {
    let _closed = writeln!(std::io::stderr(), "measured: {line}");
}

/// A sample of the operators' listener, by its name and labels.
pub(crate) async fn metric(management: &ApiClient, series: &str) -> Option<i64> {
    let answer = management.get("/metrics").expect(200).await.ok()?;
    let text = String::from_utf8(answer.body).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    line.parse().ok()
}

/// How many entries a sink of the audit log has not acknowledged yet.
pub(crate) async fn lag(management: &ApiClient, sink: &str) -> Option<i64> {
    metric(management, &format!("vutf_audit_export_lag{{sink=\"{sink}\"}}")).await
}
