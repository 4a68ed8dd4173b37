//! SQL behind the service's back: what a test looks up, plants or tampers with in either database.

use std::time::Duration;

use anyhow::{Context as _, Result};
pub use sea_orm::Value;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, QueryResult, Statement};

/// Runs statements.
///
/// # Errors
/// What the database says.
pub async fn execute(url: &str, sql: &str) -> Result<()> {
    let connection = open(url).await?;
    let done = connection.execute_unprepared(sql).await;
    connection.close().await?;
    done?;
    Ok(())
}

/// The number in the only column of the only row.
///
/// # Errors
/// What the database says.
pub async fn number(url: &str, sql: &str) -> Result<i64> {
    let connection = open(url).await?;
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await;
    connection.close().await?;
    let row = row?.context("no row")?;
    Ok(row.try_get_by_index(0)?)
}

/// The rows of a query whose columns are all text.
///
/// # Errors
/// What the database says.
pub async fn texts(url: &str, sql: &str) -> Result<Vec<Vec<String>>> {
    let connection = open(url).await?;
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await;
    connection.close().await?;
    let texts = |row: &QueryResult| {
        let columns = 0..row.column_names().len();
        columns.map(|column| row.try_get_by_index(column)).collect()
    };
    let rows: Result<Vec<_>, DbErr> = rows?.iter().map(texts).collect();
    Ok(rows?)
}

async fn open(url: &str) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .sqlx_logging(false)
        .connect_timeout(Duration::from_secs(10));
    Database::connect(options).await.context("cannot connect")
}

/// One open connection, for what is done many times.
#[derive(Debug)]
pub struct Session(DatabaseConnection);

impl Session {
    /// Connects.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn open(url: &str) -> Result<Self> {
        open(url).await.map(Self)
    }

    /// Runs one statement with `$1`, `$2`, … bound to `values`, and answers how many rows it changed.
    ///
    /// # Errors
    /// What the database says.
    pub async fn run(&self, sql: &str, values: Vec<Value>) -> Result<u64> {
        let statement = Statement::from_sql_and_values(self.0.get_database_backend(), sql, values);
        Ok(self.0.execute_raw(statement).await?.rows_affected())
    }

    /// Runs `head`, then `(…), (…)` with a group for each of `rows`, then `tail`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn run_rows(&self, head: &str, rows: Vec<Vec<Value>>, tail: &str) -> Result<u64> {
        let (mut sql, mut bound) = (head.to_owned(), 0);
        for (at, row) in rows.iter().enumerate() {
            let group: Vec<_> = (1..=row.len()).map(|n| format!("${}", bound + n)).collect();
            bound += row.len();
            sql.push_str(if at == 0 { "(" } else { ", (" });
            sql.push_str(&group.join(", "));
            sql.push(')');
        }
        sql.push_str(tail);
        self.run(&sql, rows.into_iter().flatten().collect()).await
    }

    /// The bytes in the only column of each row.
    ///
    /// # Errors
    /// What the database says.
    pub async fn bytes(&self, sql: &str) -> Result<Vec<Vec<u8>>> {
        let statement = Statement::from_string(self.0.get_database_backend(), sql);
        let rows = self.0.query_all_raw(statement).await?;
        let bytes: Result<Vec<_>, DbErr> = rows.iter().map(|row| row.try_get_by_index(0)).collect();
        Ok(bytes?)
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// What the database says.
    pub async fn close(self) -> Result<()> {
        Ok(self.0.close().await?)
    }
}
