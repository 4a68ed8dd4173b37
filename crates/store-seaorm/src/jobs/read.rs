//! Looking for ciphertexts under older keys, window by window: no statement's time grows with the table.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};
use uuid::Uuid;
use vutf_crypto_keys::SubjectKeys;
use vutf_crypto_keys::job::{Chunk, IndexedRow, SealedColumn, SealedRow, SealedRows, SealedTable, Wanted};
use vutf_kernel::{KeyId, OrganizationId, PortError, UserId};

use super::statement::{Sql, boundary, names_one_of};
use crate::{
    SeaStore,
    error::port,
    sealed_columns::{Columns, SEALED_TABLES, columns_of},
};

/// Rows that one statement looks at.
const WINDOW: u32 = 4_000;

#[async_trait]
impl SealedRows for SeaStore {
    fn sealed_tables(&self) -> &'static [SealedTable] {
        &SEALED_TABLES
    }

    async fn subject_keys(&self, ciphertexts: Vec<&[u8]>) -> Result<SubjectKeys, PortError> {
        self.keys_named_by(ciphertexts).await
    }

    async fn sealed_under(
        &self,
        wanted: Wanted<'_>,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Chunk<SealedRow>, PortError> {
        if wanted.keys.is_empty() {
            return Ok(Chunk {
                rows: Vec::new(),
                reached: None,
            });
        }
        let columns = columns_in(wanted.table)?;
        let filter = filter(&wanted, columns, self.backend());
        let names: Vec<_> = wanted.table.columns.iter().map(|column| column.name).collect();
        let place = Place {
            organization_id: wanted.organization_id,
            table: wanted.table.name,
            columns,
        };
        let found = self.window(&place, &names, after, limit, filter).await?;
        found.read(|row| sealed_row(row, &names, wanted.keys))
    }

    async fn count_under(
        &self,
        wanted: Wanted<'_>,
        after: Option<Uuid>,
    ) -> Result<(u64, Option<Uuid>), PortError> {
        let columns = columns_of(wanted.table.name).filter(|_| !wanted.keys.is_empty());
        let Some(columns) = columns else {
            return Ok((0, None));
        };
        let place = Place {
            organization_id: wanted.organization_id,
            table: wanted.table.name,
            columns,
        };
        let (after, boundary) = self.boundary(&place, after).await?;
        let mut sql = Sql::default();
        sql.push("SELECT COUNT(*) AS n");
        place.between(&mut sql, after, boundary);
        filter(&wanted, columns, self.backend())(&mut sql);
        let count = self.number(&sql.text, sql.values).await?;
        Ok((count, boundary))
    }

    async fn indexed_before(
        &self,
        organization_id: OrganizationId,
        table: &SealedTable,
        column: &SealedColumn,
        version: u32,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Chunk<IndexedRow>, PortError> {
        let place = Place {
            organization_id,
            table: table.name,
            columns: columns_in(table)?,
        };
        let index = column.indexed_as.unwrap_or(column.name);
        let filter = |sql: &mut Sql| {
            sql.push(&format!("{index}_bidx IS NOT NULL AND {index}_bidx_ver < "));
            sql.bind(i64::from(version));
        };
        let found = self.window(&place, &[column.name], after, limit, filter).await?;
        found.read(|row| {
            Ok(IndexedRow {
                row: row.try_get("", "id").map_err(port("sealed.row"))?,
                subject: subject(row)?,
                ciphertext: row.try_get("", column.name).map_err(port("sealed.row"))?,
            })
        })
    }
}

struct Place {
    organization_id: OrganizationId,
    table: &'static str,
    columns: Columns,
}

struct Found {
    rows: Vec<QueryResult>,
    boundary: Option<Uuid>,
    is_full: bool,
}

impl Place {
    /// ` FROM table WHERE … AND `: the tenant's rows after one and up to another.
    fn between(&self, sql: &mut Sql, after: Uuid, boundary: Option<Uuid>) {
        let key = self.columns.key;
        sql.push(&format!(" FROM {} WHERE {key} > ", self.table));
        sql.bind(after);
        sql.push(&format!(" AND {key} <= "));
        sql.bind(boundary.unwrap_or(Uuid::max()));
        sql.push(" AND organization_id = ");
        sql.bind(self.organization_id.as_uuid());
        sql.push(" AND ");
    }
}

