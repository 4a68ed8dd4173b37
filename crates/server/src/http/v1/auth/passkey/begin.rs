use actix_web::{HttpResponse, web};
use vutf_identity::{action, session::passkey::begin};

use super::RequestBody;
use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/passkey/begin",
    access: Access::Anonymous,
    action: action::PASSKEY_CHALLENGE,
    rate: RateClass::Login,
    doc: Doc::new(
        "auth",
        "Ask what a passkey is to sign, so that it signs in without a password",
    )
    .answers::<RequestBody>(200),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let begun = begin(&caller, &state.identity).await;
    let options = begun.map_err(|error| Problem::port(&error))?;
    Ok(HttpResponse::Ok().json(RequestBody::from(options)))
}
