//! The key registry. No answer holds a key, wrapped or not.

pub(crate) mod activate;
pub(crate) mod compromise;
pub(crate) mod create;
pub(crate) mod deactivate;
pub(crate) mod destroy;
pub(crate) mod inventory;
pub(crate) mod jobs;
pub(crate) mod list;
pub(crate) mod policies;
pub(crate) mod requests;
pub(crate) mod rotate;
pub(crate) mod suspend;
pub(crate) mod view;

use actix_web::HttpResponse;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_app::keys::KeyRef;
use vutf_crypto_keys::{KeyRecord, Reason, ReasonCode};
use vutf_kernel::{KeyId, Timestamp};

use crate::http::{
    problem::{FieldError, Problem},
    request::{Id, IfMatch, etag},
};

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
    /// When it came into its state.
    #[schema(value_type = String, format = DateTime)]
    state_changed_at: String,
    /// When it should be rotated at the latest.
    #[schema(value_type = Option<String>, format = DateTime)]
    not_after: Option<String>,
    /// Grows with each change of the row; the `ETag` is `"v<revision>"`.
    revision: u64,
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
            state_changed_at: record.state_changed_at.rfc3339(),
            not_after: record.not_after.map(Timestamp::rfc3339),
            revision: record.revision,
        }
    }
}

/// Why something is done to a key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyReason)]
pub(crate) struct ReasonRequest {
    /// `unspecified`, `superseded`, `cryptoperiod`, `key_compromise`, `investigation` or `cessation`.
    #[schema(example = "investigation")]
    reason: String,
    /// E.g. the number of a ticket: 1 to 200 bytes, in clear in the registry and the audit log. No place for personal data.
    #[schema(example = "INC-1234", max_length = 200)]
    note: Option<String>,
}

impl ReasonRequest {
    fn parse(self) -> Result<Reason, Problem> {
        let invalid = |pointer, code, detail| {
            let error = FieldError::new(pointer, code, detail);
            Problem::new(vutf_kernel::Class::Invalid, "invalid_value").errors(vec![error])
        };
        let code = self
            .reason
            .parse::<ReasonCode>()
            .ok()
            .filter(|code| code.is_given());
        let code = code.ok_or_else(|| invalid("/reason", "reason", GIVEN))?;
        Reason::new(code, self.note.as_deref())
            .map_err(|_unfit| invalid("/note", "note", "1 to 200 bytes without control characters"))
    }
}

const GIVEN: &str = "one of unspecified, superseded, cryptoperiod, key_compromise, investigation, cessation";

/// A key, in the revision that the caller read, if they say so.
fn named(id: Id, read: IfMatch) -> KeyRef {
    KeyRef {
        id: KeyId::from_uuid(id.0),
        revision: read.0.map(|version| u64::try_from(version).unwrap_or(0)),
    }
}

/// 200 with the key as it is now.
fn changed(record: KeyRecord) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(revision_tag(record.revision))
        .json(KeyBody::from(record))
}

/// The `ETag` of a row.
fn revision_tag(
    revision: u64,
) -> (
    actix_web::http::header::HeaderName,
    actix_web::http::header::HeaderValue,
) {
    etag(i64::try_from(revision).unwrap_or(i64::MAX))
}
