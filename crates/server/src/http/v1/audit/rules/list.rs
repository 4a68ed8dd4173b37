use actix_web::{HttpResponse, web};
use vutf_audit::analysis::{action::RULE_LIST, rules};
use vutf_identity::role::permission;

use super::RuleBody;
use crate::http::{
    problem::Problem,
    request::{Caller, List},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/rules",
    access: Access::Permission(permission::AUDIT_READ),
    action: RULE_LIST,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "List the detection rules").answers::<List<RuleBody>>(200),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let views = rules::list(&caller, state.analysis()).await?;
    Ok(HttpResponse::Ok().json(List {
        items: views.iter().map(RuleBody::new).collect(),
        next_cursor: None,
    }))
}
