use actix_web::{HttpResponse, web};
use vutf_identity::{action, session::logout::logout};

use crate::http::{
    cookies,
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Delete,
    path: "/api/v1/auth/session",
    access: Access::Session,
    action: action::SESSION_LOGOUT,
    rate: RateClass::Default,
    doc: Doc::new("auth", "End this session and take its cookies back"),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    logout(&caller, &state.identity).await?;
    let mut answer = HttpResponse::NoContent();
    cookies::take_back(&mut answer);
    Ok(answer.finish())
}
