//! Cryptography for other programs, by named keys. One shape for all: a key, 1 to 100 items, and for each item a result or an
//! error, in the same order.

mod base64;
pub(crate) mod decrypt;
pub(crate) mod encrypt;
pub(crate) mod hmac;
pub(crate) mod public_keys;
pub(crate) mod rewrap;
pub(crate) mod sign;
pub(crate) mod verify;

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vutf_app::crypto::{Ciphertext, CryptoUseError, Item, ItemError};
use vutf_crypto_keys::Versioned;
use vutf_kernel::UseCaseError as _;

use self::base64::Base64;
use crate::http::problem::Problem;

/// A batch of things to make a MAC or a signature of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputBatch {
    /// The key's name.
    #[schema(example = "orders")]
    key: String,
    /// 1 to 100.
    items: Vec<InputItem>,
}

/// Something to make a MAC or a signature of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputItem {
    /// It, base64.
    #[schema(value_type = String, format = Byte)]
    input: Base64,
}

/// A batch of ciphertexts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CiphertextBatch {
    /// The key's name.
    #[schema(example = "orders")]
    key: String,
    /// 1 to 100.
    items: Vec<CiphertextItem>,
}

/// A ciphertext and what it was bound to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CiphertextItem {
    /// As `encrypt` gave it.
    #[schema(example = "vutf:v3:5QEBAA…")]
    ciphertext: String,
    /// What it was bound to, base64.
    #[schema(value_type = String, format = Byte)]
    context: Base64,
}

/// One result for each item, in their order.
#[derive(Serialize, ToSchema)]
pub(crate) struct Results<T> {
    results: Vec<Outcome<T>>,
}

/// A result, or why there is none.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Outcome<T> {
    /// The item was processed.
    Done(T),
    /// The item was refused; the others are not concerned.
    Refused {
        /// Why.
        error: Refusal,
    },
}

/// Why an item was refused.
#[derive(Serialize, ToSchema)]
#[schema(as = ItemError)]
pub(crate) struct Refusal {
    /// A stable word.
    #[schema(example = "not_authentic")]
    code: &'static str,
    /// A sentence.
    detail: String,
}

/// A ciphertext.
#[derive(Serialize, ToSchema)]
#[schema(as = CiphertextResult)]
pub(crate) struct CiphertextBody {
    /// To be kept, and to be decrypted with the same context.
    #[schema(value_type = String, example = "vutf:v3:5QEBAA…")]
    ciphertext: Text,
}

/// Written as its text.
pub(crate) struct Text(Versioned);

impl Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_string())
    }
}

impl CiphertextItem {
    fn read(self) -> Item<Ciphertext> {
        Ok(Ciphertext {
            context: self.context.read("context")?,
            ciphertext: self.ciphertext,
        })
    }
}

fn inputs(items: Vec<InputItem>) -> Vec<Item<Vec<u8>>> {
    items.into_iter().map(|item| item.input.read("input")).collect()
}

fn ciphertexts(items: Vec<CiphertextItem>) -> Vec<Item<Ciphertext>> {
    items.into_iter().map(CiphertextItem::read).collect()
}

fn answer<T, B: Serialize>(results: Vec<Item<T>>, body: impl Fn(T) -> B) -> HttpResponse {
    let outcome = |result: Item<T>| match result {
        Ok(result) => Outcome::Done(body(result)),
        Err(error) => Outcome::Refused {
            error: Refusal::from(error),
        },
    };
    let results = results.into_iter().map(outcome).collect();
    HttpResponse::Ok().json(Results { results })
}

impl From<ItemError> for Refusal {
    fn from(error: ItemError) -> Self {
        Self {
            code: error.code(),
            detail: error.to_string(),
        }
    }
}

impl From<CryptoUseError> for Problem {
    fn from(error: CryptoUseError) -> Self {
        match error.port() {
            Some(port) => Self::port(port),
            None => Self::new(error.class(), error.code()).detail(error.to_string()),
        }
    }
}
