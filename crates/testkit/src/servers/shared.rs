//! The servers that all tests of a run share.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::settings::{self, variable};
use super::{
    Component, Moto, OpenBao, OpenBaoAccess, Postgres, PostgresOptions, Redis, RedisOptions, SoftHsm,
    find_binaries, install_hint,
};

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
    require(Component::Postgres, &POSTGRES, || {
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
    require(Component::Redis, &REDIS, || {
        let server = Redis::start(RedisOptions::default())?;
        Ok((server.url(), Box::new(server)))
    })
}

/// The URL of a moto server. It is shared: a test makes keys of its own.
///
/// `None` when there is no moto: the test returns at once and is counted as skipped.
///
/// # Panics
/// When there is no moto in an unattended run, or when it is installed and does not start.
pub fn require_moto() -> Option<&'static str> {
    static MOTO: OnceLock<Shared> = OnceLock::new();
    require(Component::Moto, &MOTO, || {
        let server = Moto::start()?;
        Ok((server.url(), Box::new(server)))
    })
}

/// An OpenBao. It is shared: a test uses keys, mounts and policies under names of its own.
///
/// `None` when there is no OpenBao: the test returns at once and is counted as skipped.
///
/// # Panics
/// When there is no OpenBao in an unattended run, or when it is installed and does not start.
pub fn require_openbao() -> Option<OpenBaoAccess> {
    static OPENBAO: OnceLock<Shared> = OnceLock::new();
    let url = require(Component::OpenBao, &OPENBAO, || {
        let server = OpenBao::start()?;
        Ok((server.access().url(), Box::new(server)))
    })?;
    OpenBaoAccess::parse(url)
}

/// SoftHSM2, seen by this process. It is shared: a test uses tokens under labels of its own.
///
/// The module finds its tokens by an environment variable, which a running process cannot set for itself. Where
/// `cargo xtask test` has not set it, the test is run in a process that has it: then the answer is `None`, and the test has
/// passed already. It is `None` as well when there is no SoftHSM2, and the test is counted as skipped.
///
/// # Panics
/// When there is no SoftHSM2 in an unattended run, or when the test fails in the other process.
pub fn require_softhsm() -> Option<SoftHsm> {
    static SOFTHSM: OnceLock<Shared> = OnceLock::new();
    let conf = require(Component::SoftHsm, &SOFTHSM, || {
        let hsm = SoftHsm::start()?;
        Ok((hsm.conf().to_string_lossy().into_owned(), Box::new(hsm)))
    })?;
    if variable(SOFTHSM2_CONF).as_deref() == Some(conf) {
        return SoftHsm::attach(conf.as_ref()).ok();
    }
    run_again_with(conf);
    None
}

/// Where the module looks for its configuration.
const SOFTHSM2_CONF: &str = "SOFTHSM2_CONF";

#[expect(clippy::panic, reason = "the test has failed, in another process")]
fn run_again_with(conf: &str) {
    let thread = std::thread::current();
    let (Ok(program), Some(test)) = (std::env::current_exe(), thread.name()) else {
        panic!("this test cannot be run again in another process");
    };
    let status = std::process::Command::new(program)
        .args(["--exact", test, "--nocapture"])
        .env(SOFTHSM2_CONF, conf)
        .env(settings::SOFTHSM, conf)
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "{test} failed in the process that sees SoftHSM2"
    );
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
    start: impl FnOnce() -> anyhow::Result<(String, Box<dyn Send + Sync>)>,
) -> Option<&'static str> {
    let shared = cell.get_or_init(|| {
        if skips(component, &variable(settings::SKIP).unwrap_or_default()) {
            return Shared::Absent(format!("named in {}", settings::SKIP));
        }
        if let Some(url) = variable(component.variable()) {
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
