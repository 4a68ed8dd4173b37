use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    user::forgot_password::{AskForLink, resend_verification},
};

use super::super::{AcceptedBody, AddressRequest, address};
use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/email/verify/resend",
    access: Access::Anonymous,
    action: action::EMAIL_RESEND,
    rate: RateClass::PasswordReset,
    doc: Doc::new(
        "auth",
        "Have the link that verifies an address mailed once more, if there is such an account",
    )
    .takes::<AddressRequest>()
    .answers::<AcceptedBody>(202)
    .refuses(&[403]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<AddressRequest>,
) -> Result<HttpResponse, Problem> {
    let email = address(&body.0.email)?;
    resend_verification(&caller, &state.identity, AskForLink { email }).await?;
    Ok(HttpResponse::Accepted().json(AcceptedBody::ACCEPTED))
}
