use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::{action, session::revoke::revoke_others};
use vutf_kernel::SessionId;

use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/me/sessions/revoke-others",
    access: Access::Session,
    action: action::SESSION_REVOKE_OTHERS,
    rate: RateClass::Default,
    doc: Doc::new("me", "End all of one's own sessions but this one").answers::<RevokedBody>(200),
};

/// Which sessions were ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevokedBody {
    /// Their ids.
    revoked: Vec<Uuid>,
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let ended = revoke_others(&caller, &state.identity).await?;
    Ok(HttpResponse::Ok().json(RevokedBody {
        revoked: ended.iter().map(SessionId::as_uuid).collect(),
    }))
}
