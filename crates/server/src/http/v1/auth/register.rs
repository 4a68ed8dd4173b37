use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{
    Email, Username, action,
    user::register::{Register, register},
};
use vutf_kernel::Secret;

use crate::http::{
    problem::{Fields, Problem},
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::users::{UserBody, made},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/register",
    access: Access::Anonymous,
    action: action::USER_REGISTER,
    rate: RateClass::Register,
    doc: Doc::new("auth", "Make an account")
        .takes::<RegisterRequest>()
        .answers::<UserBody>(201)
        .tagged()
        .refuses(&[403, 409]),
};

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterRequest {
    /// 3 to 64 of letters, digits, `.`, `_`, `-`.
    #[schema(example = "grace")]
    username: String,
    /// An address.
    #[schema(example = "grace@example.org", format = Email)]
    email: String,
    /// At least 15 characters.
    #[schema(value_type = String, format = Password, write_only)]
    password: Secret<String>,
    /// What follows `#token=` in an invitation; where registration is by invitation it is needed.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, write_only)]
    invitation: Option<Secret<String>>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<RegisterRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command()?;
    let user = register(&caller, &state.identity, command).await?;
    Ok(made(user))
}

impl RegisterRequest {
    fn command(self) -> Result<Register, Problem> {
        let mut fields = Fields::default();
        let username = fields.take("/username", Username::parse(&self.username));
        let email = fields.take("/email", Email::parse(&self.email));
        let (Some(username), Some(email)) = (username, email) else {
            return Err(fields.into_problem());
        };
        Ok(Register {
            username,
            email,
            password: self.password,
            invitation: self.invitation,
        })
    }
}
