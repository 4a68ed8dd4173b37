use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    session::{SessionKind, logout::logout},
};

use crate::http::{
    cookies,
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/auth/logout",
    access: Access::Session,
    action: action::SESSION_LOGOUT,
    rate: RateClass::Default,
    doc: Doc::new("auth", "End this session with its refresh tokens or its cookies"),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    logout(&caller, &state.identity).await?;
    let mut answer = HttpResponse::NoContent();
    if caller.kind() == SessionKind::Cookie {
        cookies::take_back(&mut answer);
    }
    Ok(answer.finish())
}
