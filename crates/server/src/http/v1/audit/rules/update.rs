use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_app::approvals::Change;
use vutf_audit::analysis::{action::RULE_UPDATE, rules::RuleChange};
use vutf_identity::role::permission;

use super::{RuleBody, shown};
use crate::http::{
    problem::Problem,
    request::{Caller, IfMatch, Json, OfRule},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::approvals::{RequestBody, pending},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Patch,
    path: "/api/v1/audit/rules/{rule}",
    access: Access::Permission(permission::AUDIT_MANAGE),
    action: RULE_UPDATE,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "Switch a detection rule, or tune it within its bounds")
        .takes::<UpdateRuleRequest>()
        .answers::<RuleBody>(200)
        .or_answers::<RequestBody>(202)
        .tagged()
        .conditional()
        .refuses(&[404, 409]),
};

/// What is to be different; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateDetectionRule)]
pub(crate) struct UpdateRuleRequest {
    /// Whether it is evaluated.
    enabled: Option<bool>,
    /// Numbers by name, within the rule's bounds; `null`: the default.
    #[serde(default)]
    parameters: BTreeMap<String, Option<i64>>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    rule: OfRule,
    read: IfMatch,
    body: Json<UpdateRuleRequest>,
) -> Result<HttpResponse, Problem> {
    let change = RuleChange {
        // The tag is one more than the version; a foreign one is that of no version.
        expected_version: read.0.map(|tag| tag.saturating_sub(1)),
        enabled: body.0.enabled,
        parameters: body.0.parameters,
    };
    let approvals = state.approvals();
    let done = approvals
        .change_rule(&caller, state.analysis(), &rule.0, change)
        .await?;
    Ok(match done {
        Change::Done(view) => shown(&view),
        Change::Pending(request) => pending(*request, state.identity.ambient.now()),
    })
}
