//! Pools and their transactions.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use backon::Retryable;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use tokio::sync::Notify;
use vutf_app::{KeyReloader, UnitOfWork};
use vutf_audit::analysis::AnalysisUnit;
use vutf_crypto_keys::Keyring;
use vutf_identity::IdentityUnit;
use vutf_kernel::{
    Ambient, Fault, PortError, Receipts, Secret, Units,
    breaker::{Breaker, BreakerOptions, BreakerState},
};

use crate::{
    connection::Connection,
    error::{fault, is_answer, is_cut, port},
    retry,
    tx::Tx,
};

/// Connections of [`SeaStore::aside`]: two groups of lone events, and the sequencer with a look meanwhile.
const ASIDE: u32 = 4;
/// Those are asked whether they live only when nobody used them for so long.
const RESTED: Duration = Duration::from_secs(1);

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `postgres://…` or `sqlite://path?mode=rwc`.
    pub url: Secret<String>,
    /// Connections at most; SQLite: readers at most.
    pub max_connections: u32,
    /// How long to wait for a free connection.
    pub acquire_timeout: Duration,
    /// How long to go on trying to connect at the start.
    pub connect_deadline: Duration,
    /// How long a statement may run (PostgreSQL) or wait for another process (SQLite).
    pub statement_timeout: Duration,
    /// When the circuit breaker opens, and for how long.
    pub breaker: BreakerOptions,
}

impl StoreOptions {
    /// The documented defaults.
    pub fn new(url: Secret<String>) -> Self {
        Self {
            url,
            max_connections: 16,
            acquire_timeout: Duration::from_secs(5),
            connect_deadline: Duration::from_secs(30),
            statement_timeout: Duration::from_secs(10),
            breaker: BreakerOptions::default(),
        }
    }
}

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Technology {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

impl Technology {
    /// The stable word: `postgres`, `sqlite`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL names a database that is not supported.
    #[error("database.url must begin with postgres:// or sqlite://")]
    Unsupported,
    /// It did not answer within the deadline.
    #[error(
        "the database could not be reached within {seconds} s; check database.url and that the server runs"
    )]
    Unreachable {
        /// The deadline.
        seconds: u64,
        /// The last failure, for the log.
        #[source]
        source: DbErr,
    },
}

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct SeaStore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    // Private, so that whoever wants a connection goes through the breaker: `read`, `write`, `begin_tx`.
    /// PostgreSQL: the pool. SQLite: the one connection that writes.
    writer: DatabaseConnection,
    /// PostgreSQL: the same pool. SQLite: readers.
    reader: DatabaseConnection,
    /// PostgreSQL: two connections that requests do not wait for. SQLite: none.
    aside: Option<DatabaseConnection>,
    backend: DbBackend,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) ambient: Ambient,
    breaker: Arc<Breaker>,
    max_connections: u32,
    reloader: Arc<OnceLock<Arc<dyn KeyReloader>>>,
    appended: Arc<Notify>,
}

impl std::fmt::Debug for SeaStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SeaStore({})", self.technology().as_str())
    }
}

