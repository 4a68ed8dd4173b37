//! Writing a batch: one statement over all of its rows, and only those that are still what was read.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, Statement, Value};
use vutf_crypto_keys::job::{IndexChange, Job, JobRepo, RowChange, SealedColumn, SealedTable};
use vutf_kernel::{JobId, Lease, OrganizationId, PortError};

use super::{
    read::columns_in,
    statement::{Sql, from_values},
};
use crate::{error::port, tx::Tx};

#[async_trait]
impl JobRepo for Tx {
    async fn insert(&mut self, job: &Job) -> Result<(), PortError> {
        self.insert_job(job).await
    }

    async fn find(&mut self, organization_id: OrganizationId, id: JobId) -> Result<Option<Job>, PortError> {
        self.lock_job(organization_id, id).await
    }

    async fn replace(&mut self, job: &Job) -> Result<(), PortError> {
        self.replace_job(job).await
    }

    async fn hold(&mut self, lease: &Lease) -> Result<(), PortError> {
        self.fence(&lease.name, lease).await
    }

    async fn reseal(
        &mut self,
        organization_id: OrganizationId,
        table: &SealedTable,
        changes: &[RowChange],
    ) -> Result<u64, PortError> {
        if changes.is_empty() {
            return Ok(0);
        }
        let (name, columns) = (table.name, columns_in(table)?);
        let mut sql = Sql::default();
        sql.push(&format!("UPDATE {name} SET "));
        // A row of `v`: key, then what was read and what takes its place for each column; nothing where it stays.
        sql.list(table.columns.iter().enumerate(), ", ", |sql, (at, column)| {
            let (column, after) = (column.name, 2 * at + 3);
            sql.push(&format!("{column} = COALESCE(v.column{after}, {name}.{column})"));
        });
        let rows = changes.iter().map(|change| resealed_row(table, change)).collect();
        from_values(&mut sql, name, columns, organization_id.as_uuid(), rows);
        for (at, column) in table.columns.iter().enumerate() {
            let (column, before) = (column.name, 2 * at + 2);
            sql.push(&format!(
                " AND (v.column{before} IS NULL OR {name}.{column} = v.column{before})"
            ));
        }
        self.run("sealed.reseal", sql).await
    }

    async fn reindex(
        &mut self,
        organization_id: OrganizationId,
        table: &SealedTable,
        column: &SealedColumn,
        changes: &[IndexChange],
    ) -> Result<u64, PortError> {
        if changes.is_empty() {
            return Ok(0);
        }
        let (name, columns) = (table.name, columns_in(table)?);
        let (ciphertext, index) = (column.name, column.indexed_as.unwrap_or(column.name));
        let mut sql = Sql::default();
        sql.push(&format!(
            "UPDATE {name} SET {index}_bidx = v.column3, {index}_bidx_ver = v.column4"
        ));
        let row = |change: &IndexChange| -> Vec<Value> {
            vec![
                change.row.into(),
                change.ciphertext.clone().into(),
                change.index.value.to_vec().into(),
                i64::from(change.index.version).into(),
            ]
        };
        let rows = changes.iter().map(row).collect();
        from_values(&mut sql, name, columns, organization_id.as_uuid(), rows);
        // One that was taken away meanwhile stays away.
        sql.push(&format!(
            " AND {name}.{ciphertext} = v.column2 AND {name}.{index}_bidx IS NOT NULL"
        ));
        self.run("sealed.reindex", sql).await
    }
}

impl Tx {
    async fn run(&self, op: &'static str, sql: Sql) -> Result<u64, PortError> {
        let statement = Statement::from_sql_and_values(self.backend, sql.text, sql.values);
        let done = self.db.execute_raw(statement).await.map_err(port(op))?;
        Ok(done.rows_affected())
    }
}

fn resealed_row(table: &SealedTable, change: &RowChange) -> Vec<Value> {
    let mut row: Vec<Value> = Vec::with_capacity(1 + 2 * table.columns.len());
    row.push(change.row.into());
    for column in table.columns {
        let cell = change.cells.iter().find(|(name, ..)| *name == column.name);
        row.push(Value::Bytes(cell.map(|(_, before, _)| before.clone())));
        row.push(Value::Bytes(cell.map(|(.., after)| after.clone())));
    }
    row
}
