//! A migrated database with two tenants and their keys, and a store over it.

use std::{sync::Arc, time::Duration};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, QueryResult, Statement};
use uuid::Uuid;
use vutf_app::{UnitOfWork, keys::Keys};
use vutf_audit::SEQUENCER_LEASE;
use vutf_crypto_keys::{Keyring, memory::MemoryWrapper};
use vutf_kernel::{
    Actor, Ambient, Ctx, Event, Lease, Leases, OrganizationId, RequestId, Secret, SystemClock, Units,
    id::uuid_v7,
};
use vutf_store_seaorm::{SeaStore, StoreOptions, Technology, key_purposes};
use vutf_testkit::{
    contracts::{NEIGHBOUR, Store, audit::AuditStore},
    servers::{TestDatabase, require_database},
    sqlite::SqliteFile,
};

pub(crate) enum Place {
    Sqlite(SqliteFile),
    Postgres(TestDatabase),
    /// The URL and the name of a PostgreSQL database that somebody else keeps.
    Borrowed(String, String),
}

impl Place {
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(file) => file.url(),
            Self::Postgres(database) => database.url().to_owned(),
            Self::Borrowed(url, _) => url.clone(),
        }
    }
}

pub(crate) struct World {
    pub(crate) store: SeaStore,
    pub(crate) keyring: Arc<Keyring>,
    // SQLite only: one connection of somebody else, since each costs a thread.
    stranger: tokio::sync::OnceCell<DatabaseConnection>,
    // Last, so that the store is gone before its database.
    pub(crate) place: Place,
}

impl World {
    pub(crate) async fn sqlite() -> Self {
        let file = SqliteFile::create().unwrap();
        let world = Self::bare(Place::Sqlite(file)).await;
        world.store.migrate_up().await.unwrap();
        world.with_tenants().await
    }

    /// `None` when there is no PostgreSQL; the test counts as skipped then.
    pub(crate) async fn postgres() -> Option<Self> {
        let database = require_database().await?;
        let world = Self::bare(Place::Postgres(database)).await;
        Some(world.with_tenants().await)
    }

    /// A store without schema and keys.
    pub(crate) async fn bare(place: Place) -> Self {
        let (store, keyring) = connect(&options(&place.url())).await;
        Self {
            store,
            keyring,
            stranger: tokio::sync::OnceCell::new(),
            place,
        }
    }

    async fn with_tenants(self) -> Self {
        self.sql(&format!(
            "INSERT INTO organizations (id, name, created_at, updated_at, version) VALUES ({}, 'neighbour', 0, 0, 1)",
            self.id(NEIGHBOUR.as_uuid())
        ))
        .await;
        provide_keys(&self.store, &self.keyring).await;
        self
    }

    /// A second replica: its own connections and its own key ring, loaded.
    pub(crate) async fn replica(&self) -> (SeaStore, Arc<Keyring>) {
        let (store, keyring) = connect(&options(&self.place.url())).await;
        provide_keys(&store, &keyring).await;
        (store, keyring)
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.store.technology() == Technology::Postgres
    }

    /// The name of a PostgreSQL database.
    pub(crate) fn database(&self) -> &str {
        match &self.place {
            Place::Postgres(database) => database.name(),
            Place::Borrowed(_, name) => name,
            Place::Sqlite(_) => panic!("a file has no name in a server"),
        }
    }

    pub(crate) fn log(&self) -> AuditStore {
        let store: Arc<dyn Store> = Arc::new(self.store.clone());
        AuditStore::Store(store)
    }

    pub(crate) async fn lease(&self) -> Lease {
        let now = Ambient::system().now();
        let holder = uuid_v7(&SystemClock, &mut vutf_kernel::OsEntropy);
        self.store
            .acquire(SEQUENCER_LEASE, holder, now, Duration::from_hours(1))
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) async fn append(&self, events: &[Event]) {
        self.log().append(events).await.unwrap();
    }

    pub(crate) async fn unit(&self) -> Box<dyn UnitOfWork> {
        let units: &dyn Units<dyn UnitOfWork> = &self.store;
        units.begin().await.unwrap()
    }

    /// A connection of somebody else.
    pub(crate) async fn outside(&self) -> DatabaseConnection {
        outside(&self.place.url()).await
    }

    /// Runs statements as somebody else.
    pub(crate) async fn try_sql(&self, sql: &str) -> Result<u64, DbErr> {
        if !self.is_postgres() {
            let stranger = self.stranger.get_or_init(|| self.outside()).await;
            return stranger
                .execute_unprepared(sql)
                .await
                .map(|done| done.rows_affected());
        }
        let connection = self.outside().await;
        let done = connection.execute_unprepared(sql).await;
        connection.close().await.unwrap();
        done.map(|done| done.rows_affected())
    }

