//! Versions of one purpose follow one another: in two steps, where replicas must know a key before it protects, or at once,
//! where the one that protects is in other hands.

use vutf_kernel::{Ctx, Env, OrganizationId, PortError, Timestamp};

use crate::{
    Change, KeyRecord, KeyState, KeyWrapper, Keyring, KeysTx, LoadError, Purpose, Reason, ReasonCode,
    Rotation,
    due::active,
    lifecycle::{make, make_tenant},
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

/// The active key `record` is compromised, and another version takes its place in the same transaction. Only a tenant key takes
/// its provider; any other is made under the tenant key that is loaded, so that it can be done while the provider is away.
pub async fn plan_compromise(
    env: &mut Env<'_>,
    wrapper: &dyn KeyWrapper,
    keyring: &Keyring,
    existing: &[KeyRecord],
    record: &KeyRecord,
    reason: Reason,
) -> Result<Rotation, LoadError> {
    let organization_id = record.organization_id;
    let now = env.now();
    let change = plan_transition(keyring, now, record, KeyState::Compromised, reason.clone())?;
    let version = next_version(existing, organization_id, &record.purpose);
    let new = if record.purpose == Purpose::Tenant {
        make_tenant(env, keyring.policy(), wrapper, organization_id, version)
            .await?
            .0
    } else {
        let tenant = active(existing, organization_id, &Purpose::Tenant)
            .ok_or(LoadError::NoTenantKey { organization_id })?;
        let authority = keyring.active_authority(tenant)?;
        make(env, &authority, &record.purpose, version)?
    };
    Ok(Rotation {
        new,
        previous: vec![change.record],
        reason,
    })
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
