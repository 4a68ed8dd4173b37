use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_crypto_keys::service::action;
use vutf_identity::role::permission;

use super::{InputBatch, Results, Text, answer, inputs};
use crate::http::{
    problem::Problem,
    request::{Caller, Typed},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/crypto/hmac",
    access: Access::Permission(permission::CRYPTO_MAC),
    action: action::HMAC,
    rate: RateClass::Crypto,
    doc: Doc::new(
        "crypto",
        "Make MACs (HMAC-SHA-256) under the newest version of a key",
    )
    .takes::<InputBatch>()
    .answers::<Results<HmacBody>>(200)
    .refuses(&[400, 404, 409, 413, 415]),
};

/// A MAC.
#[derive(Serialize, ToSchema)]
#[schema(as = HmacResult)]
pub(crate) struct HmacBody {
    /// To be kept, and to be verified with the same input.
    #[schema(value_type = String, example = "vutf:v3:Zm9v…")]
    hmac: Text,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Typed<InputBatch>,
) -> Result<HttpResponse, Problem> {
    let InputBatch { key, items } = body.0;
    let made = state.crypto().hmac(&caller, &key, &inputs(items)).await?;
    Ok(answer(made, |made| HmacBody { hmac: Text(made) }))
}
