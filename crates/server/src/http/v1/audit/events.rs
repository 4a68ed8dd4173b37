use actix_web::{HttpResponse, web};
use serde::Deserialize;
use uuid::Uuid;
use vutf_audit::{
    Ending, EventFilter,
    access::{action, search},
};
use vutf_identity::role::permission;
use vutf_kernel::{OrganizationId, Timestamp, UserId};

use super::EventBody;
use crate::http::{
    problem::Problem,
    request::{Caller, List, Paging, Query},
    route::{Access, Doc, Endpoint, Method, PAGING, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/events",
    access: Access::Permission(permission::AUDIT_READ),
    action: action::LIST,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "List events, oldest first")
        .query(&[
            PAGING[0],
            PAGING[1],
            ("action", "Exactly this action, e.g. `user.lock`."),
            ("actor", "Events by this user."),
            ("subject", "Events that touched this user's data."),
            ("outcome", "`success`, `refused` or `failed`."),
            ("from", "At this instant or later, RFC 3339."),
            ("until", "Before this instant, RFC 3339."),
        ])
        .answers::<List<EventBody>>(200),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    limit: Option<u16>,
    cursor: Option<String>,
    action: Option<String>,
    actor: Option<Uuid>,
    subject: Option<Uuid>,
    outcome: Option<Outcome>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Success,
    Refused,
    Failed,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    query: Query<EventsQuery>,
) -> Result<HttpResponse, Problem> {
    let paging = Paging::new(&state.keyring, &caller, ENDPOINT.action.name);
    let page = paging.request(query.0.limit, query.0.cursor.as_deref())?;
    let filter = query.0.filter(caller.organization_id);
    let found = search(&caller, state.log(), filter, &page).await?;
    let answer = paging.answer(found, |record| EventBody::read(&record))?;
    let items = answer.items.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(HttpResponse::Ok().json(List {
        items,
        next_cursor: answer.next_cursor,
    }))
}

impl EventsQuery {
    fn filter(self, organization_id: OrganizationId) -> EventFilter {
        EventFilter {
            organization_id,
            action: self.action,
            actor_id: self.actor,
            subject: self.subject.map(UserId::from_uuid),
            outcome: self.outcome.map(Ending::from),
            from: self.from,
            until: self.until,
        }
    }
}

impl From<Outcome> for Ending {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Self::Success,
            Outcome::Refused => Self::Refused,
            Outcome::Failed => Self::Failed,
        }
    }
}
