use actix_web::{HttpResponse, web};
use vutf_identity::{
    action,
    api_key::{
        Whose,
        rotate::{RotateApiKey, rotate},
    },
};
use vutf_kernel::ApiKeyId;

use crate::http::{
    problem::Problem,
    request::{Caller, Id, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::api_keys::{MadeBody, RotateRequest, made},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/me/api-keys/{id}/rotate",
    access: Access::Session,
    action: action::API_KEY_ROTATE,
    rate: RateClass::KeyCreate,
    doc: Doc::new(
        "me",
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
        whose: Whose::Own,
        overlap: body.0.overlap(),
    };
    let key = rotate(&caller, &state.identity, command).await?;
    Ok(made(key, "/api/v1/me/api-keys"))
}
