use actix_web::{HttpResponse, web};
use vutf_identity::{action, session::step_up::begin};

use super::passkey::RequestBody;
use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/step-up/passkey",
    access: Access::Session,
    action: action::PASSKEY_CHALLENGE,
    rate: RateClass::Login,
    doc: Doc::new(
        "auth",
        "Ask what a passkey is to sign for `POST /api/v1/auth/step-up`",
    )
    .answers::<RequestBody>(200)
    .refuses(&[409]),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let options = begin(&caller, &state.identity).await?;
    Ok(HttpResponse::Ok().json(RequestBody::from(options)))
}
