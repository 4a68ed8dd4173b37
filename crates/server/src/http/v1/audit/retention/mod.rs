//! How long events are kept, and what is removed.

pub(crate) mod runs;
pub(crate) mod view;

use serde::Serialize;
use utoipa::ToSchema;
use vutf_audit::retention::{Doer, PlanReport};
use vutf_kernel::Timestamp;

/// What a run would remove now.
#[derive(Serialize, ToSchema)]
#[schema(as = RetentionPlan)]
pub(crate) struct PlanBody {
    /// The version of the policy.
    policy: String,
    /// Entries that would be removed.
    count: u64,
    /// Class by class.
    classes: Vec<PlannedBody>,
}

/// What a run would remove of a class.
#[derive(Serialize, ToSchema)]
#[schema(as = RetentionPlanOfClass)]
pub(crate) struct PlannedBody {
    /// The class.
    #[schema(example = "reads")]
    class: &'static str,
    /// What happened before this instant may go; `null` when nothing may.
    #[schema(value_type = Option<String>, format = DateTime)]
    cutoff: Option<String>,
    /// Entries that would be removed.
    count: u64,
    /// Entries that would be, were they not held.
    held: u64,
    /// The lowest of their sequence numbers.
    first_seq: Option<i64>,
    /// The highest.
    last_seq: Option<i64>,
}

impl From<PlanReport> for PlanBody {
    fn from(report: PlanReport) -> Self {
        Self {
            count: report.count(),
            policy: report.policy,
            classes: report
                .classes
                .into_iter()
                .map(|class| PlannedBody {
                    class: class.class,
                    cutoff: class.cutoff.map(Timestamp::rfc3339),
                    count: class.count,
                    held: class.held,
                    first_seq: class.first_seq,
                    last_seq: class.last_seq,
                })
                .collect(),
        }
    }
}

/// `user:…`, or the kind of actor.
pub(super) fn shown(doer: &Doer) -> String {
    match doer.user {
        Some(user) => format!("user:{user}"),
        None => doer.kind.clone(),
    }
}
