use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    policy::remove::{RemovePolicy, remove},
    role::permission,
};
use vutf_kernel::PolicyId;

use crate::http::{
    problem::Problem,
    request::{Caller, Id, IfMatch},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Delete,
    path: "/api/v1/policies/{id}",
    access: Access::Permission(permission::POLICIES_MANAGE),
    action: action::POLICY_DELETE,
    rate: RateClass::Admin,
    doc: Doc::new("authorisation", "Delete a policy").conditional(),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    version: IfMatch,
) -> Result<HttpResponse, Problem> {
    let command = RemovePolicy {
        policy_id: PolicyId::from_uuid(id.0),
        expected_version: version.0,
    };
    remove(&caller, &state.identity, command).await?;
    Ok(HttpResponse::NoContent().finish())
}
