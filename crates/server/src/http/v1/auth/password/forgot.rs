use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    user::forgot_password::{AskForLink, forgot_password},
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
    path: "/api/v1/auth/password/forgot",
    access: Access::Anonymous,
    action: action::PASSWORD_FORGOT,
    rate: RateClass::PasswordReset,
    doc: Doc::new(
        "auth",
        "Have a link mailed that sets a password, if there is such an account",
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
    forgot_password(&caller, &state.identity, AskForLink { email }).await?;
    Ok(HttpResponse::Accepted().json(AcceptedBody::ACCEPTED))
}
