use actix_web::{HttpResponse, web};
use vutf_audit::analysis::{action::RULE_UNSILENCE, rules};
use vutf_identity::role::permission;

use super::{RuleBody, shown};
use crate::http::{
    problem::Problem,
    request::{Caller, OfRule},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/audit/rules/{rule}/unsilence",
    access: Access::Permission(permission::AUDIT_MANAGE),
    action: RULE_UNSILENCE,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "Tell people again of what a rule finds")
        .answers::<RuleBody>(200)
        .tagged()
        .refuses(&[404, 409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    rule: OfRule,
) -> Result<HttpResponse, Problem> {
    let view = rules::unsilence(&caller, state.analysis(), &rule.0).await?;
    Ok(shown(&view))
}
