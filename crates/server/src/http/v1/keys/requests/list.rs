use actix_web::{HttpResponse, web};
use vutf_crypto_keys::action::KEY_REQUEST_LIST;
use vutf_identity::role::permission;

use super::RequestBody;
use crate::http::{
    problem::Problem,
    request::{Caller, List},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/keys/requests",
    access: Access::Permission(permission::KEYS_READ),
    action: KEY_REQUEST_LIST,
    rate: RateClass::Admin,
    doc: Doc::new("keys", "List the newest requests to destroy a key, newest first")
        .answers::<List<RequestBody>>(200),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let requests = state.keys().requests(&caller).await?;
    let now = state.identity.ambient.now();
    Ok(HttpResponse::Ok().json(List {
        items: requests
            .into_iter()
            .map(|request| RequestBody::new(request, now))
            .collect(),
        next_cursor: None,
    }))
}
