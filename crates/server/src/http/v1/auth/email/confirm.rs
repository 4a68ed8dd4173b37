use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    user::change_email::{ConfirmEmail, confirm_email},
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
    path: "/api/v1/auth/email/confirm",
    access: Access::Anonymous,
    action: action::EMAIL_CONFIRM,
    rate: RateClass::Login,
    doc: Doc::new(
        "auth",
        "Confirm a change of address by the link that was mailed to the new one",
    )
    .takes::<LinkRequest>()
    .refuses(&[403, 409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<LinkRequest>,
) -> Result<HttpResponse, Problem> {
    let token = body.0.token;
    confirm_email(&caller, &state.identity, ConfirmEmail { token }).await?;
    Ok(HttpResponse::NoContent().finish())
}
