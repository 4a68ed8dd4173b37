use actix_web::{HttpResponse, web};
use vutf_crypto_keys::action::KEY_JOB_READ;
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
    method: Method::Get,
    path: "/api/v1/keys/jobs/{id}",
    access: Access::Permission(permission::KEYS_READ),
    action: KEY_JOB_READ,
    rate: RateClass::Admin,
    doc: Doc::new("keys", "See how far a job has come")
        .answers::<JobBody>(200)
        .tagged(),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    Ok(shown(state.jobs().get(&caller, JobId::from_uuid(id.0)).await?))
}
