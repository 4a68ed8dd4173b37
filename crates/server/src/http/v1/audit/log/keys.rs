use actix_web::{HttpResponse, web};
use vutf_audit::access::action;
use vutf_identity::role::permission;

use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/log/keys",
    access: Access::Permission(permission::AUDIT_READ),
    action: action::VKEYS,
    rate: RateClass::Default,
    doc: Doc::new(
        "audit",
        "Public keys of the log's checkpoints, one a line (C2SP signed-note)",
    )
    .answers_media("text/plain"),
};

pub(crate) async fn handle(state: web::Data<AppState>, _caller: Caller) -> Result<HttpResponse, Problem> {
    let keys = state
        .log_signer
        .verifiers()
        .map_err(|error| Problem::port(&error))?;
    let lines = keys
        .iter()
        .fold(String::new(), |text, key| text + &format!("{key}\n"));
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(lines))
}
