//! What is known of the witnesses, for metrics and readiness. Only the replica that submits knows anything.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use vutf_audit::tlog::{KeyName, publish::Conflict};
use vutf_kernel::Timestamp;

/// What is known of one witness.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WitnessState {
    /// The largest checkpoint that it cosigned.
    pub size: u64,
    /// When it says that it did; POSIX seconds, 0 for never.
    pub cosigned_at: i64,
    /// Attempts that failed, one after another.
    pub failures: u64,
    /// What it says against the log, until it cosigns again.
    pub conflict: Option<Conflict>,
}

#[derive(Debug, Default)]
struct Seen {
    witnesses: BTreeMap<KeyName, WitnessState>,
    /// Alarms that are not in the log yet.
    untold: BTreeMap<KeyName, Vec<Conflict>>,
    quorum_size: Option<u64>,
    waiting_since: Option<Timestamp>,
}

/// What is known of all of them.
#[derive(Debug, Default)]
pub struct WitnessStatus(Mutex<Seen>);

impl WitnessStatus {
    /// Each witness, by its name.
    pub fn witnesses(&self) -> Vec<(KeyName, WitnessState)> {
        let seen = self.lock();
        seen.witnesses
            .iter()
            .map(|(name, state)| (name.clone(), state.clone()))
            .collect()
    }
    /// The largest checkpoint that enough of them cosigned.
    pub fn quorum_size(&self) -> Option<u64> {
        self.lock().quorum_size
    }
    /// Whether a witness says that this is not the log that it knows.
    pub fn is_contradicted(&self) -> bool {
        self.lock()
            .witnesses
            .values()
            .any(|state| state.conflict.is_some())
    }
    /// For how long there has been a checkpoint that too few have cosigned.
    pub fn waiting(&self, now: Timestamp) -> Duration {
        self.lock()
            .waiting_since
            .map_or(Duration::ZERO, |since| now.since(since))
    }

    pub(super) fn cosigned(&self, name: &KeyName, size: u64, at: Timestamp) {
        let mut seen = self.lock();
        let state = seen.witnesses.entry(name.clone()).or_default();
        *state = WitnessState {
            size,
            cosigned_at: at.as_secs(),
            failures: 0,
            conflict: None,
        };
    }
    /// What was kept before this process asked anybody.
    pub(super) fn known(&self, name: &KeyName, size: u64, at: Timestamp) {
        let mut seen = self.lock();
        let state = seen.witnesses.entry(name.clone()).or_default();
        state.size = size;
        state.cosigned_at = at.as_secs();
    }
    /// Whether it is another conflict than before.
    pub(super) fn contradicted(&self, name: &KeyName, conflict: Conflict) -> bool {
        let mut seen = self.lock();
        let state = seen.witnesses.entry(name.clone()).or_default();
        state.conflict.replace(conflict) != Some(conflict)
    }
    /// An alarm that must come into the log, whatever the witness says next.
    pub(super) fn owe(&self, name: &KeyName, conflict: Conflict) {
        let mut seen = self.lock();
        seen.untold.entry(name.clone()).or_default().push(conflict);
    }
    /// The oldest alarm that is not in the log yet.
    pub(super) fn owed(&self, name: &KeyName) -> Option<Conflict> {
        self.lock().untold.get(name)?.first().copied()
    }
    /// The oldest alarm came into the log.
    pub(super) fn told(&self, name: &KeyName) {
        let mut seen = self.lock();
        if let Some(untold) = seen.untold.get_mut(name).filter(|untold| !untold.is_empty()) {
            untold.remove(0);
        }
    }
    /// How many it are now, one after another.
    pub(super) fn failed(&self, name: &KeyName) -> u64 {
        let mut seen = self.lock();
        let state = seen.witnesses.entry(name.clone()).or_default();
        state.failures = state.failures.saturating_add(1);
        state.failures
    }
    /// The newest checkpoint there is, and the largest one that enough have cosigned.
    pub(super) fn summed_up(&self, newest: u64, quorum_size: Option<u64>, now: Timestamp) {
        let mut seen = self.lock();
        seen.quorum_size = quorum_size.max(seen.quorum_size);
        if seen.quorum_size.is_some_and(|size| size >= newest) {
            seen.waiting_since = None;
        } else {
            seen.waiting_since.get_or_insert(now);
        }
    }
    /// Another replica submits now. It does not know which alarms this one still owes.
    pub(super) fn forget(&self) {
        let mut seen = self.lock();
        *seen = Seen {
            untold: std::mem::take(&mut seen.untold),
            ..Seen::default()
        };
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_with_the_quorum_and_a_conflict_with_a_cosignature() {
        let (status, start) = (WitnessStatus::default(), Timestamp::from_secs(100));
        let later = |secs| start.plus(Duration::from_secs(secs));
        let name = KeyName::parse("w1").unwrap();
        status.summed_up(5, None, start);
        status.summed_up(7, Some(5), later(10));
        assert_eq!(status.waiting(later(20)), Duration::from_secs(20));
        status.summed_up(7, Some(7), later(20));
        assert_eq!(status.waiting(later(30)), Duration::ZERO);
        // The last rows that were read tell of fewer: what was reached stays reached.
        status.summed_up(7, Some(5), later(31));
        assert_eq!(
            (status.quorum_size(), status.waiting(later(40))),
            (Some(7), Duration::ZERO)
        );
        let fork = Conflict::Fork { size: 7 };
        assert!(status.contradicted(&name, fork));
        assert!(!status.contradicted(&name, fork), "told once");
        assert!(status.contradicted(&name, Conflict::Ahead { size: 9 }));
        assert!(status.is_contradicted());
        assert_eq!((status.failed(&name), status.failed(&name)), (1, 2));
        status.cosigned(&name, 8, start);
        assert!(!status.is_contradicted());
        assert_eq!(status.witnesses()[0].1.failures, 0);
        status.forget();
        assert_eq!(status.witnesses(), []);
    }

    #[test]
    fn an_alarm_is_owed_until_it_is_told_whatever_comes_between() {
        let (status, name) = (WitnessStatus::default(), KeyName::parse("w1").unwrap());
        let forgot = Conflict::Forgot { cosigned: 7, says: 2 };
        let fork = Conflict::Fork { size: 9 };
        assert_eq!(status.owed(&name), None);
        status.owe(&name, forgot);
        status.owe(&name, fork);
        status.cosigned(&name, 8, Timestamp::from_secs(100));
        status.forget();
        assert_eq!(status.owed(&name), Some(forgot));
        status.told(&name);
        assert_eq!(status.owed(&name), Some(fork));
        status.told(&name);
        status.told(&name);
        assert_eq!(status.owed(&name), None);
    }
}
