//! A job, and what may become of it: rules without a store or a clock.
//!
//! A job goes through the rows in **passes**, each in the order of the primary key. One pass is not enough: a replica whose
//! keys are a moment old goes on protecting with the older version until it loads the registry again, behind the cursor too.
//! So the pass that decides must begin after every replica is sure to have loaded the new key, and must find nothing.

use uuid::Uuid;
use vutf_kernel::{Env, JobId, OrganizationId, Stamps, Timestamp, UserId};

use super::{JobKind, JobState};

/// How far a pass has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Which of the job's tables, from 0.
    pub table: u16,
    /// The last row of it that was looked at; `None`: none yet.
    pub after: Option<Uuid>,
}

/// One way through all rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// From 1; 0 before the first.
    pub number: u32,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// Rows that were under an older version.
    pub found: u64,
    /// Those of them that the job cannot mend.
    pub stuck: u64,
}

/// How many rows, over all passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Written anew.
    pub done: u64,
    /// Left as they were: somebody else wrote them meanwhile, or they cannot be mended.
    pub skipped: u64,
    /// To do, counted at the beginning: an estimate, since rows come and go.
    pub total: u64,
}

/// Durable work on everything that older versions of a key protect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// What is done.
    pub kind: JobKind,
    /// How far its life has come.
    pub state: JobState,
    /// How many rows a second it may write; `None`: as many as it can.
    pub rows_per_second: Option<u32>,
    /// How far the pass has come.
    pub cursor: Cursor,
    /// The pass.
    pub pass: Pass,
    /// Rows.
    pub rows: Counts,
    /// The first thing that it could not mend, or why it failed: places and reasons, no content.
    pub error: Option<String>,
    /// Who made and changed it, and its version.
    pub stamps: Stamps,
}

/// What a batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Rows under an older version that it found.
    pub found: u64,
    /// Rows that it wrote.
    pub done: u64,
    /// Rows that it cannot mend.
    pub stuck: u64,
    /// The first of these.
    pub error: Option<String>,
    /// Where the next batch begins.
    pub cursor: Cursor,
}

/// What comes after the last row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another pass.
    Again(Job),
    /// Another pass, not before.
    Wait(Timestamp),
    /// It is over: done, or failed.
    Over(Job),
}

/// The job's state does not allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the job is {0}")]
pub struct WrongState(pub JobState);

impl Job {
    /// A job that waits for a replica.
    pub fn new(
        env: &mut Env<'_>,
        organization_id: OrganizationId,
        by: Option<UserId>,
        kind: JobKind,
        rows_per_second: Option<u32>,
    ) -> Self {
        Self {
            id: JobId::generate(env.clock, env.entropy),
            organization_id,
            kind,
            state: JobState::Pending,
            rows_per_second,
            cursor: Cursor::default(),
            pass: Pass::default(),
            rows: Counts::default(),
            error: None,
            stamps: Stamps::new(by, env.now()),
        }
    }

    /// A replica has taken it, and has counted `total` rows.
    #[must_use]
    pub fn begun(mut self, total: u64, now: Timestamp) -> Self {
        self.rows.total = total;
        self.next_pass(now).into_state(JobState::Running, None, now)
    }

    /// Stands still at the next batch.
    pub fn paused(self, by: Option<UserId>, now: Timestamp) -> Result<Self, WrongState> {
        if self.state.is_runnable() {
            Ok(self.into_state(JobState::Paused, by, now))
        } else {
            Err(WrongState(self.state))
        }
    }

    /// Goes on where it stood.
    pub fn resumed(self, by: Option<UserId>, now: Timestamp) -> Result<Self, WrongState> {
        match (self.state, self.pass.number) {
            (JobState::Paused, 0) => Ok(self.into_state(JobState::Pending, by, now)),
            (JobState::Paused, _) => Ok(self.into_state(JobState::Running, by, now)),
            (state, _) => Err(WrongState(state)),
        }
    }

