use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    invitation::invite::{Invite, invite},
    role::permission,
};

use super::{super::auth::address, InvitationBody};
use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/invitations",
    access: Access::Permission(permission::USERS_WRITE),
    action: action::INVITATION_CREATE,
    rate: RateClass::UserCreate,
    doc: Doc::new(
        "users",
        "Invite somebody: an invitation is mailed, in the place of an earlier one to the same address",
    )
    .takes::<InvitationRequest>()
    .answers::<InvitationBody>(201)
    .refuses(&[409]),
};

/// Who is invited, and as what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationRequest {
    /// An address.
    #[schema(example = "grace@example.org", format = Email)]
    email: String,
    /// Roles beside the one that everybody has; any needs `roles:assign`, and none that grants more than one holds oneself.
    #[serde(default)]
    roles: Vec<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<InvitationRequest>,
) -> Result<HttpResponse, Problem> {
    let command = Invite {
        email: address(&body.0.email)?,
        roles: body.0.roles,
    };
    let invitation = invite(&caller, &state.identity, command).await?;
    Ok(HttpResponse::Created().json(InvitationBody::from(invitation)))
}
