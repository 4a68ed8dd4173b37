use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{
    DisplayName, Email, Phone, Username, action,
    role::permission,
    user::create::{CreateUser, create},
};
use vutf_kernel::Secret;

use super::{UserBody, made};
use crate::http::{
    problem::{Fields, Problem},
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/users",
    access: Access::Permission(permission::USERS_WRITE),
    action: action::USER_CREATE,
    rate: RateClass::UserCreate,
    doc: Doc::new("users", "Make an account for somebody")
        .takes::<CreateUserRequest>()
        .answers::<UserBody>(201)
        .tagged()
        .refuses(&[409]),
};

/// An account for somebody.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateUserRequest {
    /// 3 to 64 of letters, digits, `.`, `_`, `-`.
    #[schema(example = "grace")]
    username: String,
    /// An address.
    #[schema(example = "grace@example.org", format = Email)]
    email: String,
    /// At least 15 characters; without one nobody can sign in until one is set.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    password: Option<Secret<String>>,
    /// What others see.
    #[schema(example = "Grace Hopper")]
    display_name: Option<String>,
    /// E.164.
    #[schema(example = "+12025550123")]
    phone: Option<String>,
    /// Names of roles beside `user`, which everybody has.
    #[serde(default)]
    #[schema(example = json!(["auditor"]))]
    roles: Vec<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<CreateUserRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command()?;
    let user = create(&caller, &state.identity, command).await?;
    Ok(made(user))
}

impl CreateUserRequest {
    pub(super) fn command(self) -> Result<CreateUser, Problem> {
        let mut fields = Fields::default();
        let username = fields.take("/username", Username::parse(&self.username));
        let email = fields.take("/email", Email::parse(&self.email));
        let display_name =
            fields.take_optional("/display_name", self.display_name.as_deref(), DisplayName::parse);
        let phone = fields.take_optional("/phone", self.phone.as_deref(), Phone::parse);
        fields.check()?;
        let (Some(username), Some(email)) = (username, email) else {
            return Err(Fields::default().into_problem());
        };
        Ok(CreateUser {
            username,
            email,
            password: self.password,
            display_name,
            phone,
            roles: self.roles,
        })
    }
}
