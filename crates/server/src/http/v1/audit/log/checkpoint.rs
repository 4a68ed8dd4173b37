use actix_web::{HttpResponse, web};
use vutf_audit::{access::action, prove::checkpoint};
use vutf_identity::role::permission;

use super::{UnderQuery, WITNESSED};
use crate::http::{
    problem::Problem,
    request::{Caller, Query},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/log/checkpoint",
    access: Access::Permission(permission::AUDIT_READ),
    action: action::CHECKPOINT,
    rate: RateClass::Default,
    doc: Doc::new("audit", "The newest signed checkpoint (C2SP tlog-checkpoint)")
        .query(&[WITNESSED])
        .answers_media("text/plain")
        .refuses(&[404]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    query: Query<UnderQuery>,
) -> Result<HttpResponse, Problem> {
    let note = checkpoint(&caller, state.log(), state.under(query.0.witnessed)).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(note))
}
