use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    role::{
        permission,
        remove::{RemoveRole, remove},
    },
};

use crate::http::{
    problem::Problem,
    request::{Caller, IfMatch, OfRole},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Delete,
    path: "/api/v1/roles/{role}",
    access: Access::Permission(permission::ROLES_MANAGE),
    action: action::ROLE_DELETE,
    rate: RateClass::Admin,
    doc: Doc::new(
        "authorisation",
        "Delete a role of the organization that nobody holds",
    )
    .conditional()
    .refuses(&[404, 409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    name: OfRole,
    version: IfMatch,
) -> Result<HttpResponse, Problem> {
    let command = RemoveRole {
        name: name.0,
        expected_version: version.0,
    };
    remove(&caller, &state.identity, command).await?;
    Ok(HttpResponse::NoContent().finish())
}
