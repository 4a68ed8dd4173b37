use actix_web::{HttpResponse, web};
use vutf_audit::retention::action;
use vutf_identity::role::permission;

use super::RunBody;
use crate::http::{
    problem::Problem,
    request::{Caller, List},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/retention/runs",
    access: Access::Permission(permission::AUDIT_READ),
    action: action::RUN_LIST,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "List the newest runs that pruned the log, newest first")
        .answers::<List<RunBody>>(200),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let runs = state.retention().runs(&caller).await?;
    Ok(HttpResponse::Ok().json(List {
        items: runs.into_iter().map(RunBody::from).collect(),
        next_cursor: None,
    }))
}
