use actix_web::{HttpResponse, web};
use vutf_identity::{action, mfa::remove::remove};

use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Delete,
    path: "/api/v1/me/mfa/totp",
    access: Access::Session,
    action: action::MFA_REMOVE,
    rate: RateClass::Default,
    doc: Doc::new("me", "Remove one's own authenticator app and backup codes").refuses(&[409]),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    remove(&caller, &state.identity).await?;
    Ok(HttpResponse::NoContent().finish())
}
