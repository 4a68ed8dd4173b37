//! Taking migrations back, without destroying anything that was not named.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};
use vutf_kernel::PortError;
use vutf_migration::{Migrator, MigratorTrait};

use crate::{SchemaError, SeaStore, error::port};

/// Rows that the migrations themselves put into a table: the default organization.
const SEEDED: [(&str, i64); 1] = [("organizations", 1)];

/// Names of columns by table.
type Columns = BTreeMap<String, BTreeSet<String>>;

/// Why no migration was taken back.
#[derive(Debug, thiserror::Error)]
pub enum DownError {
    /// It would destroy rows.
    #[error("the migration {name} holds rows in {}, which going back would destroy", .tables.join(", "))]
    HoldsData {
        /// The migration.
        name: String,
        /// Tables that are not empty and would be dropped, or lose a column.
        tables: Vec<String>,
    },
    /// The schema cannot be used, or the database failed.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

impl From<PortError> for DownError {
    fn from(error: PortError) -> Self {
        Self::Schema(error.into())
    }
}

impl SeaStore {
    /// Takes the newest `steps` migrations back, all or nothing, and names them, newest first.
    ///
    /// # Errors
    /// [`DownError::HoldsData`] for a migration whose tables or columns hold rows, unless `destroy` names it.
    pub async fn migrate_down(&self, steps: u32, destroy: &[String]) -> Result<Vec<String>, DownError> {
        self.refuse_newer().await?;
        let tx = self.lock_schema().await?;
        let mut reverted = Vec::new();
        for _ in 0..steps {
            let applied = Migrator::get_applied_migrations(&tx)
                .await
                .map_err(port("migrate.status"))?;
            let Some(name) = applied.last().map(|migration| migration.name().to_owned()) else {
                break;
            };
            let tables = self.take_back(&tx).await.map_err(port("migrate.down"))?;
            if !tables.is_empty() && !destroy.contains(&name) {
                return Err(DownError::HoldsData { name, tables });
            }
            reverted.push(name);
        }
        tx.commit().await.map_err(port("migrate.commit"))?;
        Ok(reverted)
    }

    /// Takes the newest one back, and answers which tables lost data by it.
    async fn take_back(&self, tx: &DatabaseTransaction) -> Result<Vec<String>, DbErr> {
        let before = self.columns(tx).await?;
        let mut filled = Vec::new();
        for table in before.keys() {
            if self.holds_rows(tx, table).await? {
                filled.push(table.clone());
            }
        }
        Migrator::down(tx, Some(1)).await?;
        let after = self.columns(tx).await?;
        let lost = |table: &String| {
            after
                .get(table)
                .is_none_or(|columns| !columns.is_superset(&before[table]))
        };
        Ok(filled.into_iter().filter(lost).collect())
    }

    async fn columns(&self, tx: &DatabaseTransaction) -> Result<Columns, DbErr> {
        let sql = match self.backend() {
            DbBackend::Postgres => {
                "SELECT table_name::text AS t, column_name::text AS c FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name <> 'seaql_migrations' \
                 AND NOT EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass(quote_ident(table_name)))"
            }
            _ => {
                "SELECT m.name AS t, p.name AS c FROM sqlite_master m, pragma_table_info(m.name) p \
                 WHERE m.type = 'table' AND m.name <> 'seaql_migrations' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            }
        };
        let rows = tx
            .query_all_raw(Statement::from_string(self.backend(), sql))
            .await?;
        let mut columns = Columns::new();
        for row in rows {
            let table = columns.entry(row.try_get("", "t")?).or_default();
            table.insert(row.try_get("", "c")?);
        }
        Ok(columns)
    }

    async fn holds_rows(&self, tx: &DatabaseTransaction, table: &str) -> Result<bool, DbErr> {
        let seeded = SEEDED
            .iter()
            .find(|(name, _)| *name == table)
            .map_or(0, |(_, rows)| *rows);
        let quoted = table.replace('"', "\"\"");
        let sql = format!("SELECT 1 AS x FROM \"{quoted}\" LIMIT 1 OFFSET {seeded}");
        let row = tx
            .query_one_raw(Statement::from_string(self.backend(), sql))
            .await?;
        Ok(row.is_some())
    }
}
