//! Versions of one purpose follow one another: in two steps, where replicas must know a key before it protects, or at once,
//! where the one that protects is in other hands.

use std::sync::Arc;

use vutf_kernel::{Ctx, Env, OrganizationId, PortError, Timestamp};

use crate::authenticated::Authenticated as _;
use crate::{
    Change, KeyRecord, KeyState, KeyWrapper, Keyring, KeysTx, LoadError, Purpose, Reason, ReasonCode,
    Rotation, WrappedBy,
    due::active,
    lifecycle::{commit_rotation, make, make_tenant},
    transition::{commit_transition, plan_transition},
};

/// The next version of `purpose`. Unless it is to `activate` at once, it is in pre-activation: replicas load it, nothing is
/// protected by it yet. Asks no provider, so it makes no tenant key. `tenant` is the organization's active tenant key, and must
/// be loaded. `not_after` takes the place of the cryptoperiod that its purpose has.
pub fn plan_next(
    env: &mut Env<'_>,
    keyring: &Keyring,
    existing: &[KeyRecord],
    tenant: &KeyRecord,
    purpose: &Purpose,
    activate: bool,
    not_after: Option<Timestamp>,
) -> Result<KeyRecord, LoadError> {
    let version = next_version(existing, tenant.organization_id, purpose);
    let authority = keyring.active_authority(tenant)?;
    let mut made = make(env, &authority, purpose, version)?;
    let key_id = made.id;
    if activate {
        made.not_after = not_after.or(made.not_after);
    } else {
        made.state = KeyState::PreActivation;
        made.activated_at = None;
        made.not_after = not_after;
    }
    made.authenticated(&authority.registry_key)
        .map_err(|source| LoadError::Wrapping { key_id, source })
}

/// `record` becomes active, and the version that was active until now is deactivated; in the order in which they are to be
/// committed. `None` when a newer version is active: what is older never takes its place.
pub fn plan_activation(
    keyring: &Keyring,
    now: Timestamp,
    existing: &[KeyRecord],
    record: &KeyRecord,
    reason: Reason,
) -> Result<Option<Vec<Change>>, LoadError> {
    let mut changes = Vec::new();
    if let Some(active) = active(existing, record.organization_id, &record.purpose) {
        if active.version > record.version {
            return Ok(None);
        }
        if active.id != record.id {
            let reason = ReasonCode::Superseded.into();
            changes.push(plan_transition(
                keyring,
                now,
                active,
                KeyState::Deactivated,
                reason,
            )?);
        }
    }
    changes.push(plan_transition(keyring, now, record, KeyState::Active, reason)?);
    Ok(Some(changes))
}

/// Writes several changes of state in their order.
pub async fn commit_transitions(
    ctx: &Ctx,
    env: &mut Env<'_>,
    tx: &mut dyn KeysTx,
    changes: &[Change],
) -> Result<(), PortError> {
    for change in changes {
        commit_transition(ctx, env, tx, change).await?;
    }
    Ok(())
}

/// What becomes of a registry when a key is compromised, in the order in which it is to be committed.
#[derive(Clone, Debug)]
pub struct Compromise {
    /// Active keys that are compromised, each with the version that takes its place.
    pub rotations: Vec<Rotation>,
    /// Others that are compromised with them.
    pub changes: Vec<Change>,
}

/// The active key `record` is compromised, and another version takes its place in the same transaction. Only a tenant key takes
/// its provider; any other is made under the tenant key that is loaded, so that it can be done while the provider is away.
///
/// Whoever has a tenant key has what it wraps: every key below it is compromised with it, and those that protect get a
/// successor under the new tenant key. Keys of single persons are tainted by the state of their tenant key.
pub async fn plan_compromise(
    env: &mut Env<'_>,
    wrapper: &dyn KeyWrapper,
    keyring: &Keyring,
    existing: &[KeyRecord],
    record: &KeyRecord,
    reason: Reason,
) -> Result<Compromise, LoadError> {
    let organization_id = record.organization_id;
    let mut plan = Compromise {
        rotations: Vec::new(),
        changes: Vec::new(),
    };
    let tenant = if record.purpose == Purpose::Tenant {
        let version = next_version(existing, organization_id, &record.purpose);
        let (new, tenant) = make_tenant(env, keyring.policy(), wrapper, organization_id, version).await?;
        let change = compromised(env, keyring, record, &reason)?;
        plan.rotations.push(replaced(change, new));
        Arc::new(tenant)
    } else {
        let tenant = active(existing, organization_id, &Purpose::Tenant)
            .ok_or(LoadError::NoTenantKey { organization_id })?;
        keyring.active_authority(tenant)?
    };
    let below = WrappedBy::Tenant(record.id);
    let lost = existing.iter().filter(|other| {
        (other.id == record.id && other.purpose != Purpose::Tenant)
            || (other.wrapped_by == below && other.state.may_become(KeyState::Compromised))
    });
    for other in lost {
        let change = compromised(env, keyring, other, &reason)?;
        if other.state == KeyState::Active {
            let version = next_version(existing, organization_id, &other.purpose);
            let new = make(env, &tenant, &other.purpose, version)?;
            plan.rotations.push(replaced(change, new));
        } else {
            plan.changes.push(change);
        }
    }
    Ok(plan)
}

/// Writes a compromise; [`vutf_kernel::Fault::Stale`] or [`vutf_kernel::Fault::Duplicate`] when any of it was changed meanwhile.
pub async fn commit_compromise(
    ctx: &Ctx,
    env: &mut Env<'_>,
    tx: &mut dyn KeysTx,
    compromise: Compromise,
) -> Result<(), PortError> {
    for rotation in compromise.rotations {
        commit_rotation(ctx, env, tx, rotation).await?;
    }
    commit_transitions(ctx, env, tx, &compromise.changes).await
}

fn compromised(
    env: &Env<'_>,
    keyring: &Keyring,
    record: &KeyRecord,
    reason: &Reason,
) -> Result<Change, LoadError> {
    plan_transition(keyring, env.now(), record, KeyState::Compromised, reason.clone())
}

fn replaced(change: Change, new: KeyRecord) -> Rotation {
    Rotation {
        new,
        previous: vec![change.record],
        reason: change.reason,
    }
}

fn next_version(existing: &[KeyRecord], organization: OrganizationId, purpose: &Purpose) -> u32 {
    existing
        .iter()
        .filter(|record| record.organization_id == organization && record.purpose == *purpose)
        .map(|record| record.version)
        .max()
        .unwrap_or(0)
        .saturating_add(1)
}
