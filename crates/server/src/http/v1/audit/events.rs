use actix_web::{HttpResponse, web};
use serde::Deserialize;
use uuid::Uuid;
use vutf_audit::{
    ActionMatch, ActorKind, Ending, EventFilter, Order, Word,
    access::{action, search},
};
use vutf_identity::role::permission;
use vutf_kernel::{OrganizationId, Timestamp, UserId};

use super::{EventBody, query};
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
    doc: Doc::new("audit", "List events, oldest first unless told otherwise")
        .query(&[
            PAGING[0],
            PAGING[1],
            (
                "order",
                "`asc`, oldest first, or `desc`; a cursor belongs to its order.",
            ),
            (
                "action",
                "Exactly this action, e.g. `user.lock`, or all under `user.`.",
            ),
            ("actor", "Events by this user."),
            (
                "actor_kind",
                "`anonymous`, `user`, `api_key`, `operator` or `system`.",
            ),
            (
                "subject",
                "Events that touched this user's data. A part may then hold fewer than `limit`, or none, before the last: go on \
                 until `next_cursor` is null.",
            ),
            ("resource_kind", "Events on this kind of thing, e.g. `session`."),
            ("resource", "Events on the thing with this id."),
            ("outcome", "`success`, `refused` or `failed`."),
            (
                "reason",
                "Events that were not done for this reason, e.g. `wrong_password`.",
            ),
            ("request_id", "Events under this request."),
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
    order: Option<Sequence>,
    action: Option<String>,
    actor: Option<Uuid>,
    actor_kind: Option<Kind>,
    subject: Option<Uuid>,
    resource_kind: Option<String>,
    resource: Option<Uuid>,
    outcome: Option<Outcome>,
    reason: Option<String>,
    request_id: Option<String>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sequence {
    Asc,
    Desc,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Anonymous,
    User,
    ApiKey,
    Operator,
    System,
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
    let asked = query.0;
    let list = asked.list();
    let paging = Paging::new(&state.keyring, &caller, list);
    let page = paging.request(asked.limit, asked.cursor.as_deref())?;
    let filter = asked.filter(caller.organization_id)?;
    let found = search(&caller, state.log(), filter, &page).await?;
    let answer = paging.answer(found, |record| EventBody::listed(&record))?;
    let items = answer.items.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(HttpResponse::Ok().json(List {
        items,
        next_cursor: answer.next_cursor,
    }))
}

impl EventsQuery {
    /// Which list a cursor belongs to.
    fn list(&self) -> &'static str {
        match self.order {
            None | Some(Sequence::Asc) => action::LIST.name,
            Some(Sequence::Desc) => "audit.list.desc",
        }
    }

    fn filter(self, organization_id: OrganizationId) -> Result<EventFilter, Problem> {
        let mut parts = query::Parts::default();
        let filter = EventFilter {
            organization_id,
            action: parts.take("action", self.action, ActionMatch::parse),
            actor_id: self.actor,
            actor_kind: self.actor_kind.map(ActorKind::from),
            subject: self.subject.map(UserId::from_uuid),
            resource_kind: parts.take("resource_kind", self.resource_kind, Word::parse),
            resource_id: self.resource,
            outcome: self.outcome.map(Ending::from),
            reason: parts.take("reason", self.reason, Word::parse),
            request_id: parts.take("request_id", self.request_id, query::request_id),
            from: self.from,
            until: self.until,
            order: match self.order {
                None | Some(Sequence::Asc) => Order::Ascending,
                Some(Sequence::Desc) => Order::Descending,
            },
        };
        parts.note("until", filter.check());
        parts.check().map(|()| filter)
    }
}

impl From<Kind> for ActorKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Anonymous => Self::Anonymous,
            Kind::User => Self::User,
            Kind::ApiKey => Self::ApiKey,
            Kind::Operator => Self::Operator,
            Kind::System => Self::System,
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
