use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    user::reset_password::{ResetPassword, reset_password},
};
use vutf_kernel::Secret;

use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/password/reset",
    access: Access::Anonymous,
    action: action::PASSWORD_RESET,
    rate: RateClass::Login,
    doc: Doc::new(
        "auth",
        "Set a password by a mailed link; all sessions end, and a second factor stays",
    )
    .takes::<ResetPasswordRequest>()
    .refuses(&[403]),
};

/// A mailed link and the password to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetPasswordRequest {
    /// What follows `#token=` in the link.
    #[schema(value_type = String, format = Password, write_only)]
    token: Secret<String>,
    /// The password to be: at least 15 characters, none that is guessed first.
    #[schema(value_type = String, format = Password, write_only)]
    password: Secret<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<ResetPasswordRequest>,
) -> Result<HttpResponse, Problem> {
    let ResetPasswordRequest { token, password } = body.0;
    reset_password(&caller, &state.identity, ResetPassword { token, password }).await?;
    Ok(HttpResponse::NoContent().finish())
}
