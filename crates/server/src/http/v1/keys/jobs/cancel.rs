use actix_web::{HttpResponse, web};
use vutf_crypto_keys::action::KEY_JOB_CANCEL;
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
    path: "/api/v1/keys/jobs/{id}/cancel",
    access: Access::Permission(permission::KEYS_MANAGE),
    action: KEY_JOB_CANCEL,
    rate: RateClass::Admin,
    doc: Doc::new(
        "keys",
        "End a job after its present batch; what it did stays done",
    )
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
    Ok(shown(state.jobs().cancel(&caller, named(id, read)).await?))
}
