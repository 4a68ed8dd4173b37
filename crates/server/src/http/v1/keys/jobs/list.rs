use actix_web::{HttpResponse, web};
use vutf_crypto_keys::action::KEY_JOB_LIST;
use vutf_identity::role::permission;

use super::JobBody;
use crate::http::{
    problem::Problem,
    request::{Caller, List},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/keys/jobs",
    access: Access::Permission(permission::KEYS_READ),
    action: KEY_JOB_LIST,
    rate: RateClass::Admin,
    doc: Doc::new("keys", "List the newest jobs, newest first").answers::<List<JobBody>>(200),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let jobs = state.jobs().list(&caller).await?;
    Ok(HttpResponse::Ok().json(List {
        items: jobs.into_iter().map(JobBody::from).collect(),
        next_cursor: None,
    }))
}
