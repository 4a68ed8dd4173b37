use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    session::login::{Login, login},
};
use vutf_kernel::Secret;

use super::TokensBody;
use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/login",
    access: Access::Anonymous,
    action: action::SESSION_LOGIN,
    rate: RateClass::Login,
    doc: Doc::new("auth", "Sign in with a password")
        .takes::<LoginRequest>()
        .answers::<TokensBody>(200)
        .refuses(&[401]),
};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginRequest {
    /// Username or e-mail address.
    #[schema(value_type = String, example = "grace")]
    username: Secret<String>,
    /// The password.
    #[schema(value_type = String, format = Password, write_only)]
    password: Secret<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<LoginRequest>,
) -> Result<HttpResponse, Problem> {
    let LoginRequest { username, password } = body.0;
    let command = Login { username, password };
    let signed_in = login(&caller, &state.identity, command).await?;
    Ok(HttpResponse::Ok().json(TokensBody::from(signed_in)))
}
