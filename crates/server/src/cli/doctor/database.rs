//! The database and what is in it.

use std::{sync::Arc, time::Duration};

use vutf_app::keys::hold_against_log;
use vutf_audit::LogReader as _;
use vutf_compliance::Verdict;
use vutf_crypto_keys::{
    KeyReader, KeyState, KeyWrapper, Keyring, LifecycleReader as _, LoadError, Registry, SuitePolicy,
};
use vutf_kernel::{Ambient, OrganizationId, PortError, Timestamp};
use vutf_store_seaorm::{SchemaError, SeaStore};

use super::Check;
use crate::{
    cli::{answer::count, database},
    config::Config,
    service::{self, StartError},
};

/// Who asks for a diagnosis does not want to wait as long as a start may.
const PATIENCE: Duration = Duration::from_secs(5);
/// Tokens, leases and the audit log bear timestamps: clocks that differ by more confuse whoever compares them.
const SKEW_WARN: Duration = Duration::from_secs(1);
/// Half the shortest life that an access token can have.
const SKEW_FAIL: Duration = Duration::from_secs(15);

pub(super) async fn look(config: &Config, wrapper: Option<Arc<dyn KeyWrapper>>, checks: &mut Vec<Check>) {
    let url = config.database_url();
    if let Some(file) = database::sqlite_file(url.expose()).filter(|file| !file.exists()) {
        let found = format!(
            "SQLite: {} is not there yet; the first start makes it",
            file.display()
        );
        checks.push(Check::ok("database", found));
        return;
    }
    let mut hurried = config.clone();
    hurried.database.connect_deadline = hurried.database.connect_deadline.min(PATIENCE);
    let store = match database::connect(&hurried).await {
        Ok(store) => store,
        Err(error) => {
            checks.push(Check::fail(
                "database",
                reason(&error),
                "check VUTF__DATABASE__URL and that the server runs",
            ));
            return;
        }
    };
    checks.push(reachable(&store).await);
    checks.push(clock(&store).await);
    let (check, usable) = migrations(&store).await;
    checks.push(check);
    if usable {
        checks.push(log(&store).await);
        checks.push(registry(&store, wrapper, config.keys.suites.policy()).await);
        checks.push(history(&store).await);
        controls(&store, checks).await;
    }
    store.close().await;
}

/// With the cause: here it is the answer.
fn reason(error: &StartError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})"));
    format!("{error}{}", cause.unwrap_or_default())
}

async fn reachable(store: &SeaStore) -> Check {
    let technology = store.technology().as_str();
    let version = match store.ping().await {
        Ok(()) => store.server_version().await,
        Err(error) => Err(error),
    };
    match version {
        Ok(version) => Check::ok("database", format!("{technology} {version} answers")),
        Err(error) => Check::fail("database", error.chain(), "look at the server's log"),
    }
}

async fn clock(store: &SeaStore) -> Check {
    const NAME: &str = "clock";
    let ambient = Ambient::system();
    let before = ambient.now();
    match store.server_time().await {
        Ok(theirs) => skew(before, theirs, ambient.now()),
        Err(error) => Check::fail(NAME, error.chain(), "look at the server's log"),
    }
}

/// The database answered between two looks at our clock.
fn skew(before: Timestamp, theirs: Timestamp, after: Timestamp) -> Check {
    const NAME: &str = "clock";
    const MEND: &str = "synchronise both machines by NTP";
    // One of the two is zero.
    let apart = before.since(theirs) + theirs.since(after);
    let found = format!("differs from the database's by {} ms", apart.as_millis());
    if apart >= SKEW_FAIL {
        Check::fail(NAME, found, MEND)
    } else if apart >= SKEW_WARN {
        Check::warn(NAME, found, MEND)
    } else {
        Check::ok(NAME, "agrees with the database's")
    }
}

async fn migrations(store: &SeaStore) -> (Check, bool) {
    const NAME: &str = "migrations";
    if let Err(error) = store.refuse_newer().await {
        let found = match error {
            SchemaError::Port(error) => error.chain(),
            newer @ SchemaError::Newer { .. } => newer.to_string(),
        };
        return (Check::fail(NAME, found, ""), false);
    }
    match store.migration_status().await {
        Ok(lines) => {
            let pending = lines.iter().filter(|line| !line.applied).count();
            let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
            if pending == 0 {
                (Check::ok(NAME, format!("all {} are applied", lines.len())), true)
            } else {
                let found = format!("{} to apply", count(number(pending), "migration"));
                let mend = "the next start applies them, or `violentutf-api migrate up`";
                (Check::warn(NAME, found, mend), false)
            }
        }
        Err(error) => (
            Check::fail(NAME, error.chain(), "look at the server's log"),
            false,
        ),
    }
}

