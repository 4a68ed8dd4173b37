//! The servers that all tests of a run share.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::settings::{self, variable};
use super::{Component, Postgres, PostgresOptions, Redis, RedisOptions, find_binaries, install_hint};

/// A server that a test may use.
enum Shared {
    /// Named by the environment.
    Named(String),
    /// Started by this process; the watchdog ends it, as statics are not dropped.
    Own {
        url: String,
        _server: Box<dyn Send + Sync>,
    },
    /// Not to be had, with the reason.
    Absent(String),
}

/// The URL of the maintenance database of a PostgreSQL server on which the test may create databases.
///
/// `None` when there is no PostgreSQL: the test returns at once and is counted as skipped.
///
/// # Panics
/// When there is no PostgreSQL in an unattended run, or when it is installed and does not start.
pub fn require_postgres() -> Option<&'static str> {
    static POSTGRES: OnceLock<Shared> = OnceLock::new();
    require(Component::Postgres, &POSTGRES, settings::DATABASE_URL, || {
        let server = Postgres::start(&PostgresOptions::default())?;
        Ok((server.url(), Box::new(server)))
    })
}

/// The URL of a Redis server. It is shared: a test uses keys under a prefix of its own.
///
/// `None` when there is no Redis: the test returns at once and is counted as skipped.
///
/// # Panics
/// When there is no Redis in an unattended run, or when it is installed and does not start.
pub fn require_redis() -> Option<&'static str> {
    static REDIS: OnceLock<Shared> = OnceLock::new();
    require(Component::Redis, &REDIS, settings::REDIS_URL, || {
        let server = Redis::start(RedisOptions::default())?;
        Ok((server.url(), Box::new(server)))
    })
}

/// A fresh migrated PostgreSQL database for one test; `None` as for [`require_postgres`].
///
/// # Panics
/// As [`require_postgres`], and when the database cannot be made.
#[cfg(feature = "stores")]
#[expect(clippy::panic, reason = "a test that cannot have its database has failed")]
pub async fn require_database() -> Option<super::TestDatabase> {
    let server = require_postgres()?;
    match super::database::create(server).await {
        Ok(database) => Some(database),
        Err(error) => panic!("{error:#}"),
    }
}

/// The `violentutf-api` binary that `cargo xtask test` built, for end-to-end tests.
pub fn server_binary() -> Option<PathBuf> {
    variable(settings::BINARY).map(PathBuf::from)
}

#[expect(
    clippy::panic,
    reason = "a broken server, or a missing one in an unattended run, fails the test"
)]
fn require(
    component: Component,
    cell: &'static OnceLock<Shared>,
    url_variable: &str,
    start: impl FnOnce() -> anyhow::Result<(String, Box<dyn Send + Sync>)>,
) -> Option<&'static str> {
    let shared = cell.get_or_init(|| {
        if skips(component, &variable(settings::SKIP).unwrap_or_default()) {
            return Shared::Absent(format!("named in {}", settings::SKIP));
        }
        if let Some(url) = variable(url_variable) {
            return Shared::Named(url);
        }
        if find_binaries().missing().contains(&component) {
            return Shared::Absent(install_hint(&[component]));
        }
        match start() {
            Ok((url, server)) => Shared::Own { url, _server: server },
            Err(error) => panic!("{error:#}"),
        }
    });
    match shared {
        Shared::Named(url) | Shared::Own { url, .. } => Some(url),
        Shared::Absent(reason) if settings::continuous_integration() => panic!("no {component}: {reason}"),
        Shared::Absent(reason) => {
            note_skipped(component, reason);
            None
        }
    }
}

fn skips(component: Component, list: &str) -> bool {
    list.split(',').any(|name| name.trim() == component.name())
}

/// One line per test in the log that the summary counts; the test harness names a test's thread after the test.
fn note_skipped(component: Component, reason: &str) {
    let mut stderr = std::io::stderr();
    let _closed = writeln!(stderr, "skipped: {component} ({reason})");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    if let Some(log) = variable(settings::SKIP_LOG)
        && let Ok(mut file) = std::fs::File::options().create(true).append(true).open(log)
    {
        let line = format!(
            "{component} {test} {}\n",
            std::env::args().next().unwrap_or_default()
        );
        let _full = file.write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_skip_list_names_whole_components() {
        assert!(skips(Component::Redis, "postgres, redis"));
        assert!(!skips(Component::Redis, "postgres"));
        assert!(!skips(Component::Redis, "redis-cluster"));
        assert!(!skips(Component::Redis, ""));
    }
}
