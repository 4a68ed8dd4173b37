use ::base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vutf_crypto_keys::{VerifyingKey, service::action};
use vutf_identity::role::permission;
use vutf_kernel::Timestamp;

use crate::http::{
    problem::Problem,
    request::{Caller, List, Query},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/crypto/public-keys",
    access: Access::Permission(permission::CRYPTO_VERIFY),
    action: action::PUBLIC_KEYS,
    rate: RateClass::Crypto,
    doc: Doc::new(
        "crypto",
        "Public keys of a signing key whose signatures are believed, newest first",
    )
    .query(&[("key", "The key's name.")])
    .answers::<List<PublicKeyBody>>(200)
    .refuses(&[400, 404]),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    key: String,
}

/// One version's public key.
#[derive(Serialize, ToSchema)]
#[schema(as = PublicKey)]
pub(crate) struct PublicKeyBody {
    /// The version that signatures name.
    version: u32,
    /// The algorithm, RFC 8032.
    #[schema(example = "ed25519")]
    algorithm: &'static str,
    /// `active` or `deactivated`.
    state: &'static str,
    /// 32 bytes, base64url.
    public_key: String,
    /// When it began to sign.
    #[schema(value_type = Option<String>, format = DateTime)]
    activated_at: Option<String>,
}

impl From<VerifyingKey> for PublicKeyBody {
    fn from(key: VerifyingKey) -> Self {
        Self {
            version: key.version,
            algorithm: "ed25519",
            state: key.state.as_str(),
            public_key: URL_SAFE_NO_PAD.encode(key.public_key),
            activated_at: key.activated_at.map(Timestamp::rfc3339),
        }
    }
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    query: Query<Named>,
) -> Result<HttpResponse, Problem> {
    let keys = state.crypto().public_keys(&caller, &query.0.key).await?;
    Ok(HttpResponse::Ok().json(List {
        items: keys.into_iter().map(PublicKeyBody::from).collect(),
        next_cursor: None,
    }))
}
