use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_app::keys::KeyView;
use vutf_crypto_keys::{Transition, action::KEY_READ};
use vutf_identity::role::permission;
use vutf_kernel::{KeyId, Timestamp};

use super::{KeyBody, requests::RequestBody, revision_tag};
use crate::http::{
    problem::Problem,
    request::{Caller, Id},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/keys/{id}",
    access: Access::Permission(permission::KEYS_READ),
    action: KEY_READ,
    rate: RateClass::Admin,
    doc: Doc::new("keys", "See a key with its use and its history")
        .answers::<KeyViewBody>(200)
        .tagged(),
};

/// A key with its use and its history.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyView)]
pub(crate) struct KeyViewBody {
    /// The key.
    #[serde(flatten)]
    key: KeyBody,
    /// Versions of the purpose below it are refused.
    minimum_version: u32,
    /// What it was used for, as far as it was written down.
    usage: UsageBody,
    /// Its history, oldest first. What counts is the audit event that each line names.
    transitions: Vec<TransitionBody>,
    /// The request for its destruction that waits for a second person.
    request: Option<RequestBody>,
}

/// How much a key has protected.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyUsage)]
pub(super) struct UsageBody {
    /// Ciphertexts, signatures, MACs.
    messages: u64,
    /// Bytes of plaintext in them.
    bytes: u64,
}

/// A change of a key's state.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyTransition)]
pub(super) struct TransitionBody {
    /// The revision of the row that came of it.
    revision: u64,
    /// What it was; `null` for a key that was made.
    from: Option<&'static str>,
    /// What it became.
    to: &'static str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: String,
    /// `user`, `operator` or `system`.
    actor_kind: String,
    /// The user who did it, if one did.
    actor_id: Option<Uuid>,
    /// Why.
    reason: &'static str,
    /// What was said beside it.
    note: Option<String>,
    /// The audit event that tells of it.
    event_id: Uuid,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    id: Id,
) -> Result<HttpResponse, Problem> {
    let view = state.keys().get(&caller, KeyId::from_uuid(id.0)).await?;
    Ok(HttpResponse::Ok()
        .insert_header(revision_tag(view.record.revision))
        .json(KeyViewBody::new(view, state.identity.ambient.now())))
}

impl KeyViewBody {
    fn new(view: KeyView, now: Timestamp) -> Self {
        Self {
            key: view.record.into(),
            minimum_version: view.minimum_version,
            usage: UsageBody {
                messages: view.usage.messages,
                bytes: view.usage.bytes,
            },
            request: view.request.map(|request| RequestBody::new(request, now)),
            transitions: view.transitions.into_iter().map(TransitionBody::from).collect(),
        }
    }
}

impl From<Transition> for TransitionBody {
    fn from(line: Transition) -> Self {
        Self {
            revision: line.revision,
            from: line.from.map(vutf_crypto_keys::KeyState::as_str),
            to: line.to.as_str(),
            at: line.at.rfc3339(),
            reason: line.reason.code().as_str(),
            note: line.reason.note().map(str::to_owned),
            actor_kind: line.actor_kind,
            actor_id: line.actor_id,
            event_id: line.event_id.as_uuid(),
        }
    }
}