    pub(crate) async fn sql(&self, sql: &str) -> u64 {
        self.try_sql(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        let connection = self.outside().await;
        let backend = connection.get_database_backend();
        let rows = connection
            .query_all_raw(Statement::from_string(backend, sql))
            .await;
        connection.close().await.unwrap();
        rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.rows(sql).await[0].try_get_by_index(0).unwrap()
    }

    /// The bodies of the events that hold `word`, as they stand in the intake.
    pub(crate) async fn bodies(&self, word: &str) -> Vec<String> {
        let rows = self.rows("SELECT body FROM audit_intake ORDER BY ord").await;
        let bodies = rows.iter().map(|row| {
            let bytes: Vec<u8> = row.try_get_by_index(0).unwrap();
            String::from_utf8(bytes).unwrap()
        });
        bodies.filter(|body| body.contains(word)).collect()
    }

    /// Asks until the answer is right.
    pub(crate) async fn wait_for(&self, sql: &str, right: impl Fn(i64) -> bool) {
        let connection = self.outside().await;
        for _ in 0..1_500 {
            let statement = Statement::from_string(connection.get_database_backend(), sql);
            let row = connection.query_one_raw(statement).await.unwrap().unwrap();
            if right(row.try_get_by_index(0).unwrap()) {
                connection.close().await.unwrap();
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{sql}: never right");
    }

    /// Bytes as a literal.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> String {
        let hex = hex(bytes);
        if self.is_postgres() {
            format!("'\\x{hex}'::bytea")
        } else {
            format!("X'{hex}'")
        }
    }

    /// An id as a literal.
    pub(crate) fn id(&self, id: Uuid) -> String {
        if self.is_postgres() {
            format!("'{id}'::uuid")
        } else {
            format!("X'{}'", id.simple())
        }
    }

    /// Takes the triggers of the audit tables away, as an administrator of the database can.
    pub(crate) async fn drop_triggers(&self) {
        let kinds = if self.is_postgres() {
            ["append_only", "no_truncate"]
        } else {
            ["no_update", "no_delete"]
        };
        for table in AUDIT_TABLES {
            for kind in kinds {
                let on = if self.is_postgres() {
                    format!(" ON {table}")
                } else {
                    String::new()
                };
                self.sql(&format!("DROP TRIGGER IF EXISTS {table}_{kind}{on}"))
                    .await;
            }
        }
    }
}

pub(crate) const AUDIT_TABLES: [&str; 5] = [
    "audit_intake",
    "audit_subject_ref",
    "audit_leaf",
    "audit_node",
    "audit_checkpoint",
];

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

pub(crate) fn options(url: &str) -> StoreOptions {
    StoreOptions {
        max_connections: 8,
        acquire_timeout: Duration::from_mins(1),
        statement_timeout: Duration::from_secs(30),
        ..StoreOptions::new(Secret::new(url.to_owned()))
    }
}

pub(crate) async fn connect(options: &StoreOptions) -> (SeaStore, Arc<Keyring>) {
    let keyring = Arc::new(Keyring::new());
    let store = SeaStore::connect(options, Arc::clone(&keyring), Ambient::system())
        .await
        .unwrap();
    (store, keyring)
}

pub(crate) async fn outside(url: &str) -> DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options).await.unwrap();
    if connection.get_database_backend() == DbBackend::Sqlite {
        connection
            .execute_unprepared("PRAGMA busy_timeout = 30000")
            .await
            .unwrap();
    }
    connection
}

pub(crate) fn wrapper() -> MemoryWrapper {
    MemoryWrapper::new("kek-test", Secret::new([0x4B; 32])).unwrap()
}

pub(crate) fn ctx_in(organization: OrganizationId) -> Ctx {
    Ctx::internal(
        organization,
        Actor::Operator,
        RequestId::parse("store-test").unwrap(),
    )
}

/// Makes the keys of both tenants if they are missing, and loads them.
pub(crate) async fn provide_keys(store: &SeaStore, keyring: &Keyring) {
    for organization in [OrganizationId::DEFAULT, NEIGHBOUR] {
        let ambient = Ambient::system();
        let keys = Keys {
            units: store,
            reader: store,
            wrapper: &wrapper(),
            keyring,
            ambient: &ambient,
            settle: vutf_crypto_keys::destruction::SETTLE,
        };
        keys.ensure(&ctx_in(organization), &key_purposes(), store)
            .await
            .unwrap();
    }
}
