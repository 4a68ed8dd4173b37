use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_app::approvals::Change;
use vutf_audit::analysis::action::RULE_SILENCE;
use vutf_identity::role::permission;
use vutf_kernel::Timestamp;

use super::{RuleBody, shown};
use crate::http::{
    problem::Problem,
    request::{Caller, Json, OfRule},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::approvals::{RequestBody, pending},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/audit/rules/{rule}/silence",
    access: Access::Permission(permission::AUDIT_MANAGE),
    action: RULE_SILENCE,
    rate: RateClass::Admin,
    doc: Doc::new(
        "audit",
        "Tell nobody of what a rule finds for a while; it goes on finding",
    )
    .takes::<SilenceRequest>()
    .answers::<RuleBody>(200)
    .or_answers::<RequestBody>(202)
    .tagged()
    .refuses(&[404, 409]),
};

/// For how long, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SilenceDetectionRule)]
pub(crate) struct SilenceRequest {
    /// Until when, at most 30 days from now.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// 1 to 200 bytes, not about a person: it stays in the log for good.
    reason: String,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    rule: OfRule,
    body: Json<SilenceRequest>,
) -> Result<HttpResponse, Problem> {
    let SilenceRequest { until, reason } = body.0;
    let approvals = state.approvals();
    let done = approvals
        .silence_rule(&caller, state.analysis(), &rule.0, until, &reason)
        .await?;
    Ok(match done {
        Change::Done(view) => shown(&view),
        Change::Pending(request) => pending(*request, state.identity.ambient.now()),
    })
}