    /// Ends at the next batch. What it did stays done.
    pub fn cancelled(self, by: Option<UserId>, now: Timestamp) -> Result<Self, WrongState> {
        if self.state.is_over() {
            Err(WrongState(self.state))
        } else {
            Ok(self.into_state(JobState::Cancelled, by, now))
        }
    }

    /// After a batch.
    #[must_use]
    pub fn moved(mut self, by: Moved, now: Timestamp) -> Self {
        self.pass.found = self.pass.found.saturating_add(by.found);
        self.pass.stuck = self.pass.stuck.saturating_add(by.stuck);
        self.rows.done = self.rows.done.saturating_add(by.done);
        let skipped = by.found.saturating_sub(by.done);
        self.rows.skipped = self.rows.skipped.saturating_add(skipped);
        self.error = self.error.or(by.error);
        self.cursor = by.cursor;
        self.touched(None, now)
    }

    /// At the end of a pass. From `settled_at` on no replica protects with an older version any more.
    #[must_use]
    pub fn judged(self, settled_at: Timestamp, now: Timestamp) -> Verdict {
        let conclusive = self.pass.started_at.is_some_and(|began| began >= settled_at);
        if !conclusive && now < settled_at {
            return Verdict::Wait(settled_at);
        }
        if !conclusive || self.pass.found > self.pass.stuck {
            return Verdict::Again(self.next_pass(now).touched(None, now));
        }
        let state = if self.pass.stuck == 0 {
            JobState::Done
        } else {
            JobState::Failed
        };
        Verdict::Over(self.into_state(state, None, now))
    }

    /// It cannot go on.
    #[must_use]
    pub fn failed(mut self, reason: String, now: Timestamp) -> Self {
        self.error = Some(reason);
        self.into_state(JobState::Failed, None, now)
    }

    fn next_pass(mut self, now: Timestamp) -> Self {
        self.cursor = Cursor::default();
        self.pass = Pass {
            number: self.pass.number.saturating_add(1),
            started_at: Some(now),
            found: 0,
            stuck: 0,
        };
        // What could not be mended may be gone.
        self.error = None;
        self
    }

    fn into_state(mut self, state: JobState, by: Option<UserId>, now: Timestamp) -> Self {
        self.state = state;
        self.touched(by, now)
    }

    fn touched(mut self, by: Option<UserId>, now: Timestamp) -> Self {
        self.stamps = self.stamps.changed(by, now);
        self
    }
}

impl Cursor {
    /// Where to go on once the table was looked through as far as `reached`; `None`: to its end.
    #[must_use]
    pub fn after(self, reached: Option<Uuid>) -> Self {
        match reached {
            Some(_) => Self {
                after: reached,
                ..self
            },
            None => Self {
                table: self.table.saturating_add(1),
                after: None,
            },
        }
    }

    /// As bytes: the table in two, then the row.
    pub fn encode(self) -> Vec<u8> {
        let mut bytes = self.table.to_be_bytes().to_vec();
        bytes.extend(self.after.iter().flat_map(|row| *row.as_bytes()));
        bytes
    }

    /// From bytes; `None` when they are none of a cursor.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (table, row) = bytes.split_first_chunk()?;
        let after = match row {
            [] => None,
            row => Some(Uuid::from_bytes(row.try_into().ok()?)),
        };
        Some(Self {
            table: u16::from_be_bytes(*table),
            after,
        })
    }
}

#[cfg(test)]
mod tests {
    use vutf_kernel::{OsEntropy, SystemClock};

    use super::*;
    use crate::Purpose;

    const T0: Timestamp = Timestamp::from_secs(1_000);
    const SETTLED: Timestamp = Timestamp::from_secs(1_120);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn job() -> Job {
        let mut env = Env {
            clock: &SystemClock,
            entropy: &mut OsEntropy,
        };
        let kind = JobKind::Reencrypt {
            purpose: Purpose::field("users"),
        };
        Job::new(&mut env, OrganizationId::DEFAULT, None, kind, None)
    }

