use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    mfa::Presented,
    session::verify::{Verify, verify},
};
use vutf_kernel::Secret;

use super::{super::TokensBody, MethodName};
use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/mfa/verify",
    access: Access::Anonymous,
    action: action::SESSION_LOGIN,
    rate: RateClass::Login,
    doc: Doc::new("auth", "Sign in: the second factor, after the password")
        .takes::<VerifyRequest>()
        .answers::<TokensBody>(200)
        .refuses(&[401]),
};

/// A second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyRequest {
    /// As the sign-in gave it.
    #[schema(value_type = String, format = Password, write_only)]
    challenge: Secret<String>,
    /// One of the sign-in's `methods`.
    method: MethodName,
    /// As typed.
    #[schema(value_type = String, format = Password, write_only)]
    code: Secret<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<VerifyRequest>,
) -> Result<HttpResponse, Problem> {
    let VerifyRequest {
        challenge,
        method,
        code,
    } = body.0;
    let factor = Presented {
        method: method.into(),
        code,
    };
    let signed_in = verify(&caller, &state.identity, Verify { challenge, factor }).await?;
    Ok(HttpResponse::Ok().json(TokensBody::from(signed_in)))
}
