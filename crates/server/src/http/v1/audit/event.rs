use actix_web::{HttpResponse, web};
use vutf_audit::access::{action, entry};
use vutf_identity::role::permission;
use vutf_kernel::EventId;

use super::EventBody;
use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/events/{id}",
    access: Access::Permission(permission::AUDIT_READ),
    action: action::READ,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "See an event and its place in the log").answers::<EventBody>(200),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let record = entry(&caller, state.log(), EventId::from_uuid(id.0)).await?;
    Ok(HttpResponse::Ok().json(EventBody::read(&record)?))
}
