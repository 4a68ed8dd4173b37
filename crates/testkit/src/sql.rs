//! SQL behind the service's back: what a test looks up, plants or tampers with in either database.

use std::time::Duration;

use anyhow::{Context as _, Result};
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