async fn log(store: &SeaStore) -> Check {
    const NAME: &str = "audit log";
    match store.pending_count().await {
        Ok(0) => Check::ok(
            NAME,
            "every event has its place; `violentutf-api audit verify` recomputes it",
        ),
        Ok(pending) => {
            let found = format!("{} without a place in the log", count(pending, "event"));
            let mend = "a running service places them within a second; start one, or look at its log";
            Check::warn(NAME, found, mend)
        }
        Err(error) => Check::fail(NAME, error.chain(), "look at the server's log"),
    }
}

/// Whether the key-encryption key is the one that the registry was made with, and every usable key of an admitted suite.
async fn registry(store: &SeaStore, wrapper: Option<Arc<dyn KeyWrapper>>, policy: SuitePolicy) -> Check {
    const NAME: &str = "keys";
    let Some(wrapper) = wrapper else {
        return without_key(store).await;
    };
    let registry = match read(store).await {
        Ok(registry) => registry,
        Err(error) => return Check::fail(NAME, error.chain(), "look at the server's log"),
    };
    let now = Ambient::system().now();
    let overdue = registry
        .keys
        .iter()
        .filter(|record| record.state == KeyState::Active && record.is_past_cryptoperiod(now))
        .count();
    match Keyring::with_policy(policy)
        .load_registry(&*wrapper, &registry)
        .await
    {
        Ok(report) if overdue == 0 => Check::ok(NAME, format!("{} open", report.loaded)),
        Ok(report) => {
            let found = format!("{} open, {overdue} of them OVERDUE for rotation", report.loaded);
            Check::warn(
                NAME,
                found,
                "run `violentutf-api keys status` and `violentutf-api keys rotate`",
            )
        }
        Err(error @ LoadError::SuiteNotAdmitted { .. }) => {
            let mend =
                "keys.suites = fips_transition admits both: docs/guides/run-with-approved-algorithms.md";
            Check::fail(NAME, error.to_string(), mend)
        }
        Err(error) => {
            let mend = "configure the key-encryption key that the database was made with";
            Check::fail(NAME, error.to_string(), mend)
        }
    }
}

/// Without a key-encryption key: that is as it should be where nothing needs one.
async fn without_key(store: &SeaStore) -> Check {
    const NAME: &str = "keys";
    match service::files_needed(store).await {
        Ok(needed) if needed.is_empty() => {
            Check::warn(NAME, "not looked at: there is no key-encryption key", "")
        }
        Ok(needed) => Check::fail(
            NAME,
            format!(
                "they open only under the key-encryption key {}",
                needed.join(", ")
            ),
            "restore its key file, or run `violentutf-api keys join-kek` with the custodians' shares",
        ),
        Err(error) => Check::fail(NAME, error.chain(), "look at the server's log"),
    }
}

/// As the start reads it: a version below its keyset's minimum is not used.
async fn read(store: &SeaStore) -> Result<Registry, PortError> {
    Ok(Registry {
        keys: store.list(None).await?,
        keysets: store.keysets(None).await?,
        usage: store.usage(None).await?,
    })
}

/// Whether the registry is as new as the audit log says: the start refuses an older one.
async fn history(store: &SeaStore) -> Check {
    const NAME: &str = "key history";
    match hold_against_log(store, store, OrganizationId::DEFAULT).await {
        Ok(_keys) => Check::ok(NAME, "no row is older than the audit log tells"),
        Err(error) => Check::fail(
            NAME,
            error.to_string(),
            "somebody has put older rows back, or taken some away: keep the database as evidence, and restore one",
        ),
    }
}

/// What the compliance checks see in this instance; each changes nothing.
async fn controls(store: &SeaStore, checks: &mut Vec<Check>) {
    const NAME: &str = "controls";
    let registry = match service::compliance_checks(store) {
        Ok(registry) => registry,
        Err(error) => {
            checks.push(Check::fail(NAME, error.to_string(), ""));
            return;
        }
    };
    for run in registry.run(Ambient::system().clock()).await {
        let title = registry.find(run.check_id).map_or("", |check| check.title());
        let subject = format!("{}: {title}", run.control);
        checks.push(match run.result {
            Ok(seen) if seen.outcome == Verdict::Satisfied => Check::ok(NAME, subject),
            Ok(seen) => {
                let facts: Vec<_> = seen
                    .facts
                    .iter()
                    .map(|(name, fact)| format!("{name} {fact}"))
                    .collect();
                let found = format!("{subject} It does not hold: {}", facts.join(", "));
                Check::fail(
                    NAME,
                    found,
                    "restore the schema from the migrations of this version",
                )
            }
            Err(error) => Check::fail(
                NAME,
                format!("{subject} Not seen: {}", error.chain()),
                "look at the server's log",
            ),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Level, *};

    #[test]
    fn clocks_are_judged_by_how_far_they_are_apart_whichever_is_ahead() {
        let at = Timestamp::from_secs;
        let level = |theirs| skew(at(1_000), at(theirs), at(1_000)).level;
        assert_eq!(level(1_000), Level::Ok);
        assert_eq!((level(997), level(1_003)), (Level::Warn, Level::Warn));
        assert_eq!((level(900), level(1_100)), (Level::Fail, Level::Fail));
    }
}
