use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_app::approvals::Change;
use vutf_identity::{
    action,
    role::{assign::AssignRoles, permission},
};
use vutf_kernel::UserId;

use super::{UserBody, profile};
use crate::http::{
    problem::Problem,
    request::{Caller, Id, IfMatch, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::approvals::{RequestBody, pending},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Put,
    path: "/api/v1/users/{id}/roles",
    access: Access::Permission(permission::ROLES_ASSIGN),
    action: action::ROLE_ASSIGN,
    rate: RateClass::Admin,
    doc: Doc::new(
        "users",
        "Replace a user's roles, never beyond one's own rights; what takes two persons is asked for",
    )
    .takes::<RolesRequest>()
    .answers::<UserBody>(200)
    .or_answers::<RequestBody>(202)
    .tagged()
    .conditional()
    .refuses(&[409]),
};

/// All roles that the user is to have.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RolesRequest {
    /// Names; `user`, which everybody has, is added.
    #[schema(example = json!(["auditor"]))]
    roles: Vec<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    version: IfMatch,
    body: Json<RolesRequest>,
) -> Result<HttpResponse, Problem> {
    let command = AssignRoles {
        user_id: UserId::from_uuid(id.0),
        expected_version: version.0,
        roles: body.0.roles,
    };
    let done = state.approvals().assign(&caller, command).await?;
    Ok(match done {
        Change::Done(done) => profile(done),
        Change::Pending(request) => pending(*request, state.identity.ambient.now()),
    })
}
