use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_audit::retention::{HoldReason, action};
use vutf_identity::role::permission;

use super::{HoldBody, ScopeBody, invalid};
use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/audit/holds",
    access: Access::Permission(permission::AUDIT_RETAIN),
    action: action::HOLD_PLACE,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "Place a legal hold: what it covers is not pruned")
        .takes::<PlaceRequest>()
        .answers::<HoldBody>(201),
};

/// A hold to be placed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlaceLegalHold)]
pub(crate) struct PlaceRequest {
    /// Why, e.g. the number of a case: 1 to 200 bytes, in clear in the audit log for good. No place for personal data.
    #[schema(example = "case 2026-17", max_length = 200)]
    reason: String,
    /// Which events; without it, all of the tenant.
    #[serde(default)]
    scope: ScopeBody,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<PlaceRequest>,
) -> Result<HttpResponse, Problem> {
    let PlaceRequest { reason, scope } = body.0;
    let reason = HoldReason::parse(&reason)
        .ok_or_else(|| invalid("/reason", "reason", "1 to 200 bytes without control characters"))?;
    let hold = state.retention().place(&caller, reason, scope.parse()?).await?;
    Ok(HttpResponse::Created().json(HoldBody::from(hold)))
}
