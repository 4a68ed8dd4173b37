use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    api_key::{
        Whose,
        view::{ViewApiKey, view},
    },
    role::permission,
};
use vutf_kernel::ApiKeyId;

use super::ApiKeyBody;
use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/api-keys/{id}",
    access: Access::Permission(permission::API_KEYS_READ),
    action: action::API_KEY_READ,
    rate: RateClass::Admin,
    doc: Doc::new("api-keys", "See an API key").answers::<ApiKeyBody>(200),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let command = ViewApiKey {
        key_id: ApiKeyId::from_uuid(id.0),
        whose: Whose::Others,
    };
    let key = view(&caller, &state.identity, command).await?;
    Ok(HttpResponse::Ok().json(ApiKeyBody::from(key)))
}
