use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::{action, api_key::create::create, role::permission};
use vutf_kernel::UserId;

use super::{CreateRequest, MadeBody, made};
use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/api-keys",
    access: Access::Permission(permission::SERVICE_ACCOUNTS_MANAGE),
    action: action::API_KEY_CREATE,
    rate: RateClass::KeyCreate,
    doc: Doc::new(
        "api-keys",
        "Make an API key of a service account; its secret is shown once",
    )
    .takes::<CreateForRequest>()
    .answers::<MadeBody>(201)
    .refuses(&[404, 409]),
};

/// What a key is to be, and whose.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateApiKeyForRequest)]
pub(crate) struct CreateForRequest {
    /// A service account.
    owner: Uuid,
    /// What is to be made.
    api_key: CreateRequest,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<CreateForRequest>,
) -> Result<HttpResponse, Problem> {
    let CreateForRequest { owner, api_key } = body.0;
    let command = api_key.command(Some(UserId::from_uuid(owner)))?;
    let key = create(&caller, &state.identity, command).await?;
    Ok(made(key, ENDPOINT.path))
}
