use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use vutf_app::crypto::{Item, Plaintext};
use vutf_crypto_keys::service::action;
use vutf_identity::role::permission;

use super::{Base64, CiphertextBody, Results, Text, answer};
use crate::http::{
    problem::Problem,
    request::{Caller, Typed},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/crypto/encrypt",
    access: Access::Permission(permission::CRYPTO_ENCRYPT),
    action: action::ENCRYPT,
    rate: RateClass::Crypto,
    doc: Doc::new(
        "crypto",
        "Encrypt under the newest version of a key, bound to a context",
    )
    .takes::<PlaintextBatch>()
    .answers::<Results<CiphertextBody>>(200)
    .refuses(&[400, 404, 409, 413, 415]),
};

/// A batch to encrypt.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaintextBatch {
    /// The key's name.
    #[schema(example = "orders")]
    key: String,
    /// 1 to 100.
    items: Vec<PlaintextItem>,
}

/// Something to encrypt.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaintextItem {
    /// It, base64.
    #[schema(value_type = String, format = Byte)]
    plaintext: Base64,
    /// What it is bound to, base64: 1 to 4,096 bytes that name it, e.g. `orders/4711/iban`. Not secret, not in the ciphertext.
    #[schema(value_type = String, format = Byte)]
    context: Base64,
}

impl PlaintextItem {
    fn read(self) -> Item<Plaintext> {
        Ok(Plaintext {
            plaintext: self.plaintext.secret("plaintext")?,
            context: self.context.read("context")?,
        })
    }
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Typed<PlaintextBatch>,
) -> Result<HttpResponse, Problem> {
    let PlaintextBatch { key, items } = body.0;
    let items: Vec<_> = items.into_iter().map(PlaintextItem::read).collect();
    let made = state.crypto().encrypt(&caller, &key, &items).await?;
    Ok(answer(made, |ciphertext| CiphertextBody {
        ciphertext: Text(ciphertext),
    }))
}
