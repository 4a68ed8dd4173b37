//! Destroying a key for good: when it may be done, and by how many.

use std::time::Duration;

use vutf_kernel::{Ctx, Detail, Env, Event, PortError, Timestamp};

use crate::authenticated::Authenticated as _;
use crate::{
    Approval, Change, KeyRecord, KeyState, Keyring, KeysTx, LoadError, Purpose, Reason, WrappedBy,
    action::{KEY_DESTROY_APPROVE, KEY_DESTROY_REJECT, KEY_DESTROY_REQUEST, key_event},
    transition::{changed, history_line},
};

/// The longest that a replica takes to hear of a change, where nothing else is configured: twice the minute in which each
/// loads the keys.
pub const SETTLE: Duration = Duration::from_mins(2);

/// How much there is that only one key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// So many rows; 0 when nothing is left.
    Rows(u64),
    /// Nobody can tell: what it protects is in other hands, or was never counted.
    Unknown,
}

impl Live {
    /// Whether it is certain that nothing is lost with the key.
    pub const fn is_none(self) -> bool {
        matches!(self, Self::Rows(0))
    }

    fn detail(self) -> Detail {
        match self {
            Self::Rows(rows) => Detail::Number(i64::try_from(rows).unwrap_or(i64::MAX)),
            Self::Unknown => Detail::Text("unknown".to_owned()),
        }
    }
}

/// How many persons it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persons {
    /// One: the key never protected anything.
    One,
    /// Two: one asks, another approves.
    Two,
}

/// Why a key is not destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestructionError {
    /// It protects new data: replicas that do not know better would go on for a moment, and what they write would be lost.
    #[error("the key is active: rotate or deactivate it first")]
    Active,
    /// A tenant key that other keys hang under.
    #[error("the tenant key still wraps other keys: have them rewrapped first")]
    StillWraps,
    /// Replicas that have not heard of its last change yet may still use it.
    #[error("the key was in use until a moment ago: it may be destroyed from {until} on")]
    Settling {
        /// From when on.
        until: Timestamp,
    },
}

/// Whether `record` may be destroyed, and by how many. `wraps` says whether any row of the registry hangs under it.
///
/// A person's key is not asked for here: its destruction is that person's erasure.
pub fn may_destroy(record: &KeyRecord, wraps: bool) -> Result<Persons, DestructionError> {
    if record.state == KeyState::Active {
        return Err(DestructionError::Active);
    }
    if record.purpose == Purpose::Tenant && wraps {
        return Err(DestructionError::StillWraps);
    }
    Ok(if record.activated_at.is_none() {
        Persons::One
    } else {
        Persons::Two
    })
}

/// Whether every replica has heard of the last change of `record`, `settle` being the longest that one takes.
pub fn has_settled(record: &KeyRecord, now: Timestamp, settle: Duration) -> Result<(), DestructionError> {
    let until = record.state_changed_at.plus(settle);
    if record.activated_at.is_none() || until <= now {
        Ok(())
    } else {
        Err(DestructionError::Settling { until })
    }
}

/// `record` without its bytes, after its authenticity was checked. A tenant key's row is authenticated by `successor` from then
/// on, the organization's active tenant key, since its own key is gone; both must be loaded.
pub fn plan_destruction(
    keyring: &Keyring,
    now: Timestamp,
    record: &KeyRecord,
    successor: &KeyRecord,
    reason: Reason,
) -> Result<Change, LoadError> {
    let authority = keyring.authority_of(record)?;
    let from = record.state;
    let mut record = record.clone();
    let record = if record.purpose == Purpose::Tenant {
        let heir = keyring.active_authority(successor)?;
        record.wrapped_by = WrappedBy::Tenant(heir.id);
        record.into_state(KeyState::Destroyed, now, &heir.registry_key)?
    } else {
        record.into_state(KeyState::Destroyed, now, &authority.registry_key)?
    };
    Ok(Change { from, record, reason })
}

/// Writes a destruction. With an approval, both are written in one transaction, and each is an event:
/// [`vutf_kernel::Fault::Stale`] when either was changed meanwhile.
pub async fn commit_destruction(
    ctx: &Ctx,
    env: &mut Env<'_>,
    tx: &mut dyn KeysTx,
    change: &Change,
    live: Live,
    approval: Option<&Approval>,
) -> Result<(), PortError> {
    if let Some(approval) = approval {
        tx.lifecycle().replace_approval(approval).await?;
        let event = request_event(ctx, env, KEY_DESTROY_APPROVE, approval, &change.record);
        tx.events().append(event).await?;
    }
    tx.keys().replace(&change.record).await?;
    let mut event = changed(ctx, env, change).detail("live_rows", live.detail());
    if let Some(approval) = approval {
        event = event
            .detail("approval", Detail::Text(approval.id.to_string()))
            .detail("requested_by", Detail::Text(approval.requested_by.to_string()));
    }
    let passage = history_line(&event, Some(change.from), &change.record, &change.reason);
    tx.lifecycle().note(&passage).await?;
    tx.events().append(event).await
}

