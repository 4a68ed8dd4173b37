use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    role::{
        list::{Role, view},
        permission,
    },
};

use super::RoleBody;
use crate::http::{
    problem::Problem,
    request::{Caller, OfRole, etag},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/roles/{role}",
    access: Access::Permission(permission::ROLES_READ),
    action: action::ROLE_READ,
    rate: RateClass::Admin,
    doc: Doc::new(
        "authorisation",
        "Show a role; one of the organization has an `ETag`",
    )
    .answers::<RoleBody>(200)
    .tagged()
    .refuses(&[404]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    name: OfRole,
) -> Result<HttpResponse, Problem> {
    let role = view(&caller, &state.identity, name.0).await?;
    let mut response = HttpResponse::Ok();
    if let Role::Custom(role) = &role {
        response.insert_header(etag(role.stamps.version));
    }
    Ok(response.json(RoleBody::from(&role)))
}
