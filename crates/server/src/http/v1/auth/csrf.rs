use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::{action, session::csrf::hand_out};

use crate::http::{
    cookies, csrf,
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/auth/csrf",
    access: Access::Session,
    action: action::SESSION_CSRF,
    rate: RateClass::Default,
    doc: Doc::new(
        "auth",
        "Get the token that a browser sends beside its cookie, in the body and as a cookie",
    )
    .answers::<CsrfBody>(200)
    .refuses(&[409]),
};

/// A token of this session.
#[derive(Serialize, ToSchema)]
#[schema(as = CsrfToken)]
pub(crate) struct CsrfBody {
    /// To be sent back as `X-CSRF-Token` with every request that changes something.
    csrf_token: String,
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    hand_out(&caller, &state.identity, caller.kind()).await?;
    let session = caller.cookie().ok_or_else(|| Problem::internal("no cookie"))?;
    let csrf_token = csrf::token(&state, session)?;
    let mut answer = HttpResponse::Ok();
    cookies::give_token(&mut answer, &csrf_token);
    Ok(answer.json(CsrfBody { csrf_token }))
}
