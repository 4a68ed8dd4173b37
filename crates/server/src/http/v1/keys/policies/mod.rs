//! What holds for all versions of a purpose's key.

pub(crate) mod update;
pub(crate) mod view;

use std::time::Duration;

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vutf_app::key_policy::PolicyView;
use vutf_crypto_keys::Usage;
use vutf_kernel::Timestamp;

use super::revision_tag;

/// What holds for all versions of a purpose's key.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyPolicy)]
pub(crate) struct PolicyBody {
    /// The purpose.
    #[schema(example = "field:users")]
    purpose: String,
    /// Versions below it are refused for every operation; 1 admits all.
    minimum_version: u32,
    /// Whether a suspended version may read what it protected.
    suspended_may_process: bool,
    /// How long a version protects, in seconds; `null`: as its purpose says.
    cryptoperiod_seconds: Option<u64>,
    /// How much a version protects before it is rotated; `null`: as its purpose says.
    limit: Option<LimitBody>,
    /// When it was decided; `null` when nothing was.
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<String>,
}

/// An amount of use, whichever of the two is reached first.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyLimit)]
pub(crate) struct LimitBody {
    /// Messages, at least 1.
    messages: u64,
    /// Bytes of plaintext, at least 1.
    bytes: u64,
}

impl From<LimitBody> for Usage {
    fn from(limit: LimitBody) -> Self {
        Self {
            messages: limit.messages,
            bytes: limit.bytes,
        }
    }
}

/// 200 with the policy and its tag.
fn shown(view: &PolicyView) -> HttpResponse {
    // A tag of its own for what nobody has decided yet.
    let tag = revision_tag(view.revision.saturating_add(1));
    HttpResponse::Ok().insert_header(tag).json(PolicyBody {
        purpose: view.purpose.to_string(),
        minimum_version: view.policy.minimum_version,
        suspended_may_process: view.policy.suspended_may_process,
        cryptoperiod_seconds: view.policy.cryptoperiod.as_ref().map(Duration::as_secs),
        limit: view.policy.limit.map(|limit| LimitBody {
            messages: limit.messages,
            bytes: limit.bytes,
        }),
        updated_at: view.updated_at.map(Timestamp::rfc3339),
    })
}
