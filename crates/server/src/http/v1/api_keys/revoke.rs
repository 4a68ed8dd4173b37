use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    api_key::{
        Whose,
        revoke::{RevokeApiKey, revoke},
    },
    role::permission,
};
use vutf_kernel::ApiKeyId;

use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Delete,
    path: "/api/v1/api-keys/{id}",
    access: Access::Permission(permission::API_KEYS_REVOKE),
    action: action::API_KEY_REVOKE,
    rate: RateClass::Admin,
    doc: Doc::new("api-keys", "End an API key at once"),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let command = RevokeApiKey {
        key_id: ApiKeyId::from_uuid(id.0),
        whose: Whose::Others,
    };
    revoke(&caller, &state.identity, command).await?;
    Ok(HttpResponse::NoContent().finish())
}
