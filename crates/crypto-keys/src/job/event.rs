//! What the audit log says about a job.

use vutf_kernel::{Action, Ctx, Detail, Env, Event, Outcome};

use super::{Job, JobState, Moved};
use crate::action::{KEY_JOB_BATCH, KEY_JOB_FINISH};

impl Job {
    /// That `action` was done to it.
    pub fn event(&self, ctx: &Ctx, env: &mut Env<'_>, action: Action) -> Event {
        let mut event = Event::new(
            ctx,
            env,
            action.name,
            action.one(self.id.as_uuid()),
            Outcome::Success,
        )
        .detail("kind", Detail::Text(self.kind.as_str().to_owned()))
        .detail("purpose", Detail::Text(self.kind.purpose().to_string()));
        event.organization_id = self.organization_id;
        event
    }

    /// What a batch wrote: how many rows, between which.
    pub fn batch_event(&self, ctx: &Ctx, env: &mut Env<'_>, moved: &Moved, from: &str, to: &str) -> Event {
        let mut event = self.event(ctx, env, KEY_JOB_BATCH);
        if let Some(problem) = &moved.error {
            event = event
                .detail("stuck", number(moved.stuck))
                .detail("problem", Detail::Text(problem.clone()));
        }
        event
            .detail("count", number(moved.done))
            .detail("skipped", number(moved.found.saturating_sub(moved.done)))
            .detail("from", Detail::Text(from.to_owned()))
            .detail("to", Detail::Text(to.to_owned()))
            .detail("pass", Detail::Number(self.pass.number.into()))
    }

    /// That it is over, and how.
    pub fn finish_event(&self, ctx: &Ctx, env: &mut Env<'_>, version: Option<u32>) -> Event {
        let mut event = self
            .event(ctx, env, KEY_JOB_FINISH)
            .detail("done", number(self.rows.done))
            .detail("skipped", number(self.rows.skipped))
            .detail("passes", Detail::Number(self.pass.number.into()));
        if let Some(version) = version {
            event = event.detail("version", Detail::Number(version.into()));
        }
        if self.state == JobState::Failed {
            event.outcome = Outcome::Failed {
                reason: "not_mended".into(),
            };
        }
        event
    }
}

fn number(count: u64) -> Detail {
    Detail::Number(i64::try_from(count).unwrap_or(i64::MAX))
}
