use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vutf_app::crypto::{Claim, Item};
use vutf_crypto_keys::service::action;
use vutf_identity::role::permission;
use vutf_kernel::Class;

use super::{Base64, Results, answer};
use crate::http::{
    problem::{FieldError, Problem},
    request::{Caller, Typed},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/crypto/verify",
    access: Access::Permission(permission::CRYPTO_VERIFY),
    action: action::VERIFY,
    rate: RateClass::Crypto,
    doc: Doc::new(
        "crypto",
        "Verify MACs or signatures, each under the version that it names",
    )
    .takes::<ClaimBatch>()
    .answers::<Results<ValidBody>>(200)
    .refuses(&[400, 404, 413, 415]),
};

/// A batch of MACs, or a batch of signatures, to verify.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimBatch {
    /// The key's name.
    #[schema(example = "orders")]
    key: String,
    /// 1 to 100, all with `hmac` or all with `signature`.
    items: Vec<ClaimItem>,
}

/// An input, and the MAC or the signature that is claimed to be its.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimItem {
    /// The input, base64.
    #[schema(value_type = String, format = Byte)]
    input: Base64,
    /// As `hmac` gave it.
    hmac: Option<String>,
    /// As `sign` gave it.
    signature: Option<String>,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
#[schema(as = VerifyResult)]
pub(crate) struct ValidBody {
    /// Whether it is the input's.
    valid: bool,
}

enum Claims {
    Macs(Vec<Item<Claim>>),
    Signatures(Vec<Item<Claim>>),
}

impl Claims {
    /// All of one kind, or nothing: they belong to keys of different kinds.
    fn read(items: Vec<ClaimItem>) -> Option<Self> {
        let all = |proof: fn(&mut ClaimItem) -> Option<String>, items: Vec<ClaimItem>| {
            let claims = items.into_iter().map(|mut item| {
                let proof = proof(&mut item).unwrap_or_default();
                let input = item.input.read("input");
                input.map(|input| Claim { input, proof })
            });
            claims.collect()
        };
        if items
            .iter()
            .all(|item| item.hmac.is_some() && item.signature.is_none())
        {
            Some(Self::Macs(all(|item| item.hmac.take(), items)))
        } else if items
            .iter()
            .all(|item| item.signature.is_some() && item.hmac.is_none())
        {
            Some(Self::Signatures(all(|item| item.signature.take(), items)))
        } else {
            None
        }
    }
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Typed<ClaimBatch>,
) -> Result<HttpResponse, Problem> {
    let ClaimBatch { key, items } = body.0;
    let crypto = state.crypto();
    let verified = match Claims::read(items).ok_or_else(mixed)? {
        Claims::Macs(claims) => crypto.verify_hmac(&caller, &key, &claims).await?,
        Claims::Signatures(claims) => crypto.verify_signature(&caller, &key, &claims).await?,
    };
    Ok(answer(verified, |valid| ValidBody { valid }))
}

fn mixed() -> Problem {
    let detail = "give each item either `hmac` or `signature`, and all items the same";
    Problem::new(Class::Invalid, "invalid_value").errors(vec![FieldError::new(
        "/items",
        "invalid_value",
        detail,
    )])
}