    fn moved(found: u64, done: u64, stuck: u64) -> Moved {
        Moved {
            found,
            done,
            stuck,
            error: (stuck > 0).then(|| "users.email_ct".to_owned()),
            cursor: Cursor {
                table: 0,
                after: Some(Uuid::from_u128(7)),
            },
        }
    }

    #[test]
    fn a_pass_that_began_before_everybody_had_the_new_key_decides_nothing() {
        let job = job().begun(10, T0).moved(moved(10, 10, 0), at(1_010));
        assert_eq!(job.clone().judged(SETTLED, at(1_011)), Verdict::Wait(SETTLED));
        let Verdict::Again(next) = job.judged(SETTLED, SETTLED) else {
            panic!("another pass");
        };
        assert_eq!(
            (next.pass.number, next.pass.found, next.cursor),
            (2, 0, Cursor::default())
        );
        assert_eq!((next.rows.done, next.state), (10, JobState::Running));
        let Verdict::Over(done) = next.judged(SETTLED, at(1_121)) else {
            panic!("it is over");
        };
        assert_eq!(done.state, JobState::Done);
    }

    #[test]
    fn what_was_found_late_is_looked_for_again() {
        let late = job().begun(0, SETTLED).moved(moved(3, 2, 0), at(1_130));
        let Verdict::Again(next) = late.judged(SETTLED, at(1_131)) else {
            panic!("another pass");
        };
        assert_eq!((next.pass.number, next.rows.skipped), (2, 1));
        assert!(matches!(next.judged(SETTLED, at(1_132)), Verdict::Over(_)));
    }

    #[test]
    fn what_cannot_be_mended_fails_the_job_and_does_not_keep_it_going() {
        let stuck = job().begun(1, SETTLED).moved(moved(1, 0, 1), at(1_130));
        let Verdict::Over(failed) = stuck.judged(SETTLED, at(1_131)) else {
            panic!("it is over");
        };
        assert_eq!(failed.state, JobState::Failed);
        assert_eq!(failed.error.as_deref(), Some("users.email_ct"));
    }

    #[test]
    fn every_state_allows_what_it_allows() {
        use JobState::{Cancelled, Done, Failed, Paused, Pending, Running};
        for state in JobState::ALL {
            let job = || Job {
                state,
                ..job().begun(0, T0)
            };
            let next = |done: Result<Job, WrongState>| done.map(|job| job.state).map_err(|refused| refused.0);
            assert_eq!(
                next(job().paused(None, T0)),
                if matches!(state, Pending | Running) {
                    Ok(Paused)
                } else {
                    Err(state)
                }
            );
            assert_eq!(
                next(job().resumed(None, T0)),
                if state == Paused { Ok(Running) } else { Err(state) }
            );
            assert_eq!(
                next(job().cancelled(None, T0)),
                if matches!(state, Done | Failed | Cancelled) {
                    Err(state)
                } else {
                    Ok(Cancelled)
                }
            );
        }
        let never_begun = job().paused(None, T0).unwrap();
        assert_eq!(never_begun.resumed(None, T0).unwrap().state, Pending);
    }

    #[test]
    fn each_change_is_a_version() {
        let job = job();
        let begun = job.clone().begun(1, T0);
        let moved = begun.clone().moved(moved(1, 1, 0), T0);
        let paused = moved.clone().paused(None, T0).unwrap();
        let versions = [job, begun, moved, paused].map(|job| job.stamps.version);
        assert_eq!(versions, [1, 2, 3, 4]);
    }

    #[test]
    fn cursors_round_trip_and_nothing_else_is_one() {
        for after in [None, Some(Uuid::from_u128(9))] {
            let cursor = Cursor { table: 513, after };
            assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }
        for bad in [0, 1, 3, 17, 19] {
            assert_eq!(Cursor::decode(&vec![0; bad]), None, "{bad} bytes");
        }
    }
}
