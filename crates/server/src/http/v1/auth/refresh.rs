use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_identity::{
    action,
    session::refresh::{Refresh, refresh},
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
    path: "/api/v1/auth/refresh",
    access: Access::Anonymous,
    action: action::SESSION_REFRESH,
    rate: RateClass::Refresh,
    doc: Doc::new(
        "auth",
        "Exchange a refresh token; using one twice ends the session",
    )
    .takes::<RefreshRequest>()
    .answers::<TokensBody>(200)
    .refuses(&[401]),
};

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshRequest {
    /// As the sign-in or the last exchange gave it.
    #[schema(value_type = String, format = Password, write_only)]
    refresh_token: Secret<String>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<RefreshRequest>,
) -> Result<HttpResponse, Problem> {
    let command = Refresh {
        refresh_token: body.0.refresh_token,
    };
    let signed_in = refresh(&caller, &state.identity, command).await?;
    Ok(HttpResponse::Ok().json(TokensBody::from(signed_in)))
}
