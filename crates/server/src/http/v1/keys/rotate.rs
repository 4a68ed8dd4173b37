use actix_web::{HttpResponse, web};
use vutf_app::keys::Target;
use vutf_crypto_keys::action::KEY_ROTATE;
use vutf_identity::role::permission;

use super::{KeyBody, changed, named};
use crate::http::{
    problem::Problem,
    request::{Caller, Id, IfMatch},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/keys/{id}/rotate",
    access: Access::Permission(permission::KEYS_MANAGE),
    action: KEY_ROTATE,
    rate: RateClass::Admin,
    doc: Doc::new(
        "keys",
        "Make a new version of a key; what the old one protects can still be read",
    )
    .answers::<KeyBody>(200)
    .tagged()
    .preconditioned()
    .refuses(&[400, 409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    read: IfMatch,
) -> Result<HttpResponse, Problem> {
    let target = Target::Read(named(id, read));
    let made = state.keys().rotate(&caller, &target).await?;
    Ok(changed(made))
}
