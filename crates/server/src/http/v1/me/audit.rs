use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_audit::{
    access::action,
    own::{By, OwnLine, own},
};

use crate::http::{
    problem::Problem,
    reference::References,
    request::{Caller, List, Paging, Query},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::audit::query::{SPAN, SpanQuery},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/me/audit",
    access: Access::Session,
    action: action::OWN,
    rate: RateClass::Default,
    doc: Doc::new("me", "See who saw or changed one's own data, newest first")
        .query(SPAN)
        .answers::<List<OwnLineBody>>(200),
};

/// One event that touched one's own data.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnAuditLine)]
pub(crate) struct OwnLineBody {
    /// The event: whoever holds the log finds it by this.
    id: Uuid,
    /// Its place in the log; `null` until it is sequenced.
    seq: Option<i64>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    occurred_at: String,
    /// `read`, `change`, `session` or `refusal`.
    #[schema(example = "read")]
    kind: &'static str,
    /// What.
    #[schema(example = "user.list")]
    action: String,
    /// `success`, `refused` or `failed`.
    #[schema(example = "success")]
    outcome: String,
    /// Why it was not done.
    reason: Option<String>,
    /// Who.
    by: ByBody,
}

/// Who it was. Nobody else is named.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnAuditActor)]
pub(crate) struct ByBody {
    /// `self`, `staff`, `operator`, `service` or `unknown`.
    #[serde(rename = "type")]
    #[schema(example = "staff")]
    kind: &'static str,
    /// For `staff`: the same for the same colleague in all of one's lines, and another one in everybody else's.
    #[schema(example = "k7m2q4x9t1rv")]
    reference: Option<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    query: Query<SpanQuery>,
) -> Result<HttpResponse, Problem> {
    let paging = Paging::new(&state.keyring, &caller, ENDPOINT.action.name);
    let (span, page) = query.0.read(&paging)?;
    let found = own(&caller, state.log(), &span, &page).await?;
    let references = References::of(&state.keyring, &caller);
    let answer = paging.answer(found, |line| OwnLineBody::new(line, &references))?;
    let items = answer.items.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(HttpResponse::Ok().json(List {
        items,
        next_cursor: answer.next_cursor,
    }))
}

impl OwnLineBody {
    fn new(own: OwnLine, references: &References<'_>) -> Result<Self, Problem> {
        let (kind, colleague) = match own.by {
            By::Oneself => ("self", None),
            By::Another(actor) => ("staff", Some(actor)),
            By::Operator => ("operator", None),
            By::Service => ("service", None),
            By::Unknown => ("unknown", None),
        };
        let reference = colleague.map(|actor| references.to(actor)).transpose()?;
        let line = own.line;
        Ok(Self {
            id: line.id.as_uuid(),
            seq: line.seq,
            occurred_at: line.occurred_at.rfc3339(),
            kind: line.kind.as_str(),
            action: line.action,
            outcome: line.outcome,
            reason: line.reason,
            by: ByBody { kind, reference },
        })
    }
}
