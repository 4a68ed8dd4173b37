use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    role::{list, permission},
};

use super::RoleBody;
use crate::http::{
    problem::Problem,
    request::{Caller, List},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/roles",
    access: Access::Permission(permission::ROLES_READ),
    action: action::ROLE_LIST,
    rate: RateClass::Admin,
    doc: Doc::new(
        "authorisation",
        "List roles and what they grant: those that everybody has, and the organization's own",
    )
    .answers::<List<RoleBody>>(200),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let roles = list::list(&caller, &state.identity).await?;
    Ok(HttpResponse::Ok().json(List {
        items: roles.iter().map(RoleBody::from).collect(),
        next_cursor: None,
    }))
}
