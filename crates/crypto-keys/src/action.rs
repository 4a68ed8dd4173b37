//! What this domain's events are called, and what kind of thing they are about.

use vutf_kernel::{Action, Ctx, Detail, Env, Event, Outcome};

use crate::{KeyRecord, KeyState};

/// Keys are shown.
pub const KEY_LIST: Action = Action::new("key.list", "key");
/// A purpose gets its first key.
pub const KEY_CREATE: Action = Action::new("key.create", "key");
/// A purpose gets a new version of its key.
pub const KEY_ROTATE: Action = Action::new("key.rotate", "key");
/// A key that is rotated by hand is soon to be, or should have been.
pub const KEY_DUE: Action = Action::new("key.due", "key");
/// A key of a single person is made.
pub const SUBJECT_KEY_CREATE: Action = Action::new("subject_key.create", "key");
/// One key is shown with its history.
pub const KEY_READ: Action = Action::new("key.read", "key");
/// What a key protected has doubled since it was last told.
pub const KEY_USAGE: Action = Action::new("key.usage", "key");
/// A key begins to protect, or does so again.
pub const KEY_ACTIVATE: Action = Action::new("key.activate", "key");
/// A key is put aside.
pub const KEY_SUSPEND: Action = Action::new("key.suspend", "key");
/// A key protects nothing new any more.
pub const KEY_DEACTIVATE: Action = Action::new("key.deactivate", "key");
/// A key is known or feared to be in other hands.
pub const KEY_COMPROMISE: Action = Action::new("key.compromise", "key");
/// A key's bytes are gone.
pub const KEY_DESTROY: Action = Action::new("key.destroy", "key");
/// One person asks for the destruction of a key.
pub const KEY_DESTROY_REQUEST: Action = Action::new("key.destroy_request", "key");
/// Another person approves it.
pub const KEY_DESTROY_APPROVE: Action = Action::new("key.destroy_approve", "key");
/// Somebody rejects it.
pub const KEY_DESTROY_REJECT: Action = Action::new("key.destroy_reject", "key");
/// Requests are shown.
pub const KEY_REQUEST_LIST: Action = Action::new("key.list_requests", "key");
/// Something is decided about all versions of a key.
pub const KEYSET_UPDATE: Action = Action::new("keyset.update", "keyset");
/// The inventory of keys and algorithms is taken.
pub const KEY_INVENTORY: Action = Action::new("key.inventory", "key");
/// A key is wrapped anew; what it encrypts is not touched.
pub const KEY_REWRAP: Action = Action::new("key.rewrap", "key");
/// Work on everything that older versions of a key protect is asked for.
pub const KEY_JOB_START: Action = Action::new("key_job.start", "key_job");
/// That work stands still.
pub const KEY_JOB_PAUSE: Action = Action::new("key_job.pause", "key_job");
/// That work goes on.
pub const KEY_JOB_RESUME: Action = Action::new("key_job.resume", "key_job");
/// That work is ended by hand.
pub const KEY_JOB_CANCEL: Action = Action::new("key_job.cancel", "key_job");
/// A part of that work is done.
pub const KEY_JOB_BATCH: Action = Action::new("key_job.batch", "key_job");
/// That work is over.
pub const KEY_JOB_FINISH: Action = Action::new("key_job.finish", "key_job");
/// Jobs are shown.
pub const KEY_JOB_LIST: Action = Action::new("key_job.list", "key_job");
/// One job is shown.
pub const KEY_JOB_READ: Action = Action::new("key_job.read", "key_job");

/// The action by which a key comes into `state`.
pub const fn of_state(state: KeyState) -> Action {
    match state {
        KeyState::PreActivation => KEY_CREATE,
        KeyState::Active => KEY_ACTIVATE,
        KeyState::Suspended => KEY_SUSPEND,
        KeyState::Deactivated => KEY_DEACTIVATE,
        KeyState::Compromised => KEY_COMPROMISE,
        KeyState::Destroyed => KEY_DESTROY,
    }
}

/// An event about a key that carries what the ledger reads: the key, its purpose and version, its state and revision.
pub fn key_event(ctx: &Ctx, env: &mut Env<'_>, action: Action, record: &KeyRecord) -> Event {
    let resource = action.one(record.id.as_uuid());
    let revision = i64::try_from(record.revision).unwrap_or(i64::MAX);
    let mut event = Event::new(ctx, env, action.name, resource, Outcome::Success)
        .detail("purpose", Detail::Text(record.purpose.to_string()))
        .detail("version", Detail::Number(record.version.into()))
        .detail("algorithm", Detail::Text(record.algorithm.to_string()))
        .detail("wrapped_by", Detail::Text(record.wrapped_by.to_string()))
        .detail("state", Detail::Text(record.state.to_string()))
        .detail("revision", Detail::Number(revision));
    event.organization_id = record.organization_id;
    event
}
