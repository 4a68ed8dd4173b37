//! What the sequencer's loop has done and seen, for metrics and readiness.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use vutf_kernel::Timestamp;
use vutf_store_seaorm::AuditLag;

/// How long an event may wait for its place, and the loop for a look at the log, before readiness says so.
const PATIENCE: Duration = Duration::from_mins(1);
/// Passes that may fail, one after another, before readiness says so.
const FAILED_PASSES: u64 = 5;

/// What the loop has done and seen.
#[derive(Debug, Default)]
pub struct SequencerStatus {
    sequenced: AtomicU64,
    failures: AtomicU64,
    last_pass: AtomicI64,
    refused: AtomicBool,
    unnoted: AtomicBool,
    seen: Mutex<Option<(Timestamp, AuditLag)>>,
}

impl SequencerStatus {
    /// Events that this process placed.
    pub fn sequenced(&self) -> u64 {
        self.sequenced.load(Ordering::Relaxed)
    }
    /// Passes that failed, one after another; 0 when the last one worked.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
    /// When the last pass worked, in microseconds since the Unix epoch; 0 before the first.
    pub fn last_pass(&self) -> i64 {
        self.last_pass.load(Ordering::Relaxed)
    }
    /// Whether the log is not the one that was noted, and so nothing is placed.
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }
    /// Whether the head cannot be noted.
    pub fn is_unnoted(&self) -> bool {
        self.unnoted.load(Ordering::Relaxed)
    }
    /// How far the log had come at the last look.
    pub fn lag(&self) -> Option<AuditLag> {
        self.seen().map(|(_, lag)| lag)
    }
    /// How long the oldest event has waited for its place.
    pub fn oldest_wait(&self, now: Timestamp) -> Duration {
        let oldest = self.lag().and_then(|lag| lag.oldest_pending);
        oldest.map_or(Duration::ZERO, |oldest| now.since(oldest))
    }
    /// Whether somebody should look: events wait, passes fail, or nothing is seen any more.
    pub fn is_behind(&self, now: Timestamp) -> bool {
        let blind = self.seen().is_some_and(|(at, _)| now.since(at) > PATIENCE);
        blind || self.failures() >= FAILED_PASSES || self.is_unnoted() || self.oldest_wait(now) > PATIENCE
    }

    pub(super) fn worked(&self, placed: u32, now: Timestamp) {
        self.sequenced.fetch_add(u64::from(placed), Ordering::Relaxed);
        self.failures.store(0, Ordering::Relaxed);
        self.last_pass.store(now.as_micros(), Ordering::Relaxed);
    }
    /// How many it are now, one after another.
    pub(super) fn failed(&self) -> u64 {
        self.failures.fetch_add(1, Ordering::Relaxed) + 1
    }
    pub(super) fn looked(&self, lag: AuditLag, now: Timestamp) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, lag));
    }
    pub(super) fn set_refused(&self, refused: bool) {
        self.refused.store(refused, Ordering::Relaxed);
    }
    pub(super) fn set_unnoted(&self, unnoted: bool) {
        self.unnoted.store(unnoted, Ordering::Relaxed);
    }

    fn seen(&self) -> Option<(Timestamp, AuditLag)> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_waits_too_long_and_a_loop_that_sees_nothing_are_told() {
        let status = SequencerStatus::default();
        let start = Timestamp::from_secs(1_000);
        let lag = |oldest_pending| AuditLag {
            pending: 1,
            oldest_pending,
            last_sequence: 7,
        };
        assert!(!status.is_behind(start), "before the first look nothing is known");
        status.looked(lag(Some(start)), start);
        assert!(!status.is_behind(start.plus(PATIENCE)));
        let later = start.plus(PATIENCE + Duration::from_secs(1));
        assert!(status.is_behind(later), "nothing was seen for so long");
        status.looked(lag(Some(start)), later);
        assert!(status.is_behind(later), "the event waits for so long");
        status.looked(lag(Some(later)), later);
        assert!(!status.is_behind(later));
        for _ in 0..FAILED_PASSES {
            assert!(!status.is_behind(later));
            status.failed();
        }
        assert!(status.is_behind(later));
        status.worked(1, later);
        assert!(!status.is_behind(later));
        status.set_unnoted(true);
        assert!(status.is_behind(later));
    }
}