impl SeaStore {
    /// Connects, trying again with growing pauses until the deadline. Creates an SQLite file that is not there.
    pub async fn connect(
        options: &StoreOptions,
        keyring: Arc<Keyring>,
        ambient: Ambient,
    ) -> Result<Self, ConnectError> {
        let url = options.url.expose();
        let sqlite = url.starts_with("sqlite:");
        if !sqlite && !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(ConnectError::Unsupported);
        }
        let started = Instant::now();
        let open = || async {
            let writer = Database::connect(pool(
                options,
                if sqlite { 1 } else { options.max_connections },
                false,
            ))
            .await?;
            let reader = if sqlite {
                Database::connect(pool(options, options.max_connections, true)).await?
            } else {
                writer.clone()
            };
            let aside = if sqlite {
                None
            } else {
                Some(Database::connect(few(options)).await?)
            };
            Ok::<_, DbErr>((writer, reader, aside))
        };
        let (writer, reader, aside) = open
            .retry(retry::connecting(options.connect_deadline))
            .when(|_| started.elapsed() < options.connect_deadline)
            .notify(|_, wait| {
                tracing::warn!(
                    wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                    "database not reachable yet"
                );
            })
            .await
            .map_err(|source| ConnectError::Unreachable {
                seconds: options.connect_deadline.as_secs(),
                source,
            })?;
        let backend = writer.get_database_backend();
        let breaker = Arc::new(Breaker::new("database", options.breaker));
        let inner = Inner {
            writer,
            reader,
            aside,
            backend,
            keyring,
            ambient,
            breaker,
            max_connections: options.max_connections,
            reloader: Arc::default(),
            appended: Arc::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The same store over connections of its own, for what everybody's answer waits for in the end: it does not queue behind
    /// requests that are more than the pool holds. SQLite: the store itself.
    #[must_use]
    pub fn aside(&self) -> Self {
        let Some(aside) = &self.inner.aside else {
            return self.clone();
        };
        let inner = Inner {
            writer: aside.clone(),
            reader: aside.clone(),
            aside: None,
            backend: self.inner.backend,
            keyring: Arc::clone(&self.inner.keyring),
            ambient: self.inner.ambient.clone(),
            breaker: Arc::clone(&self.inner.breaker),
            max_connections: ASIDE,
            reloader: Arc::clone(&self.inner.reloader),
            appended: Arc::clone(&self.inner.appended),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Which database it is.
    pub fn technology(&self) -> Technology {
        if self.inner.backend == DbBackend::Postgres {
            Technology::Postgres
        } else {
            Technology::Sqlite
        }
    }

    /// State of the circuit breaker, for metrics and readiness.
    pub fn breaker_state(&self) -> BreakerState {
        self.inner.breaker.state()
    }

    /// What to do when a row names a key that is not loaded. Set once, at the start.
    pub fn set_key_reloader(&self, reloader: Arc<dyn KeyReloader>) {
        let _already = self.inner.reloader.set(reloader);
    }

    /// Told after each commit of this process that added events: whoever places them need not wait for the next look.
    pub fn appended(&self) -> Arc<Notify> {
        Arc::clone(&self.inner.appended)
    }

    /// Connections of the pool: idle, open, at most. SQLite: of the readers, beside the one connection that writes.
    pub fn pool_size(&self) -> (u32, u32, u32) {
        let (idle, open) = match self.technology() {
            Technology::Postgres => {
                let pool = self.inner.writer.get_postgres_connection_pool();
                (pool.num_idle(), pool.size())
            }
            Technology::Sqlite => {
                let pool = self.inner.reader.get_sqlite_connection_pool();
                (pool.num_idle(), pool.size())
            }
        };
        (
            u32::try_from(idle).unwrap_or(u32::MAX),
            open,
            self.inner.max_connections,
        )
    }

    /// A real query on the connection that writes.
    pub async fn ping(&self) -> Result<(), PortError> {
        self.write("database.ping", |db| db.execute_unprepared("SELECT 1"))
            .await
            .map(|_| ())
    }

    /// The server's own name and version, for logs and test output.
    pub async fn server_version(&self) -> Result<String, PortError> {
        let sql = match self.technology() {
            Technology::Postgres => "SELECT current_setting('server_version') AS v",
            Technology::Sqlite => "SELECT sqlite_version() AS v",
        };
        let statement = Statement::from_string(self.backend(), sql);
        let row = self
            .read("database.version", |db| db.query_one_raw(statement))
            .await?;
        let version: Option<String> = row.and_then(|row| row.try_get("", "v").ok());
        Ok(version.unwrap_or_default())
    }

    /// Waits for running transactions and closes the pools. SQLite's log is folded into the file.
    pub async fn close(&self) {
        if self.technology() == Technology::Sqlite {
            let _best_effort = self
                .inner
                .writer
                .execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)")
                .await;
            let _closed = self.inner.reader.clone().close().await;
        }
        if let Some(aside) = &self.inner.aside {
            let _closed = aside.clone().close().await;
        }
        let _closed = self.inner.writer.clone().close().await;
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.inner.backend
    }

    /// Runs a query outside of transactions, on a connection that only reads, through the breaker.
    pub(crate) async fn read<'a, T, F>(
        &'a self,
        op: &'static str,
        query: impl FnOnce(&'a DatabaseConnection) -> F,
    ) -> Result<T, PortError>
    where
        F: Future<Output = Result<T, DbErr>>,
    {
        self.call(op, query(&self.inner.reader)).await
    }

    /// Runs a statement that is a transaction by itself, on a connection that writes, through the breaker.
    pub(crate) async fn write<'a, T, F>(
        &'a self,
        op: &'static str,
        statement: impl FnOnce(&'a DatabaseConnection) -> F,
    ) -> Result<T, PortError>
    where
        F: Future<Output = Result<T, DbErr>>,
    {
        self.call(op, statement(&self.inner.writer)).await
    }

    /// Runs a statement that is all or nothing. When the connection was cut nobody knows which it was: it is run again on another
    /// one, and where that finds that something is there already, `is_done` tells whether all of it is.
    pub(crate) async fn write_once(&self, statement: Statement, is_done: Statement) -> Result<(), PortError> {
        let answer = self
            .write("transaction.alone", |db| async move {
                match once(db, &statement, is_done).await {
                    // A server that refuses, because it only reads for example, is there: others may read.
                    Err(error) if is_answer(&error) => Ok(Err(error)),
                    other => other.map(Ok),
                }
            })
            .await?;
        answer.map_err(port("transaction.alone"))
    }

    /// A transaction that may change anything, SQLite's schema included.
    pub(crate) async fn begin_raw(&self, op: &'static str) -> Result<DatabaseTransaction, PortError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.write(op, |db| db.begin_with_options(options)).await
    }

    pub(crate) async fn begin_tx(&self) -> Result<Tx, PortError> {
        let db = self.begin_raw("transaction.begin").await?;
        Ok(self.tx(Connection::Transaction(db)))
    }

    /// The same without a transaction, for statements that only read. SQLite: on connections that never write.
    pub(crate) fn looking(&self) -> Tx {
        self.tx(Connection::Looks(self.clone()))
    }

    /// Units of work for events that accompany no other change: where a statement costs a round trip, all of them are one
    /// statement, which is its own transaction.
    pub fn lone_units(&self) -> Arc<dyn Units<dyn UnitOfWork>> {
        match self.technology() {
            Technology::Postgres => Arc::new(LoneUnits(self.aside())),
            Technology::Sqlite => Arc::new(self.clone()),
        }
    }

    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.inner.reader
    }

    pub(crate) fn breaker(&self) -> &Breaker {
        &self.inner.breaker
    }

    fn tx(&self, db: Connection) -> Tx {
        Tx {
            db,
            backend: self.backend(),
            keyring: Arc::clone(&self.inner.keyring),
            entropy: self.inner.ambient.entropy(),
            ambient: self.inner.ambient.clone(),
            appended: Arc::clone(&self.inner.appended),
            appends: false,
            end: None,
            receipts: Receipts::default(),
            alone: None,
        }
    }

    async fn call<T>(
        &self,
        op: &'static str,
        query: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, PortError> {
        self.inner
            .breaker
            .call(op, async { query.await.map_err(port(op)) })
            .await
    }

    pub(crate) async fn retry_after(&self, attempt: u32, error: &PortError) -> bool {
        let Some(wait) = retry::after_transaction(attempt) else {
            return false;
        };
        if error.fault == Fault::KeyNotLoaded {
            // One reload is enough: a key that is not there after it does not exist.
            return match self.inner.reloader.get() {
                Some(reloader) if attempt == 1 => reloader.reload().await,
                _ => false,
            };
        }
        tokio::time::sleep(wait).await;
        true
    }
}

#[async_trait]
impl Units<dyn UnitOfWork> for SeaStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, PortError> {
        Ok(Box::new(self.begin_tx().await?))
    }

    async fn retry(&self, attempt: u32, error: &PortError) -> bool {
        self.retry_after(attempt, error).await
    }
}

/// See [`SeaStore::lone_units`].
struct LoneUnits(SeaStore);

#[async_trait]
impl Units<dyn UnitOfWork> for LoneUnits {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, PortError> {
        Ok(Box::new(self.0.tx(Connection::Alone(self.0.clone()))))
    }

