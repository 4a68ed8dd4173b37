use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    role::{
        Permissions, RoleDescription, RoleName,
        create::{CreateRole, create},
        permission,
    },
};

use super::RoleBody;
use crate::http::{
    problem::{Fields, Problem},
    request::{Caller, Json, etag},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/roles",
    access: Access::Permission(permission::ROLES_MANAGE),
    action: action::ROLE_CREATE,
    rate: RateClass::Admin,
    doc: Doc::new(
        "authorisation",
        "Make a role, which grants nothing that you do not hold",
    )
    .takes::<CreateRoleRequest>()
    .answers::<RoleBody>(201)
    .tagged()
    .refuses(&[409]),
};

/// A role to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateRoleRequest {
    /// 3 to 48 of a to z, 0 to 9 and `_`, beginning with a letter; it stays.
    #[schema(example = "help_desk")]
    name: String,
    /// What it is for; at most 200 characters.
    #[serde(default)]
    #[schema(example = "Unlocks accounts")]
    description: String,
    /// What it grants: names of `GET /api/v1/permissions`.
    #[schema(example = json!(["users:read", "users:lock"]))]
    permissions: Vec<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<CreateRoleRequest>,
) -> Result<HttpResponse, Problem> {
    let role = create(&caller, &state.identity, body.0.command()?).await?;
    Ok(HttpResponse::Created()
        .insert_header(etag(role.stamps.version))
        .json(RoleBody::from(role)))
}

impl CreateRoleRequest {
    fn command(self) -> Result<CreateRole, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", RoleName::parse(&self.name));
        let description = fields.take("/description", RoleDescription::parse(&self.description));
        let permissions = fields.take("/permissions", Permissions::parse(&self.permissions));
        let (Some(name), Some(description), Some(permissions)) = (name, description, permissions) else {
            return Err(fields.into_problem());
        };
        Ok(CreateRole {
            name,
            description,
            permissions,
        })
    }
}
