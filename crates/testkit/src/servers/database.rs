//! One PostgreSQL database per test.

use anyhow::{Context as _, Result};
use reqwest::Url;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};

use super::settings;
use crate::random;

/// A database of its own for one test: dropped, with the connections that are still open, when the value is.
#[derive(Debug)]
pub struct TestDatabase {
    server: String,
    name: String,
    url: String,
    dropped: bool,
}

/// Makes a database with the current schema: a copy of the template that `VUTF_TEST_TEMPLATE` names, or an empty
/// database with all migrations applied.
///
/// `server` is the URL of the server's maintenance database.
///
/// # Errors
/// When the server cannot be reached, or a migration fails.
pub async fn create(server: &str) -> Result<TestDatabase> {
    if let Some(template) = settings::variable(settings::TEMPLATE) {
        return create_from(server, Some(&template)).await;
    }
    create_migrated(server).await
}

/// Makes an empty database and applies all migrations: what the template is made by.
///
/// # Errors
/// As [`create`].
pub async fn create_migrated(server: &str) -> Result<TestDatabase> {
    let database = create_from(server, None).await?;
    let connection = database.connect().await?;
    migrate(&connection).await?;
    connection.close().await?;
    Ok(database)
}

/// Makes a database without any table, for tests of migrations and of the start on an empty database.
///
/// # Errors
/// When the server cannot be reached.
pub async fn create_empty(server: &str) -> Result<TestDatabase> {
    create_from(server, None).await
}

/// Reads the version of a server, for example `15.14`.
///
/// # Errors
/// When the server cannot be reached.
pub async fn server_version(server: &str) -> Result<String> {
    let connection = open(server).await?;
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, "SHOW server_version");
    let row = connection.query_one_raw(statement).await?.context("no version")?;
    let version = row.try_get_by_index(0)?;
    connection.close().await?;
    Ok(version)
}

impl TestDatabase {
    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name, which starts with `vutf_`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A single connection to it, without statement logging.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn connect(&self) -> Result<DatabaseConnection> {
        open(&self.url).await
    }

    /// Runs statements, for planting and tampering.
    ///
    /// # Errors
    /// What the server says.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        let connection = self.connect().await?;
        let done = connection.execute_unprepared(sql).await;
        connection.close().await?;
        done?;
        Ok(())
    }

    /// Forbids connections, so that the database can be copied at any time.
    ///
    /// # Errors
    /// What the server says.
    pub async fn seal_as_template(&self) -> Result<()> {
        administer(
            &self.server,
            &format!(r#"ALTER DATABASE "{}" WITH ALLOW_CONNECTIONS false"#, self.name),
        )
        .await
    }

    /// Drops it now and tells whether that worked; otherwise it is dropped with the value, silently.
    ///
    /// # Errors
    /// What the server says.
    pub async fn close(mut self) -> Result<()> {
        self.dropped = true;
        drop_database(&self.server, &self.name).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.dropped {
            return;
        }
        let (server, name) = (self.server.clone(), self.name.clone());
        // The test's own runtime may be gone or single-threaded: the drop gets one of its own.
        let dropper = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(drop_database(&server, &name))
        });
        let _the_server_may_be_stopped = dropper.join();
    }
}

async fn create_from(server: &str, template: Option<&str>) -> Result<TestDatabase> {
    let name = format!("vutf_{}", random::hex::<8>());
    let mut url = Url::parse(server).context("the server's URL is malformed")?;
    url.set_path(&name);
    // `template0` is never connected to, so that it can be copied at any time.
    let sql = format!(
        r#"CREATE DATABASE "{name}" TEMPLATE "{}""#,
        template.unwrap_or("template0")
    );
    administer(server, &sql)
        .await
        .context("cannot create a test database")?;
    Ok(TestDatabase {
        server: server.to_owned(),
        name,
        url: url.into(),
        dropped: false,
    })
}

async fn drop_database(server: &str, name: &str) -> Result<()> {
    administer(
        server,
        &format!(r#"DROP DATABASE IF EXISTS "{name}" WITH (FORCE)"#),
    )
    .await
}

async fn administer(server: &str, sql: &str) -> Result<()> {
    let connection = open(server).await?;
    let done = connection.execute_unprepared(sql).await;
    connection.close().await?;
    done?;
    Ok(())
}

async fn open(url: &str) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .sqlx_logging(false)
        .connect_timeout(std::time::Duration::from_secs(10));
    Database::connect(options)
        .await
        .context("cannot connect to the test server")
}

async fn migrate(connection: &DatabaseConnection) -> Result<()> {
    use sea_orm_migration::MigratorTrait as _;
    vutf_migration::Migrator::up(connection, None)
        .await
        .context("cannot migrate the test database")
}
