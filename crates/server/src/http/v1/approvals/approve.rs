use actix_web::{HttpResponse, web};
use vutf_app::approvals::action::APPROVAL_APPROVE;
use vutf_kernel::ApprovalId;

use super::RequestBody;
use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/approvals/{id}/approve",
    access: Access::Session,
    action: APPROVAL_APPROVE,
    rate: RateClass::Admin,
    doc: Doc::new(
        "authorisation",
        "Approve what another person asked for; it is done at once. Needs what they needed",
    )
    .answers::<RequestBody>(200)
    .refuses(&[403, 409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let approved = state
        .approvals()
        .approve(&caller, ApprovalId::from_uuid(id.0))
        .await?;
    Ok(HttpResponse::Ok().json(RequestBody::new(approved, state.identity.ambient.now())))
}
