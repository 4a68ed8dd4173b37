//! What a sink's loop has done and seen, for readiness.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use vutf_kernel::Timestamp;

/// How long a sink may fail before readiness says so.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a sink's loop has done and seen.
#[derive(Debug, Default)]
pub(crate) struct ExportStatus {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    refused: bool,
    failing_since: Option<Timestamp>,
}

impl ExportStatus {
    /// Whether the log does not follow from what was exported, and so nothing is.
    pub(crate) fn is_refused(&self) -> bool {
        self.state().refused
    }

    /// Whether its receiver has not acknowledged for longer than a restart of it takes.
    pub(crate) fn is_failing(&self, now: Timestamp) -> bool {
        self.state()
            .failing_since
            .is_some_and(|since| now.since(since) > PATIENCE)
    }

    /// Answers whether it had been failing.
    pub(super) fn worked(&self) -> bool {
        let mut state = self.state();
        state.refused = false;
        state.failing_since.take().is_some()
    }

    /// Answers whether this is the first failure in a row.
    pub(super) fn failed(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        let first = state.failing_since.is_none();
        state.failing_since.get_or_insert(now);
        first
    }

    /// Answers whether that is news.
    pub(super) fn refuse(&self) -> bool {
        let mut state = self.state();
        state.failing_since = None;
        !std::mem::replace(&mut state.refused, true)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_that_fails_for_long_is_told_and_the_first_failure_counts() {
        let status = ExportStatus::default();
        let start = Timestamp::from_secs(1_000);
        assert!(status.failed(start));
        assert!(!status.failed(start.plus(PATIENCE)));
        assert!(!status.is_failing(start.plus(PATIENCE)));
        assert!(status.is_failing(start.plus(PATIENCE + Duration::from_secs(1))));
        assert!(status.worked());
        assert!(!status.worked());
        assert!(!status.is_failing(start.plus(PATIENCE * 2)));
        assert!(status.refuse());
        assert!(!status.refuse() && status.is_refused());
        status.worked();
        assert!(!status.is_refused());
    }
}
