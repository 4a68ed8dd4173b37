use actix_web::{HttpResponse, web};
use vutf_crypto_keys::action::KEY_LIST;
use vutf_identity::role::permission;

use super::KeyBody;
use crate::http::{
    problem::Problem,
    request::{Caller, List},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/keys",
    access: Access::Permission(permission::KEYS_READ),
    action: KEY_LIST,
    rate: RateClass::Admin,
    doc: Doc::new("keys", "List keys by purpose and version").answers::<List<KeyBody>>(200),
};

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let records = state.keys().list(&caller).await?;
    Ok(HttpResponse::Ok().json(List {
        items: records.into_iter().map(KeyBody::from).collect(),
        next_cursor: None,
    }))
}
