use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{
    DisplayName, Username, action,
    role::permission,
    user::create::{CreateServiceAccount, create_service},
};

use crate::http::{
    problem::{Fields, Problem},
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::users::{UserBody, made},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/service-accounts",
    access: Access::Permission(permission::SERVICE_ACCOUNTS_MANAGE),
    action: action::SERVICE_ACCOUNT_CREATE,
    rate: RateClass::UserCreate,
    doc: Doc::new(
        "api-keys",
        "Make an account for a program, which acts through API keys alone",
    )
    .takes::<CreateServiceAccountRequest>()
    .answers::<UserBody>(201)
    .tagged()
    .refuses(&[409]),
};

/// An account for a program.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateServiceAccountRequest {
    /// 3 to 64 of letters, digits, `.`, `_`, `-`.
    #[schema(example = "nightly-export")]
    username: String,
    /// What it is for.
    #[schema(example = "Exports the audit log every night")]
    display_name: Option<String>,
    /// Names of roles beside `user`, which everybody has.
    #[serde(default)]
    #[schema(example = json!(["auditor"]))]
    roles: Vec<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<CreateServiceAccountRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command()?;
    let user = create_service(&caller, &state.identity, command).await?;
    Ok(made(user))
}

impl CreateServiceAccountRequest {
    fn command(self) -> Result<CreateServiceAccount, Problem> {
        let mut fields = Fields::default();
        let username = fields.take("/username", Username::parse(&self.username));
        let display_name =
            fields.take_optional("/display_name", self.display_name.as_deref(), DisplayName::parse);
        fields.check()?;
        Ok(CreateServiceAccount {
            username: username.ok_or_else(|| Fields::default().into_problem())?,
            display_name,
            roles: self.roles,
        })
    }
}
