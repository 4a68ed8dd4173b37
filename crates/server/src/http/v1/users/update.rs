use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{
    DisplayName, Email, Phone, Username, action,
    role::permission,
    user::update::{UpdateUser, update},
};
use vutf_kernel::UserId;

use super::{UserBody, changed};
use crate::http::{
    problem::{Fields, Problem},
    request::{Caller, Id, IfMatch, Json, Member},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Patch,
    path: "/api/v1/users/{id}",
    access: Access::Permission(permission::USERS_WRITE),
    action: action::USER_UPDATE,
    rate: RateClass::Admin,
    doc: Doc::new("users", "Change a user")
        .takes::<UpdateUserRequest>()
        .answers::<UserBody>(200)
        .tagged()
        .conditional()
        .refuses(&[409]),
};

/// What to change; an absent member is left as it is, `null` removes the value where that is possible.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateUserRequest {
    /// 3 to 64 of letters, digits, `.`, `_`, `-`.
    #[schema(example = "grace")]
    username: Option<String>,
    /// An address.
    #[schema(example = "grace@example.org", format = Email)]
    email: Option<String>,
    /// What others see.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, example = "Grace Hopper")]
    display_name: Member<String>,
    /// E.164.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, example = "+12025550123")]
    phone: Member<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    version: IfMatch,
    body: Json<UpdateUserRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command(UserId::from_uuid(id.0), version)?;
    Ok(changed(update(&caller, &state.identity, command).await?))
}

impl UpdateUserRequest {
    pub(super) fn command(self, user_id: UserId, version: IfMatch) -> Result<UpdateUser, Problem> {
        let mut fields = Fields::default();
        let username = fields.take_optional("/username", self.username.as_deref(), Username::parse);
        let email = fields.take_optional("/email", self.email.as_deref(), Email::parse);
        let display_name = fields.take_change("/display_name", &self.display_name, DisplayName::parse);
        let phone = fields.take_change("/phone", &self.phone, Phone::parse);
        fields.check()?;
        Ok(UpdateUser {
            user_id,
            expected_version: version.0,
            username,
            email,
            display_name,
            phone,
        })
    }
}
