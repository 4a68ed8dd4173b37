//! What one person asked for and another must approve.

pub(crate) mod approve;
pub(crate) mod list;
pub(crate) mod reject;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_crypto_keys::Approval;
use vutf_kernel::Timestamp;

/// A request to destroy a key.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyRequest)]
pub(crate) struct RequestBody {
    /// Its id.
    id: Uuid,
    /// What is asked for.
    #[schema(example = "key.destroy")]
    action: String,
    /// The key.
    key_id: Uuid,
    /// The key's revision that it is about; of any other it is void.
    key_revision: u64,
    /// `open`, `approved`, `rejected` or `expired`.
    #[schema(example = "open")]
    state: &'static str,
    /// Why.
    reason: &'static str,
    /// What was said beside it.
    note: Option<String>,
    /// Who asked: `user:…`, or `operator`.
    requested_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    requested_at: String,
    /// Until when it can be approved.
    #[schema(value_type = String, format = DateTime)]
    expires_at: String,
    /// Who decided.
    decided_by: Option<String>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    decided_at: Option<String>,
}

impl RequestBody {
    /// As it is at `now`.
    pub(super) fn new(request: Approval, now: Timestamp) -> Self {
        Self {
            state: request.state_at(now).as_str(),
            id: request.id.as_uuid(),
            key_id: request.subject_id,
            key_revision: request.subject_revision,
            reason: request.reason.code().as_str(),
            note: request.reason.note().map(str::to_owned),
            requested_by: request.requested_by.to_string(),
            requested_at: request.requested_at.rfc3339(),
            expires_at: request.expires_at.rfc3339(),
            decided_by: request.decided_by.map(|person| person.to_string()),
            decided_at: request.decided_at.map(Timestamp::rfc3339),
            action: request.action,
        }
    }
}
