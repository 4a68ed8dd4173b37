//! Runs that prune the log.

pub(crate) mod list;
pub(crate) mod start;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_audit::retention::PruneRun;

use super::shown;

/// A run.
#[derive(Serialize, ToSchema)]
#[schema(as = RetentionRun)]
pub(crate) struct RunBody {
    /// Its id; the events `audit.prune` name it.
    id: Uuid,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    requested_at: String,
    /// Who asked: `user:…`, `operator`, or `system` when it was due.
    requested_by: String,
    /// The version of the policy at that time.
    policy: String,
    /// Entries that it removed so far.
    removed: u64,
    /// When it ended; `null` while it is under way.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<String>,
    /// What stopped it before its time.
    finding: Option<String>,
}

impl From<PruneRun> for RunBody {
    fn from(run: PruneRun) -> Self {
        Self {
            id: run.id.as_uuid(),
            requested_at: run.requested_at.rfc3339(),
            requested_by: shown(&run.requested_by),
            policy: run.policy,
            removed: run.removed,
            ended_at: run.end.as_ref().map(|end| end.at.rfc3339()),
            finding: run.end.and_then(|end| end.finding),
        }
    }
}
