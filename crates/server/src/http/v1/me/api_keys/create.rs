use actix_web::{HttpResponse, web};
use vutf_identity::{action, api_key::create::create};

use crate::http::{
    problem::Problem,
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
    v1::api_keys::{CreateRequest, MadeBody, made},
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/me/api-keys",
    access: Access::Session,
    action: action::API_KEY_CREATE,
    rate: RateClass::KeyCreate,
    doc: Doc::new("me", "Make an API key; its secret is shown once")
        .takes::<CreateRequest>()
        .answers::<MadeBody>(201)
        .refuses(&[409]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<CreateRequest>,
) -> Result<HttpResponse, Problem> {
    let command = body.0.command(None)?;
    let key = create(&caller, &state.identity, command).await?;
    Ok(made(key, ENDPOINT.path))
}
