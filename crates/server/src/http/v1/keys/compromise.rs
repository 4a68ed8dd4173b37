use actix_web::{HttpResponse, web};
use vutf_crypto_keys::{KeyState, action::KEY_COMPROMISE};
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
    path: "/api/v1/keys/{id}/compromise",
    access: Access::Permission(permission::KEYS_MANAGE),
    action: KEY_COMPROMISE,
    rate: RateClass::Admin,
    doc: Doc::new("keys", "Mark a key as known or feared to be in other hands; rotates it and has what it protects written anew")
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
        .transition(&caller, named(id, read), KeyState::Compromised, &reason)
        .await?;
    Ok(changed(done))
}
