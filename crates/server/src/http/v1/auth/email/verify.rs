use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    user::verify_email::{VerifyEmail, verify_email},
};

use super::super::LinkRequest;
use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/email/verify",
    access: Access::Anonymous,
    action: action::EMAIL_VERIFY,
    rate: RateClass::Login,
    doc: Doc::new("auth", "Verify an address by a mailed link")
        .takes::<LinkRequest>()
        .refuses(&[403]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<LinkRequest>,
) -> Result<HttpResponse, Problem> {
    let token = body.0.token;
    verify_email(&caller, &state.identity, VerifyEmail { token }).await?;
    Ok(HttpResponse::NoContent().finish())
}
