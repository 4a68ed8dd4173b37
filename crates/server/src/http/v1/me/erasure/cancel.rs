use actix_web::{HttpResponse, web};
use vutf_identity::{action, erasure_request::cancel::cancel};

use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Delete,
    path: "/api/v1/me/erasure",
    access: Access::Session,
    action: action::ERASURE_CANCEL,
    rate: RateClass::Default,
    doc: Doc::new("me", "Take it back that one's own erasure was asked for").refuses(&[404]),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    cancel(&caller, &state.identity).await?;
    Ok(HttpResponse::NoContent().finish())
}
