use actix_web::{HttpResponse, web};
use vutf_crypto_keys::service::action;
use vutf_identity::role::permission;

use super::{CiphertextBatch, CiphertextBody, Results, Text, answer, ciphertexts};
use crate::http::{
    problem::Problem,
    request::{Caller, Typed},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/crypto/rewrap",
    access: Access::Permission(permission::CRYPTO_REWRAP),
    action: action::REWRAP,
    rate: RateClass::Crypto,
    doc: Doc::new(
        "crypto",
        "Bring ciphertexts to the newest version of their key; the context stays, no plaintext is shown",
    )
    .takes::<CiphertextBatch>()
    .answers::<Results<CiphertextBody>>(200)
    .refuses(&[400, 404, 409, 413, 415]),
};

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Typed<CiphertextBatch>,
) -> Result<HttpResponse, Problem> {
    let CiphertextBatch { key, items } = body.0;
    let made = state.crypto().rewrap(&caller, &key, &ciphertexts(items)).await?;
    Ok(answer(made, |ciphertext| CiphertextBody {
        ciphertext: Text(ciphertext),
    }))
}
