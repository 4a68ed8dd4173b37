use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    api_key::{
        Whose,
        rotate::{RotateApiKey, rotate},
    },
    role::permission,
};
use vutf_kernel::ApiKeyId;

use super::{MadeBody, RotateRequest, made};
use crate::http::{
    problem::Problem,
    request::{Caller, Id, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/api-keys/{id}/rotate",
    access: Access::Permission(permission::SERVICE_ACCOUNTS_MANAGE),
    action: action::API_KEY_ROTATE,
    rate: RateClass::KeyCreate,
    doc: Doc::new(
        "api-keys",
        "Put a new secret in the place of an API key; the old one lives on for a while",
    )
    .takes::<RotateRequest>()
    .answers::<MadeBody>(201)
    .refuses(&[409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
    body: Json<RotateRequest>,
) -> Result<HttpResponse, Problem> {
    let command = RotateApiKey {
        key_id: ApiKeyId::from_uuid(id.0),
        whose: Whose::Others,
        overlap: body.0.overlap(),
    };
    let key = rotate(&caller, &state.identity, command).await?;
    Ok(made(key, "/api/v1/api-keys"))
}
