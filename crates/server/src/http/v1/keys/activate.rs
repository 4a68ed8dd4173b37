use actix_web::{HttpResponse, web};
use vutf_crypto_keys::{KeyState, action::KEY_ACTIVATE};
use vutf_identity::role::permission;

use super::{KeyBody, ReasonRequest, changed, named};
use crate::http::{
    problem::Problem,
    request::{Caller, Id, IfMatch, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/keys/{id}/activate",
    access: Access::Permission(permission::KEYS_MANAGE),
    action: KEY_ACTIVATE,
    rate: RateClass::Admin,
    doc: Doc::new("keys", "Let a key protect, for the first time or again")
        .takes::<ReasonRequest>()
        .answers::<KeyBody>(200)
        .tagged()
        .preconditioned()
        .refuses(&[409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    read: IfMatch,
    body: Json<ReasonRequest>,
) -> Result<HttpResponse, Problem> {
    let reason = body.0.parse()?;
    let done = state
        .keys()
        .transition(&caller, named(id, read), KeyState::Active, &reason)
        .await?;
    Ok(changed(done))
}
