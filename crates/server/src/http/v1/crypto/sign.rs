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
    path: "/api/v1/crypto/sign",
    access: Access::Permission(permission::CRYPTO_SIGN),
    action: action::SIGN,
    rate: RateClass::Crypto,
    doc: Doc::new(
        "crypto",
        "Sign (Ed25519, RFC 8032) under the newest version of a key",
    )
    .takes::<InputBatch>()
    .answers::<Results<SignatureBody>>(200)
    .refuses(&[400, 404, 409, 413, 415]),
};

/// A signature.
#[derive(Serialize, ToSchema)]
#[schema(as = SignatureResult)]
pub(crate) struct SignatureBody {
    /// Ed25519 over the input as it is; anybody can verify it with the public key of its version.
    #[schema(value_type = String, example = "vutf:v3:Zm9v…")]
    signature: Text,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Typed<InputBatch>,
) -> Result<HttpResponse, Problem> {
    let InputBatch { key, items } = body.0;
    let made = state.crypto().sign(&caller, &key, &inputs(items)).await?;
    Ok(answer(made, |made| SignatureBody {
        signature: Text(made),
    }))
}
