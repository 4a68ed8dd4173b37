//! Migrations under a lock: replicas that start at once run them once, and one that dies half-way leaves nothing behind.

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Statement};
use vutf_kernel::PortError;
use vutf_migration::{Migrator, MigratorTrait};

use crate::{SeaStore, error::port};

/// Any number that no other program uses on the same database.
const ADVISORY_LOCK: i64 = 0x5655_5446_4D49_4752;

/// One migration and whether it was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationLine {
    /// Its name.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// Why the schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database was migrated by a newer program.
    #[error(
        "the database has the migration {name}, which this program does not know: start the newer program, or restore a backup"
    )]
    Newer {
        /// The first unknown migration.
        name: String,
    },
    /// The database failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl SeaStore {
    /// Applies what is missing, all or nothing; refuses a schema that is newer than this program.
    pub async fn migrate_up(&self) -> Result<Vec<String>, SchemaError> {
        self.refuse_newer().await?;
        if self.migration_status().await?.iter().all(|line| line.applied) {
            return Ok(Vec::new());
        }
        let tx = self.lock_schema().await?;
        let pending = Migrator::get_pending_migrations(&tx)
            .await
            .map_err(port("migrate.status"))?;
        let names: Vec<String> = pending
            .iter()
            .map(|migration| migration.name().to_owned())
            .collect();
        Migrator::up(&tx, None).await.map_err(port("migrate.up"))?;
        tx.commit().await.map_err(port("migrate.commit"))?;
        Ok(names)
    }

    /// Every migration that this program knows. Changes nothing.
    pub async fn migration_status(&self) -> Result<Vec<MigrationLine>, PortError> {
        let applied = self.applied_names("migrate.status").await?;
        let line = |name: &str| MigrationLine {
            name: name.to_owned(),
            applied: applied.iter().any(|a| a == name),
        };
        Ok(Migrator::migrations()
            .iter()
            .map(|migration| line(migration.name()))
            .collect())
    }

    /// Refuses a database that a newer program migrated.
    pub async fn refuse_newer(&self) -> Result<(), SchemaError> {
        let known = Migrator::migrations();
        let applied = self.applied_names("migrate.read").await?;
        match applied
            .into_iter()
            .find(|name| !known.iter().any(|migration| migration.name() == name))
        {
            Some(name) => Err(SchemaError::Newer { name }),
            None => Ok(()),
        }
    }

    /// On the connection that writes: a reader of SQLite may not see yet what was committed just now.
    async fn applied_names(&self, op: &'static str) -> Result<Vec<String>, PortError> {
        let exists = match self.backend() {
            DbBackend::Postgres => {
                "SELECT 1 AS x FROM pg_tables WHERE tablename = 'seaql_migrations' AND schemaname = current_schema()"
            }
            _ => "SELECT 1 AS x FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'",
        };
        let statement = |sql: &str| Statement::from_string(self.backend(), sql);
        let read = async |db: &DatabaseConnection| {
            if db.query_one_raw(statement(exists)).await?.is_none() {
                return Ok(Vec::new());
            }
            let rows = db
                .query_all_raw(statement("SELECT version FROM seaql_migrations ORDER BY version"))
                .await?;
            rows.iter().map(|row| row.try_get("", "version")).collect()
        };
        self.write(op, read).await
    }

    pub(crate) async fn lock_schema(&self) -> Result<DatabaseTransaction, PortError> {
        let tx = self.begin_raw("migrate.begin").await?;
        if self.backend() == DbBackend::Postgres {
            // Another replica may take minutes: wait for it, however long statements may otherwise run.
            let lock = format!(
                "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"
            );
            tx.execute_unprepared(&lock).await.map_err(port("migrate.lock"))?;
        }
        Ok(tx)
    }
}