    async fn retry(&self, attempt: u32, error: &PortError) -> bool {
        self.0.retry_after(attempt, error).await
    }
}

#[async_trait]
impl Units<dyn AnalysisUnit> for SeaStore {
    async fn begin(&self) -> Result<Box<dyn AnalysisUnit>, PortError> {
        Ok(Box::new(self.begin_tx().await?))
    }

    async fn retry(&self, attempt: u32, error: &PortError) -> bool {
        self.retry_after(attempt, error).await
    }
}

#[async_trait]
impl Units<dyn IdentityUnit> for SeaStore {
    async fn begin(&self) -> Result<Box<dyn IdentityUnit>, PortError> {
        Ok(Box::new(self.begin_tx().await?))
    }

    async fn retry(&self, attempt: u32, error: &PortError) -> bool {
        self.retry_after(attempt, error).await
    }
}

async fn once(db: &DatabaseConnection, statement: &Statement, is_done: Statement) -> Result<(), DbErr> {
    let mut cut = 0;
    loop {
        match db.execute_raw(statement.clone()).await {
            Ok(_rows) => return Ok(()),
            Err(error) if is_cut(&error) && cut < ASIDE => cut += 1,
            Err(error) if fault(&error) == Fault::Duplicate && cut > 0 => {
                let found = db.query_one_raw(is_done).await?;
                let all = found.and_then(|row| row.try_get_by_index(0).ok());
                return if all == Some(true) { Ok(()) } else { Err(error) };
            }
            Err(error) => return Err(error),
        }
    }
}

/// The pool of [`SeaStore::aside`]. Whoever uses it tries again when a connection was cut: the question before each statement costs as
/// much as an answer.
fn few(options: &StoreOptions) -> ConnectOptions {
    let mut few = pool(options, ASIDE, false);
    few.connect_lazy(true)
        .test_before_acquire(false)
        .map_sqlx_postgres_pool_opts(|pool| {
            pool.before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for >= RESTED {
                        sqlx::Connection::ping(connection).await?;
                    }
                    Ok(true)
                })
            })
        });
    few
}

