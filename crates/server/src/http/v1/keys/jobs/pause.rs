use actix_web::{HttpResponse, web};
use vutf_crypto_keys::action::KEY_JOB_PAUSE;
use vutf_identity::role::permission;

use super::{JobBody, named, shown};
use crate::http::{
    problem::Problem,
    request::{Caller, Id, IfMatch},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/keys/jobs/{id}/pause",
    access: Access::Permission(permission::KEYS_MANAGE),
    action: KEY_JOB_PAUSE,
    rate: RateClass::Admin,
    doc: Doc::new("keys", "Let a job stand still after its present batch")
        .answers::<JobBody>(200)
        .tagged()
        .preconditioned()
        .refuses(&[409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    read: IfMatch,
) -> Result<HttpResponse, Problem> {
    Ok(shown(state.jobs().pause(&caller, named(id, read)).await?))
}
