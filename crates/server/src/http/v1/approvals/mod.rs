//! What one person asked for and another must approve.

pub(crate) mod approve;
pub(crate) mod list;
pub(crate) mod reject;

use actix_web::{HttpResponse, http::header};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_crypto_keys::{Approval, action::KEY_DESTROY};
use vutf_kernel::Timestamp;

/// A request for what takes two persons.
#[derive(Serialize, ToSchema)]
#[schema(as = ApprovalRequest)]
pub(crate) struct RequestBody {
    /// Its id.
    id: Uuid,
    /// What is asked for, e.g. `role.grant:super_admin`.
    #[schema(example = "role.grant:super_admin")]
    proposal: String,
    /// To what: a user, a rule's settings, a key.
    subject: Uuid,
    /// The subject's version that it is about; of any other it is void.
    subject_version: u64,
    /// `open`, `approved`, `rejected` or `expired`.
    #[schema(example = "open")]
    state: &'static str,
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
    /// Where it is decided: append `/approve` or `/reject`.
    #[schema(example = "/api/v1/approvals/01937b6e-5b5c-7d3e-8f00-000000000001")]
    decided_under: String,
}

impl RequestBody {
    /// As it is at `now`.
    fn new(request: Approval, now: Timestamp) -> Self {
        Self {
            state: request.state_at(now).as_str(),
            id: request.id.as_uuid(),
            subject: request.subject_id,
            subject_version: request.subject_revision,
            note: request.reason.note().map(str::to_owned),
            requested_by: request.requested_by.to_string(),
            requested_at: request.requested_at.rfc3339(),
            expires_at: request.expires_at.rfc3339(),
            decided_by: request.decided_by.map(|person| person.to_string()),
            decided_at: request.decided_at.map(Timestamp::rfc3339),
            decided_under: place(&request),
            proposal: request.action,
        }
    }
}

fn place(request: &Approval) -> String {
    let under = if request.action == KEY_DESTROY.name {
        "/api/v1/keys/requests"
    } else {
        "/api/v1/approvals"
    };
    format!("{under}/{}", request.id)
}

/// 202: another person has to approve it.
pub(crate) fn pending(request: Approval, now: Timestamp) -> HttpResponse {
    HttpResponse::Accepted()
        .insert_header((header::LOCATION, place(&request)))
        .json(RequestBody::new(request, now))
}
