use actix_web::{HttpResponse, web};
use vutf_crypto_keys::action::KEY_JOB_CANCEL;
use vutf_identity::role::permission;
use vutf_kernel::JobId;

use super::{JobBody, shown};
use crate::http::{
    problem::Problem,
    request::{Caller, Id},
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
    .refuses(&[409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    Ok(shown(state.jobs().cancel(&caller, JobId::from_uuid(id.0)).await?))
}
