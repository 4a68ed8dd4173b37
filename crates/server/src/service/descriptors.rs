//! File descriptors: as many as the system grants, shared so that connections never take the last ones (CWE-774).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// For files, pipes, the cache and what libraries open.
const RESERVE: u64 = 128;
/// Connections that the operators' listener holds; nothing on the public one can take these away.
pub(super) const MANAGEMENT: usize = 64;
/// Fewest connections of a worker, however few descriptors there are.
const FLOOR: u64 = 16;

/// Raises the soft limit to the hard one, and answers what is in force; `None` for no limit.
pub(super) fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit of open files stays as it is");
            limit.current
        }
    }
}

/// Connections of each worker under that limit.
pub(super) fn connections(config: &Config, limit: Option<u64>) -> usize {
    let wanted = config.server.max_connections;
    let workers = u64::try_from(config.worker_threads()).unwrap_or(1).max(1);
    let granted = share(
        u64::from(wanted),
        workers,
        u64::from(config.database.max_connections),
        limit,
    );
    if granted < u64::from(wanted) {
        tracing::warn!(
            "{granted} connections a worker instead of {wanted}: this process may open {} files; raise the limit \
             (LimitNOFILE, ulimit -n) or lower server.max_connections",
            limit.unwrap_or(u64::MAX)
        );
    }
    usize::try_from(granted).unwrap_or(usize::MAX)
}

fn share(wanted: u64, workers: u64, database: u64, limit: Option<u64>) -> u64 {
    let Some(limit) = limit else {
        return wanted;
    };
    let management = u64::try_from(MANAGEMENT).unwrap_or(u64::MAX);
    let left = limit.saturating_sub(RESERVE + management + database);
    wanted.min((left / workers).max(FLOOR))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn connections_leave_the_reserve() {
        assert_eq!(share(10_000, 4, 16, None), 10_000);
        assert_eq!(share(10_000, 4, 16, Some(1 << 20)), 10_000);
        assert_eq!(share(10_000, 4, 16, Some(1_024)), 204);
        assert_eq!(share(10_000, 4, 16, Some(64)), FLOOR);
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let limit = raise();
        assert_eq!(limit, getrlimit(Resource::Nofile).current);
        assert_eq!(limit, getrlimit(Resource::Nofile).maximum);
    }

    proptest! {
        #[test]
        fn all_workers_together_stay_under_the_limit(
            wanted in 16_u64..100_000, workers in 1_u64..64, database in 2_u64..200, limit in 2_000_u64..2_000_000,
        ) {
            let taken = share(wanted, workers, database, Some(limit)) * workers + database + 64 + RESERVE;
            prop_assert!(taken <= limit.max(workers * FLOOR + database + 64 + RESERVE));
        }
    }
}
