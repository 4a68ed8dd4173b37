use actix_web::{HttpResponse, web};
use vutf_audit::analysis::{action::RULE_READ, rules};
use vutf_identity::role::permission;

use super::{RuleBody, shown};
use crate::http::{
    problem::Problem,
    request::{Caller, OfRule},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/rules/{rule}",
    access: Access::Permission(permission::AUDIT_READ),
    action: RULE_READ,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "See a detection rule")
        .answers::<RuleBody>(200)
        .tagged()
        .refuses(&[404]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    rule: OfRule,
) -> Result<HttpResponse, Problem> {
    Ok(shown(&rules::view(&caller, state.analysis(), &rule.0).await?))
}
