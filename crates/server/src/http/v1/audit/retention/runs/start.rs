use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_audit::retention::action;
use vutf_identity::role::permission;

use super::RunBody;
use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::audit::retention::PlanBody,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/audit/retention/runs",
    access: Access::Permission(permission::AUDIT_RETAIN),
    action: action::RUN,
    rate: RateClass::Admin,
    doc: Doc::new(
        "audit",
        "Prune what is old enough and held by nobody, within seconds; or only count it",
    )
    .takes::<RunRequest>()
    .answers::<RunBody>(202)
    .or_answers::<PlanBody>(200)
    .refuses(&[409]),
};

/// What is to be done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StartRetentionRun)]
pub(crate) struct RunRequest {
    /// Count what would be removed, and remove nothing. Works while pruning is switched off, too.
    dry_run: bool,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<RunRequest>,
) -> Result<HttpResponse, Problem> {
    let retention = state.retention();
    if body.0.dry_run {
        let plan = retention.dry_run(&caller, &mut |_| {}).await?;
        return Ok(HttpResponse::Ok().json(PlanBody::from(plan)));
    }
    let run = retention.request(&caller).await?;
    Ok(HttpResponse::Accepted().json(RunBody::from(run)))
}