impl Found {
    fn read<T>(self, read: impl Fn(&QueryResult) -> Result<T, PortError>) -> Result<Chunk<T>, PortError> {
        let last = match self.rows.last() {
            Some(row) if self.is_full => Some(row.try_get("", "id").map_err(port("sealed.row"))?),
            _ => None,
        };
        let rows = self.rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Chunk {
            rows,
            reached: last.or(self.boundary),
        })
    }
}

impl SeaStore {
    async fn window(
        &self,
        place: &Place,
        names: &[&str],
        after: Option<Uuid>,
        limit: u32,
        filter: impl FnOnce(&mut Sql) + Send,
    ) -> Result<Found, PortError> {
        let (after, boundary) = self.boundary(place, after).await?;
        let (key, subject) = (place.columns.key, place.columns.subject);
        let mut sql = Sql::default();
        sql.push(&format!(
            "SELECT {key} AS id, {subject} AS subject, {}",
            names.join(", ")
        ));
        place.between(&mut sql, after, boundary);
        filter(&mut sql);
        sql.push(&format!(" ORDER BY {key} LIMIT {limit}"));
        let rows = self.query(&sql.text, sql.values).await?;
        Ok(Found {
            is_full: rows.len() == limit as usize,
            rows,
            boundary,
        })
    }

    /// Asked for before the rows: what comes or goes meanwhile cannot move it over rows that were not looked at.
    async fn boundary(&self, place: &Place, after: Option<Uuid>) -> Result<(Uuid, Option<Uuid>), PortError> {
        let after = after.unwrap_or(Uuid::nil());
        let last = boundary(place.table, place.columns, WINDOW);
        let last = self.query(&last, vec![after.into()]).await?;
        let boundary = last.first().map(|row| row.try_get("", "id")).transpose();
        Ok((after, boundary.map_err(port("sealed.boundary"))?))
    }

    pub(super) async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<QueryResult>, PortError> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        self.read("sealed.read", |db| db.query_all_raw(statement)).await
    }
}

/// The columns of a table that can be written anew.
pub(super) fn columns_in(table: &SealedTable) -> Result<Columns, PortError> {
    let unknown = || PortError::other("sealed.table", format!("{} is not written anew", table.name));
    columns_of(table.name)
        .filter(|_| !table.append_only)
        .ok_or_else(unknown)
}

/// Rows that name a wanted key, and are the wanted person's.
fn filter<'a>(wanted: &'a Wanted<'_>, columns: Columns, backend: DbBackend) -> impl FnOnce(&mut Sql) + 'a {
    move |sql| {
        let keys: Vec<Vec<u8>> = wanted.keys.iter().map(|key| key.as_bytes().to_vec()).collect();
        names_one_of(sql, wanted.table, &keys, backend);
        if let Some(subject) = wanted.subject {
            sql.push(&format!(" AND {} = ", columns.subject));
            sql.bind(subject.as_uuid());
        }
    }
}

fn sealed_row(row: &QueryResult, names: &[&'static str], keys: &[KeyId]) -> Result<SealedRow, PortError> {
    let mut cells = Vec::with_capacity(names.len());
    for name in names {
        let ciphertext: Option<Vec<u8>> = row.try_get("", name).map_err(port("sealed.row"))?;
        cells.extend(
            ciphertext
                .filter(|bytes| {
                    named_key(bytes).is_some_and(|id| keys.iter().any(|key| key.as_bytes() == id))
                })
                .map(|bytes| (*name, bytes)),
        );
    }
    Ok(SealedRow {
        row: row.try_get("", "id").map_err(port("sealed.row"))?,
        subject: subject(row)?,
        cells,
    })
}

/// The same bytes that the statement compares.
fn named_key(ciphertext: &[u8]) -> Option<&[u8]> {
    ciphertext.get(4..20)
}

fn subject(row: &QueryResult) -> Result<Option<UserId>, PortError> {
    let id: Option<Uuid> = row.try_get("", "subject").map_err(port("sealed.row"))?;
    Ok(id.map(UserId::from_uuid))
}
