//! The key registry. No answer holds a key, wrapped or not.

pub(crate) mod jobs;
pub(crate) mod list;
pub(crate) mod rotate;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_crypto_keys::KeyRecord;
use vutf_kernel::Timestamp;

/// A key in the registry.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyBody {
    /// Its id.
    id: Uuid,
    /// Its one use.
    #[schema(example = "token-signing")]
    purpose: String,
    /// Grows with each rotation.
    version: u32,
    /// What it computes.
    #[schema(example = "ed25519")]
    algorithm: &'static str,
    /// Where it is in its life (NIST SP 800-57 part 1, section 7).
    #[schema(example = "active")]
    state: &'static str,
    /// What wrapped it: `kek:…` or `tenant:…`.
    wrapped_by: String,
    /// The public half of a signing key, base64url.
    public_key: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    /// When it began to protect.
    #[schema(value_type = Option<String>, format = DateTime)]
    activated_at: Option<String>,
    /// When it should be rotated at the latest.
    #[schema(value_type = Option<String>, format = DateTime)]
    not_after: Option<String>,
}

impl From<KeyRecord> for KeyBody {
    fn from(record: KeyRecord) -> Self {
        Self {
            id: record.id.as_uuid(),
            purpose: record.purpose.to_string(),
            version: record.version,
            algorithm: record.algorithm.as_str(),
            state: record.state.as_str(),
            wrapped_by: record.wrapped_by.to_string(),
            public_key: record.public_key.map(|key| URL_SAFE_NO_PAD.encode(key)),
            created_at: record.created_at.rfc3339(),
            activated_at: record.activated_at.map(Timestamp::rfc3339),
            not_after: record.not_after.map(Timestamp::rfc3339),
        }
    }
}
