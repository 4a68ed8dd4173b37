use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use vutf_crypto_keys::service::action;
use vutf_identity::role::permission;

use super::{CiphertextBatch, Results, answer, base64::encode, ciphertexts};
use crate::http::{
    problem::Problem,
    request::{Caller, Typed},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/crypto/decrypt",
    access: Access::Permission(permission::CRYPTO_DECRYPT),
    action: action::DECRYPT,
    rate: RateClass::Crypto,
    doc: Doc::new("crypto", "Decrypt, for whoever says the same context")
        .takes::<CiphertextBatch>()
        .answers::<Results<PlaintextBody>>(200)
        .refuses(&[400, 404, 413, 415]),
};

/// A plaintext.
#[derive(Serialize, ToSchema)]
#[schema(as = PlaintextResult)]
pub(crate) struct PlaintextBody {
    /// It, base64.
    #[schema(format = Byte)]
    plaintext: String,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Typed<CiphertextBatch>,
) -> Result<HttpResponse, Problem> {
    let CiphertextBatch { key, items } = body.0;
    let opened = state.crypto().decrypt(&caller, &key, &ciphertexts(items)).await?;
    Ok(answer(opened, |plaintext| PlaintextBody {
        plaintext: encode(plaintext.expose()),
    }))
}
