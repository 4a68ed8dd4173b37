use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    user::change_email::{ChangeEmail, change_email},
};

use super::super::auth::{AcceptedBody, AddressRequest, address};
use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/me/email",
    access: Access::Session,
    action: action::EMAIL_CHANGE,
    rate: RateClass::Login,
    doc: Doc::new(
        "me",
        "Change one's own address: a link is mailed to the new one, and a notice to the old one",
    )
    .takes::<AddressRequest>()
    .answers::<AcceptedBody>(202)
    .refuses(&[403, 409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<AddressRequest>,
) -> Result<HttpResponse, Problem> {
    let email = address(&body.0.email)?;
    change_email(&caller, &state.identity, ChangeEmail { email }).await?;
    Ok(HttpResponse::Accepted().json(AcceptedBody::ACCEPTED))
}
