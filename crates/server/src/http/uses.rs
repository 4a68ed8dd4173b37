//! Uses of sessions that wait to be written. No request waits for it: the guard leaves them here, and a loop of the service writes
//! them, a session at most once a minute.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use vutf_identity::session::used::Used;
use vutf_kernel::SessionId;

/// Sessions whose use waits. Beyond them a use is not noted, and the next one of the session is another chance.
const WAITING: usize = 10_000;
/// Sessions in one transaction.
const BATCH: usize = 100;

/// The newest use of each session since the last time they were written.
#[derive(Default)]
pub struct Uses(Mutex<HashMap<SessionId, Used>>);

impl Uses {
    /// Leaves a use to be written.
    pub fn note(&self, used: Used) {
        let mut waiting = self.waiting();
        if waiting.len() < WAITING || waiting.contains_key(&used.session_id) {
            waiting.insert(used.session_id, used);
        }
    }
    /// What waits, in parts that are written each at once.
    pub fn take(&self) -> Vec<Vec<Used>> {
        let all: Vec<Used> = self.waiting().drain().map(|(_, used)| used).collect();
        all.chunks(BATCH).map(<[Used]>::to_vec).collect()
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<SessionId, Used>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use vutf_kernel::{Aal, OrganizationId, OsEntropy, SystemClock, Timestamp};

    use super::*;

    fn used(session_id: SessionId, at: i64) -> Used {
        Used {
            organization_id: OrganizationId::DEFAULT,
            session_id,
            aal: Aal::Aal1,
            at: Timestamp::from_secs(at),
            idle_expires_at: None,
            unless_since: Timestamp::from_secs(at - 60),
        }
    }

    #[test]
    fn the_newest_use_of_each_waits_and_no_crowd_fills_the_memory() {
        let uses = Uses::default();
        let new = || SessionId::generate(&SystemClock, &mut OsEntropy);
        let first = new();
        for at in 1..=3 {
            uses.note(used(first, at));
        }
        for _ in 0..WAITING + 5 {
            uses.note(used(new(), 7));
        }
        uses.note(used(first, 9));
        let taken = uses.take();
        assert_eq!(taken.iter().map(Vec::len).sum::<usize>(), WAITING);
        assert!(taken.iter().all(|part| part.len() <= BATCH));
        let own: Vec<_> = taken
            .iter()
            .flatten()
            .filter(|used| used.session_id == first)
            .collect();
        assert_eq!(own, [&used(first, 9)]);
        assert!(uses.take().is_empty());
    }
}
