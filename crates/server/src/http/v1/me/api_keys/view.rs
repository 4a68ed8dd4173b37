use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    api_key::{
        Whose,
        view::{ViewApiKey, view},
    },
};
use vutf_kernel::ApiKeyId;

use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::api_keys::ApiKeyBody,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/me/api-keys/{id}",
    access: Access::Session,
    action: action::API_KEY_READ,
    rate: RateClass::Default,
    doc: Doc::new("me", "See an API key").answers::<ApiKeyBody>(200),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let command = ViewApiKey {
        key_id: ApiKeyId::from_uuid(id.0),
        whose: Whose::Own,
    };
    let key = view(&caller, &state.identity, command).await?;
    Ok(HttpResponse::Ok().json(ApiKeyBody::from(key)))
}
