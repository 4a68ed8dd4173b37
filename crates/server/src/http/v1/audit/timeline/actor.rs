use actix_web::{HttpResponse, web};
use vutf_audit::{access::action, timeline::Whose};
use vutf_identity::role::permission;
use vutf_kernel::UserId;

use super::{LineBody, answer};
use crate::http::{
    problem::Problem,
    request::{Caller, Id, List, Query},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::audit::query::{SPAN, SpanQuery},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/timeline/actor/{id}",
    access: Access::Permission(permission::AUDIT_READ),
    action: action::TIMELINE,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "See what a user did, newest first")
        .query(SPAN)
        .any_id()
        .answers::<List<LineBody>>(200),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    query: Query<SpanQuery>,
) -> Result<HttpResponse, Problem> {
    let whose = Whose::Actor(UserId::from_uuid(id.0));
    answer(&state, &caller, "audit.timeline.actor", whose, query.0).await
}
