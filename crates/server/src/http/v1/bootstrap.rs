use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{Email, Username, action, bootstrap};
use vutf_kernel::Secret;

use super::users::{UserBody, made};
use crate::http::{
    problem::{Fields, Problem},
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/bootstrap",
    access: Access::Anonymous,
    action: action::BOOTSTRAP,
    rate: RateClass::Login,
    doc: Doc::new(
        "bootstrap",
        "Make the first administrator, once, with the secret of the first start",
    )
    .takes::<BootstrapRequest>()
    .answers::<UserBody>(201)
    .tagged()
    .refuses(&[401, 409]),
};

/// The first administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BootstrapRequest {
    /// What the first start wrote to `bootstrap-token` in the data directory.
    #[schema(value_type = String, format = Password, write_only)]
    token: Secret<String>,
    /// 3 to 64 of letters, digits, `.`, `_`, `-`.
    #[schema(example = "ada")]
    username: String,
    /// An address.
    #[schema(example = "ada@example.org", format = Email)]
    email: String,
    /// At least 15 characters.
    #[schema(value_type = String, format = Password, write_only)]
    password: Secret<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<BootstrapRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command()?;
    let user = bootstrap::bootstrap(&caller, &state.identity, command).await?;
    Ok(made(user))
}

impl BootstrapRequest {
    fn command(self) -> Result<bootstrap::Bootstrap, Problem> {
        let mut fields = Fields::default();
        let username = fields.take("/username", Username::parse(&self.username));
        let email = fields.take("/email", Email::parse(&self.email));
        let (Some(username), Some(email)) = (username, email) else {
            return Err(fields.into_problem());
        };
        Ok(bootstrap::Bootstrap {
            token: self.token,
            username,
            email,
            password: self.password,
        })
    }
}
