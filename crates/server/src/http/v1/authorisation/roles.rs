use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    role::{BuiltInRole, list, permission},
};
use vutf_kernel::Permission;

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
    doc: Doc::new("authorisation", "List roles and what they grant").answers::<List<RoleBody>>(200),
};

/// A set of permissions with a name.
#[derive(Serialize, ToSchema)]
#[schema(as = Role)]
pub(crate) struct RoleBody {
    /// Its name.
    #[schema(example = "auditor")]
    name: &'static str,
    /// What it is for.
    description: &'static str,
    /// What it grants.
    #[schema(value_type = Vec<String>)]
    permissions: Vec<&'static str>,
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let roles = list::list(&caller, &state.identity).await?;
    Ok(HttpResponse::Ok().json(List {
        items: roles.iter().map(RoleBody::from).collect(),
        next_cursor: None,
    }))
}

impl From<&'static BuiltInRole> for RoleBody {
    fn from(role: &'static BuiltInRole) -> Self {
        Self {
            name: role.name,
            description: role.description,
            permissions: role.permissions().iter().map(Permission::as_str).collect(),
        }
    }
}
