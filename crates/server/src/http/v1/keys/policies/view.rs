use actix_web::{HttpResponse, web};
use vutf_crypto_keys::action::KEY_READ;
use vutf_identity::role::permission;

use super::{PolicyBody, shown};
use crate::http::{
    problem::Problem,
    request::{Caller, OfPurpose},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/keys/policies/{purpose}",
    access: Access::Permission(permission::KEYS_READ),
    action: KEY_READ,
    rate: RateClass::Admin,
    doc: Doc::new("keys", "See what holds for all versions of a purpose's key")
        .answers::<PolicyBody>(200)
        .tagged()
        .refuses(&[404]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    purpose: OfPurpose,
) -> Result<HttpResponse, Problem> {
    Ok(shown(&state.keys().policy(&caller, &purpose.0).await?))
}
