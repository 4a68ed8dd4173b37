use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    role::{list, permission},
};

use crate::http::{
    problem::Problem,
    request::{Caller, List},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/permissions",
    access: Access::Permission(permission::ROLES_READ),
    action: action::PERMISSION_LIST,
    rate: RateClass::Admin,
    doc: Doc::new("authorisation", "List permissions").answers::<List<PermissionBody>>(200),
};

/// A right.
#[derive(Serialize, ToSchema)]
#[schema(as = Permission)]
pub(crate) struct PermissionBody {
    /// `resource:action`.
    #[schema(example = "users:read")]
    name: &'static str,
    /// What it allows.
    description: &'static str,
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let all = list::permissions(&caller, &state.identity).await?;
    let items = all
        .iter()
        .map(|(name, description)| PermissionBody { name, description });
    Ok(HttpResponse::Ok().json(List {
        items: items.collect(),
        next_cursor: None,
    }))
}
