//! What is known about one person, newest first.

pub(crate) mod actor;
pub(crate) mod subject;

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_audit::timeline::{Line, Whose, timeline};
use vutf_kernel::UserId;

use super::{OutcomeBody, ResourceBody, query::SpanQuery};
use crate::http::{
    problem::Problem,
    request::{Caller, Paging},
    state::AppState,
};

/// One event of a person's story.
#[derive(Serialize, ToSchema)]
#[schema(as = TimelineLine)]
pub(crate) struct LineBody {
    /// The event: see it as a whole under `audit/events/{id}`.
    id: Uuid,
    /// Its place in the log; `null` until it is sequenced.
    seq: Option<i64>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    occurred_at: String,
    /// Under which request.
    request_id: String,
    /// `read`, `change`, `session` or `refusal`.
    #[schema(example = "read")]
    kind: &'static str,
    /// What.
    #[schema(example = "user.list")]
    action: String,
    /// On what.
    resource: ResourceBody,
    /// Who.
    actor: ActorBody,
    /// How it ended.
    outcome: OutcomeBody,
    /// How many things were shown or changed, where the event counts them.
    count: Option<i64>,
    /// The first of those whose data it touched.
    #[schema(value_type = Vec<Uuid>)]
    subjects: Vec<UserId>,
    /// How many people's data it touched.
    subject_count: usize,
}

/// Who acted.
#[derive(Serialize, ToSchema)]
#[schema(as = TimelineActor)]
pub(crate) struct ActorBody {
    /// `anonymous`, `user`, `operator` or `system`.
    #[serde(rename = "type")]
    #[schema(example = "user")]
    kind: String,
    /// The user, if one acted.
    user_id: Option<Uuid>,
}

async fn answer(
    state: &AppState,
    caller: &Caller,
    list: &'static str,
    whose: Whose,
    query: SpanQuery,
) -> Result<HttpResponse, Problem> {
    let paging = Paging::new(&state.keyring, caller, list);
    let (span, page) = query.read(&paging)?;
    let found = timeline(caller, state.log(), whose, &span, &page).await?;
    Ok(HttpResponse::Ok().json(paging.answer(found, LineBody::new)?))
}

impl LineBody {
    fn new(line: Line) -> Self {
        Self {
            id: line.id.as_uuid(),
            seq: line.seq,
            occurred_at: line.occurred_at.rfc3339(),
            request_id: line.request_id,
            kind: line.kind.as_str(),
            action: line.action,
            resource: ResourceBody {
                kind: line.resource_kind,
                id: line.resource_id,
            },
            actor: ActorBody {
                kind: line.actor_kind,
                user_id: line.actor_id,
            },
            outcome: OutcomeBody {
                result: line.outcome,
                reason: line.reason,
            },
            count: line.count,
            subjects: line.subjects,
            subject_count: line.subject_count,
        }
    }
}
