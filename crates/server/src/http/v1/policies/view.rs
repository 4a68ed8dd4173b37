use actix_web::{HttpResponse, web};
use vutf_identity::{action, policy::view::view, role::permission};
use vutf_kernel::PolicyId;

use super::PolicyBody;
use crate::http::{
    problem::Problem,
    request::{Caller, Id, etag},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/policies/{id}",
    access: Access::Permission(permission::POLICIES_READ),
    action: action::POLICY_READ,
    rate: RateClass::Admin,
    doc: Doc::new("authorisation", "Show a policy")
        .answers::<PolicyBody>(200)
        .tagged(),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let policy = view(&caller, &state.identity, PolicyId::from_uuid(id.0)).await?;
    Ok(HttpResponse::Ok()
        .insert_header(etag(policy.stamps.version))
        .json(PolicyBody::from(&policy)))
}
