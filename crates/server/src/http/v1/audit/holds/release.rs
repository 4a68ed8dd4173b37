use actix_web::{HttpResponse, web};
use vutf_audit::retention::action;
use vutf_identity::role::permission;
use vutf_kernel::HoldId;

use super::HoldBody;
use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/audit/holds/{id}/release",
    access: Access::Permission(permission::AUDIT_RETAIN),
    action: action::HOLD_RELEASE,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "Release a legal hold; it stays in the list")
        .answers::<HoldBody>(200)
        .refuses(&[409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let hold = state
        .retention()
        .release(&caller, HoldId::from_uuid(id.0))
        .await?;
    Ok(HttpResponse::Ok().json(HoldBody::from(hold)))
}