fn pool(options: &StoreOptions, connections: u32, reads_only: bool) -> ConnectOptions {
    let statement_timeout = options.statement_timeout;
    let mut pool = ConnectOptions::new(options.url.expose().clone());
    pool.max_connections(connections)
        .min_connections(1)
        .acquire_timeout(options.acquire_timeout)
        .connect_timeout(options.acquire_timeout)
        .sqlx_logging(false)
        // A file does not go away between two statements, and the question costs as much as an answer.
        .test_before_acquire(!options.url.expose().starts_with("sqlite:"))
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                // FULL: what was acknowledged survives a power cut, not only a crash of the process.
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                // Without it the rows that `INSERT OR REPLACE` deletes pass by the triggers of append-only tables.
                .pragma("recursive_triggers", "ON")
                // Without it what an erasure removes stays in the file, and in copies of it, until its place is used again.
                .pragma("secure_delete", "ON")
                .pragma("query_only", if reads_only { "ON" } else { "OFF" })
                .busy_timeout(statement_timeout)
        })
        .map_sqlx_sqlite_pool_opts(|pool| {
            // A COMMIT that fails on a full disk leaves the driver and SQLite of two minds about whether a transaction is
            // open. Whatever came next would be a savepoint in it: acknowledged, and never committed.
            pool.before_acquire(|connection, _| {
                Box::pin(async move { Ok(!sqlx::Connection::is_in_transaction(connection)) })
            })
        })
        .map_sqlx_postgres_opts(move |postgres| {
            let millis = statement_timeout.as_millis().to_string();
            postgres.application_name("violentutf-api").options([
                ("statement_timeout", millis.as_str()),
                ("lock_timeout", millis.as_str()),
                ("idle_in_transaction_session_timeout", "30000"),
            ])
        });
    pool
}
