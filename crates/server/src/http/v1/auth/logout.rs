use actix_web::{HttpResponse, web};
use vutf_identity::{action, session::logout::logout};

use crate::http::{
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
    doc: Doc::new("auth", "End this session and its refresh tokens"),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    logout(&caller, &state.identity).await?;
    Ok(HttpResponse::NoContent().finish())
}
