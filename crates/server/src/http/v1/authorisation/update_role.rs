use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    role::{
        Permissions, RoleDescription, permission,
        update::{UpdateRole, update},
    },
};

use super::RoleBody;
use crate::http::{
    problem::{Fields, Problem},
    request::{Caller, IfMatch, Json, OfRole, etag},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Patch,
    path: "/api/v1/roles/{role}",
    access: Access::Permission(permission::ROLES_MANAGE),
    action: action::ROLE_UPDATE,
    rate: RateClass::Admin,
    doc: Doc::new(
        "authorisation",
        "Change what a role of the organization grants, never beyond one's own rights",
    )
    .takes::<UpdateRoleRequest>()
    .answers::<RoleBody>(200)
    .tagged()
    .conditional()
    .refuses(&[404, 409]),
};

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateRoleRequest {
    /// What it is for; at most 200 characters.
    description: Option<String>,
    /// All that it is to grant: names of `GET /api/v1/permissions`.
    #[schema(example = json!(["users:read"]))]
    permissions: Option<Vec<String>>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    name: OfRole,
    version: IfMatch,
    body: Json<UpdateRoleRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command(name.0, version)?;
    let role = update(&caller, &state.identity, command).await?;
    Ok(HttpResponse::Ok()
        .insert_header(etag(role.stamps.version))
        .json(RoleBody::from(role)))
}

impl UpdateRoleRequest {
    fn command(self, name: String, version: IfMatch) -> Result<UpdateRole, Problem> {
        let mut fields = Fields::default();
        let description = self.description.map(|text| RoleDescription::parse(&text));
        let description = description.map(|read| fields.take("/description", read));
        let permissions = self.permissions.map(|names| Permissions::parse(&names));
        let permissions = permissions.map(|read| fields.take("/permissions", read));
        if matches!(description, Some(None)) || matches!(permissions, Some(None)) {
            return Err(fields.into_problem());
        }
        Ok(UpdateRole {
            name,
            expected_version: version.0,
            description: description.flatten(),
            permissions: permissions.flatten(),
        })
    }
}
