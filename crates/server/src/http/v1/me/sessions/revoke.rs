use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    session::revoke::{RevokeSession, revoke},
};
use vutf_kernel::SessionId;

use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Delete,
    path: "/api/v1/me/sessions/{id}",
    access: Access::Session,
    action: action::SESSION_REVOKE,
    rate: RateClass::Default,
    doc: Doc::new("me", "End one of one's own sessions"),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let command = RevokeSession {
        session_id: SessionId::from_uuid(id.0),
    };
    revoke(&caller, &state.identity, command).await?;
    Ok(HttpResponse::NoContent().finish())
}
