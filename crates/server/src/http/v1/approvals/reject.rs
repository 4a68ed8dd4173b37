use actix_web::{HttpResponse, web};
use vutf_app::approvals::action::APPROVAL_REJECT;
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
    path: "/api/v1/approvals/{id}/reject",
    access: Access::Session,
    action: APPROVAL_REJECT,
    rate: RateClass::Admin,
    doc: Doc::new("authorisation", "Reject a request, or take one's own back")
        .answers::<RequestBody>(200)
        .refuses(&[403, 409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let rejected = state
        .approvals()
        .reject(&caller, ApprovalId::from_uuid(id.0))
        .await?;
    Ok(HttpResponse::Ok().json(RequestBody::new(rejected, state.identity.ambient.now())))
}
