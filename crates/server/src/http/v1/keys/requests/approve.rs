use actix_web::{HttpResponse, web};
use vutf_crypto_keys::action::KEY_DESTROY_APPROVE;
use vutf_identity::role::permission;
use vutf_kernel::ApprovalId;

use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::keys::{KeyBody, changed},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/keys/requests/{id}/approve",
    access: Access::Permission(permission::KEYS_MANAGE),
    action: KEY_DESTROY_APPROVE,
    rate: RateClass::Admin,
    doc: Doc::new(
        "keys",
        "Approve the destruction of a key that another person asked for; it is done at once",
    )
    .answers::<KeyBody>(200)
    .tagged()
    .refuses(&[409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    Ok(changed(
        state.keys().approve(&caller, ApprovalId::from_uuid(id.0)).await?,
    ))
}