/// Writes a request, and the end of the one that stood in its way; [`vutf_kernel::Fault::Duplicate`] when there is an open one.
pub async fn commit_request(
    ctx: &Ctx,
    env: &mut Env<'_>,
    tx: &mut dyn KeysTx,
    key: &KeyRecord,
    request: &Approval,
    expired: Option<&Approval>,
) -> Result<(), PortError> {
    if let Some(expired) = expired {
        tx.lifecycle().replace_approval(expired).await?;
    }
    tx.lifecycle().insert_approval(request).await?;
    let event = request_event(ctx, env, KEY_DESTROY_REQUEST, request, key);
    tx.events().append(event).await
}

/// The key's row one revision later, in the same state: what a rejection leaves behind, so that the rejected request is void
/// even where somebody puts its open row back.
pub fn plan_rejection(keyring: &Keyring, key: &KeyRecord) -> Result<KeyRecord, LoadError> {
    let authority = keyring.authority_of(key)?;
    let key_id = key.id;
    let next = KeyRecord {
        revision: key.revision.saturating_add(1),
        ..key.clone()
    };
    next.authenticated(&authority.registry_key)
        .map_err(|source| LoadError::Wrapping { key_id, source })
}

/// Writes a rejection, and the key's next revision; [`vutf_kernel::Fault::Stale`] when either was changed meanwhile.
pub async fn commit_rejection(
    ctx: &Ctx,
    env: &mut Env<'_>,
    tx: &mut dyn KeysTx,
    key: &KeyRecord,
    approval: &Approval,
) -> Result<(), PortError> {
    tx.lifecycle().replace_approval(approval).await?;
    tx.keys().replace(key).await?;
    let event = request_event(ctx, env, KEY_DESTROY_REJECT, approval, key);
    tx.events().append(event).await
}

/// About the key, with the request in the details: so that the key's events tell its newest revision.
fn request_event(
    ctx: &Ctx,
    env: &mut Env<'_>,
    action: vutf_kernel::Action,
    approval: &Approval,
    key: &KeyRecord,
) -> Event {
    let event = key_event(ctx, env, action, key)
        .detail("approval", Detail::Text(approval.id.to_string()))
        .detail("requested_by", Detail::Text(approval.requested_by.to_string()))
        .detail("reason", Detail::Text(approval.reason.code().to_string()));
    match approval.reason.note() {
        Some(note) => event.detail("note", Detail::Text(note.to_owned())),
        None => event,
    }
}

#[cfg(test)]
mod tests {
    use vutf_kernel::{KeyId, OrganizationId};

    use super::*;
    use crate::Algorithm;

    fn key(state: KeyState, purpose: Purpose, activated_at: Option<Timestamp>) -> KeyRecord {
        KeyRecord {
            id: KeyId::from_uuid(uuid::Uuid::from_bytes([1; 16])),
            organization_id: OrganizationId::DEFAULT,
            algorithm: Algorithm::XChaCha20Poly1305,
            purpose,
            version: 1,
            state,
            wrapped: vec![1],
            wrapped_by: WrappedBy::Kek("k".into()),
            public_key: None,
            fingerprint: [0; 32],
            created_at: Timestamp::from_secs(1),
            activated_at,
            state_changed_at: Timestamp::from_secs(100),
            not_after: None,
            revision: 1,
            mac: [0; 32],
        }
    }

    #[test]
    fn who_may_destroy_what() {
        let used = Some(Timestamp::from_secs(1));
        for state in KeyState::ALL {
            let field = key(state, Purpose::field("users"), used);
            let expected = match state {
                KeyState::Active => Err(DestructionError::Active),
                _ => Ok(Persons::Two),
            };
            assert_eq!(may_destroy(&field, false), expected, "{state}");
        }
        let unused = key(KeyState::PreActivation, Purpose::field("users"), None);
        assert_eq!(may_destroy(&unused, false), Ok(Persons::One));
        let tenant = key(KeyState::Deactivated, Purpose::Tenant, used);
        assert_eq!(may_destroy(&tenant, true), Err(DestructionError::StillWraps));
        assert_eq!(may_destroy(&tenant, false), Ok(Persons::Two));
    }

    #[test]
    fn what_was_in_use_must_settle_and_what_never_was_need_not() {
        let settle = Duration::from_secs(10);
        let used = key(
            KeyState::Deactivated,
            Purpose::field("users"),
            Some(Timestamp::from_secs(1)),
        );
        let until = Timestamp::from_secs(110);
        let just_before = Timestamp::from_secs(109);
        assert_eq!(
            has_settled(&used, just_before, settle),
            Err(DestructionError::Settling { until })
        );
        assert_eq!(has_settled(&used, until, settle), Ok(()));
        let unused = key(KeyState::PreActivation, Purpose::field("users"), None);
        assert_eq!(has_settled(&unused, just_before, settle), Ok(()));
    }
}
