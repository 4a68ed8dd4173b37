use actix_web::{HttpResponse, web};
use vutf_audit::retention::action;
use vutf_identity::role::permission;

use super::HoldBody;
use crate::http::{
    problem::Problem,
    request::{Caller, List},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/holds",
    access: Access::Permission(permission::AUDIT_READ),
    action: action::HOLD_LIST,
    rate: RateClass::Admin,
    doc: Doc::new(
        "audit",
        "List the legal holds of the tenant, released ones too, oldest first",
    )
    .answers::<List<HoldBody>>(200),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let holds = state.retention().holds(&caller).await?;
    Ok(HttpResponse::Ok().json(List {
        items: holds.into_iter().map(HoldBody::from).collect(),
        next_cursor: None,
    }))
}
