use actix_web::{HttpResponse, web};
use vutf_audit::analysis::{action::FINDING_READ, findings};
use vutf_identity::role::permission;
use vutf_kernel::FindingId;

use super::{DetailBody, shown};
use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/findings/{id}",
    access: Access::Permission(permission::AUDIT_READ),
    action: FINDING_READ,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "See a finding and its evidence").answers::<DetailBody>(200),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let found = findings::view(&caller, state.analysis(), FindingId::from_uuid(id.0)).await?;
    Ok(shown(&found))
}
