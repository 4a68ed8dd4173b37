//! Making keys and rotating them.
//!
//! A plan calls the provider of the key-encryption key, so it is made outside a transaction; committing it is one
//! transaction with its audit events. When another replica was faster, the commit fails with
//! [`vutf_kernel::Fault::Duplicate`] or [`vutf_kernel::Fault::Stale`]: list and load again, its keys are as good.

use std::{collections::HashSet, time::Duration};

use vutf_kernel::{Ctx, Detail, Env, KeyId, OrganizationId, PortError, Secret, Timestamp};

use crate::authenticated::Authenticated as _;
use crate::{
    Algorithm, Change, CryptoError, Keks, KeyRecord, KeyState, KeyWrapper, KeysTx, LoadError, Purpose,
    Reason, ReasonCode, ServiceUse, SuitePolicy, WrappedBy,
    action::{KEY_CREATE, KEY_ROTATE, SUBJECT_KEY_CREATE, key_event},
    record::fingerprint,
    signing::Signer,
    tenant::Tenant,
    transition::{commit_transition, history_line},
};

const DAY: Duration = Duration::from_hours(24);

impl Purpose {
    /// How long a new key of this purpose may protect (NIST SP 800-57 part 1 rev. 5, section 5.3.6). `None`: rotated by hand,
    /// because it needs a job of its own.
    pub const fn cryptoperiod(&self) -> Option<Duration> {
        match self {
            Self::Field { .. }
            | Self::Service {
                service: ServiceUse::Encrypt,
                ..
            } => Some(DAY.saturating_mul(90)),
            Self::Tenant
            | Self::TokenSigning
            | Self::CheckpointSigning
            | Self::Mac { .. }
            | Self::Service { .. } => Some(DAY.saturating_mul(365)),
            // An index has to be made again; a person's key protects a handful of fields for as long as the person stays.
            Self::Index { .. } | Self::Subject { .. } => None,
        }
    }
}

/// [`plan_missing_under`] [`SuitePolicy::ALL`].
pub async fn plan_missing(
    env: &mut Env<'_>,
    wrapper: &dyn KeyWrapper,
    organization: OrganizationId,
    existing: &[KeyRecord],
    wanted: &[Purpose],
) -> Result<Vec<KeyRecord>, LoadError> {
    plan_missing_under(SuitePolicy::ALL, env, wrapper, organization, existing, wanted).await
}

/// New, active keys for each purpose in `wanted` that `organization` has no key for, in whatever state; with its first
/// tenant key, if it has none. Asks the provider only if something is missing.
///
/// `policy` says which suite a tenant key gets; the keys under a tenant key encrypt in its suite.
pub async fn plan_missing_under(
    policy: SuitePolicy,
    env: &mut Env<'_>,
    wrapper: &dyn KeyWrapper,
    organization: OrganizationId,
    existing: &[KeyRecord],
    wanted: &[Purpose],
) -> Result<Vec<KeyRecord>, LoadError> {
    let mut seen: HashSet<&Purpose> = existing
        .iter()
        .filter(|record| record.organization_id == organization)
        .map(|record| &record.purpose)
        .collect();
    let has_tenant = seen.contains(&Purpose::Tenant);
    let missing: Vec<&Purpose> = wanted.iter().filter(|purpose| seen.insert(purpose)).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let mut planned = Vec::with_capacity(missing.len() + 1);
    let tenant = if has_tenant {
        active_tenant(wrapper, organization, existing).await?
    } else {
        let (record, tenant) = make_tenant(env, policy, wrapper, organization, 1).await?;
        planned.push(record);
        tenant
    };
    for purpose in missing.into_iter().filter(|purpose| **purpose != Purpose::Tenant) {
        planned.push(make(env, &tenant, purpose, 1)?);
    }
    Ok(planned)
}

/// A rotation that is ready to be committed.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The new, active key.
    pub new: KeyRecord,
    /// The keys that were active, now deactivated or compromised: they still read what they protected.
    pub previous: Vec<KeyRecord>,
    /// Why.
    pub reason: Reason,
}

/// [`plan_rotation_under`] [`SuitePolicy::ALL`].
pub async fn plan_rotation(
    env: &mut Env<'_>,
    wrapper: &dyn KeyWrapper,
    existing: &[KeyRecord],
    organization: OrganizationId,
    purpose: &Purpose,
) -> Result<Rotation, LoadError> {
    plan_rotation_under(SuitePolicy::ALL, env, wrapper, existing, organization, purpose).await
}

/// A new version of `purpose`, and the deactivation of those that were active.
///
/// A rotated tenant key goes on to unwrap what it wrapped; new keys are wrapped by its successor. A rotated index key needs
/// every index of the column to be made again before the old version may be destroyed.
///
/// To move a tenant to another suite, rotate its tenant key first: a new version of any other key follows its tenant key.
pub async fn plan_rotation_under(
    policy: SuitePolicy,
    env: &mut Env<'_>,
    wrapper: &dyn KeyWrapper,
    existing: &[KeyRecord],
    organization: OrganizationId,
    purpose: &Purpose,
) -> Result<Rotation, LoadError> {
    let same: Vec<&KeyRecord> = existing
        .iter()
        .filter(|record| record.organization_id == organization && record.purpose == *purpose)
        .collect();
    let newest = same.iter().map(|record| record.version).max().unwrap_or(0);
    let mut previous = Vec::new();
    for record in same.into_iter().filter(|record| record.state == KeyState::Active) {
        previous.push(deactivated(env, wrapper, existing, record).await?);
    }
    let version = newest.saturating_add(1);
    let new = if *purpose == Purpose::Tenant {
        make_tenant(env, policy, wrapper, organization, version).await?.0
    } else {
        let tenant = active_tenant(wrapper, organization, existing).await?;
        make(env, &tenant, purpose, version)?
    };
    Ok(Rotation {
        new,
        previous,
        reason: ReasonCode::Superseded.into(),
    })
}

/// Writes new keys, each with a `key.create` event.
pub async fn commit_new(
    ctx: &Ctx,
    env: &mut Env<'_>,
    tx: &mut dyn KeysTx,
    records: &[KeyRecord],
) -> Result<(), PortError> {
    for record in records {
        tx.keys().insert(record).await?;
        // The ledger reads the one, of which there are a few a tenant, and not the other, of which there is one a person.
        let action = match record.purpose {
            Purpose::Subject { .. } => SUBJECT_KEY_CREATE,
            _ => KEY_CREATE,
        };
        let event = key_event(ctx, env, action, record);
        let line = history_line(&event, None, record, &ReasonCode::Created.into());
        tx.lifecycle().note(&line).await?;
        tx.events().append(event).await?;
    }
    Ok(())
}

/// Writes a rotation with its `key.rotate` event, after one of its own for each key that was active.
pub async fn commit_rotation(
    ctx: &Ctx,
    env: &mut Env<'_>,
    tx: &mut dyn KeysTx,
    rotation: Rotation,
) -> Result<(), PortError> {
    let previous = rotation.previous.iter().map(|record| record.id.to_string());
    let previous = Detail::List(previous.collect());
    for record in rotation.previous {
        let change = Change {
            from: KeyState::Active,
            record,
            reason: rotation.reason.clone(),
        };
        commit_transition(ctx, env, tx, &change).await?;
    }
    tx.keys().insert(&rotation.new).await?;
    let event = key_event(ctx, env, KEY_ROTATE, &rotation.new)
        .detail("deactivated", previous)
        .detail("reason", Detail::Text(rotation.reason.code().to_string()));
    let line = history_line(&event, None, &rotation.new, &ReasonCode::Created.into());
    tx.lifecycle().note(&line).await?;
    tx.events().append(event).await
}

async fn active_tenant(
    wrapper: &dyn KeyWrapper,
    organization_id: OrganizationId,
    existing: &[KeyRecord],
) -> Result<Tenant, LoadError> {
    let newest = existing
        .iter()
        .filter(|record| record.organization_id == organization_id && record.purpose == Purpose::Tenant)
        .filter(|record| record.state == KeyState::Active)
        .max_by_key(|record| record.version)
        .ok_or(LoadError::NoTenantKey { organization_id })?;
    Tenant::unwrap(wrapper, newest).await
}

/// The row as it is once it is deactivated, after its authenticity was checked: a forged row must not get a true MAC.
async fn deactivated(
    env: &Env<'_>,
    wrapper: &dyn KeyWrapper,
    existing: &[KeyRecord],
    record: &KeyRecord,
) -> Result<KeyRecord, LoadError> {
    let key_id = record.id;
    let parent = match record.wrapped_by {
        WrappedBy::Kek(_) => Some(record),
        WrappedBy::Tenant(id) => existing.iter().find(|candidate| candidate.id == id),
    };
    let parent = parent.ok_or(LoadError::Record {
        key_id,
        reason: "its tenant key is not in the registry",
    })?;
    let tenant = Tenant::unwrap(wrapper, parent).await?;
    tenant.authenticate(record)?;
    record
        .clone()
        .into_state(KeyState::Deactivated, env.now(), &tenant.registry_key)
}

pub(crate) async fn make_tenant(
    env: &mut Env<'_>,
    policy: SuitePolicy,
    wrapper: &dyn KeyWrapper,
    organization: OrganizationId,
    version: u32,
) -> Result<(KeyRecord, Tenant), LoadError> {
    let wrapped_by = WrappedBy::Kek(wrapper.kek_id().to_owned());
    let mut record = draft(env, organization, &Purpose::Tenant, version, wrapped_by)?;
    record.algorithm = policy.algorithm_for(&Purpose::Tenant);
    let key_id = record.id;
    let failed = |source| LoadError::Wrapping { key_id, source };
    let context = record.context().map_err(failed)?;
    let key = Secret::new(env.entropy.bytes());
    record.fingerprint = fingerprint(record.id, &key).map_err(failed)?;
    let unwrapped = |source| LoadError::Provider { key_id, source };
    let keks = Keks::of(wrapper);
    let wraps = keks.wrap(&key, &context).await.map_err(unwrapped)?;
    keks.prove(&wraps, &key, &context).await.map_err(unwrapped)?;
    record.wrapped = wraps.encode();
    let tenant = Tenant::new(&record, key).map_err(failed)?;
    let record = record.authenticated(&tenant.registry_key).map_err(failed)?;
    Ok((record, tenant))
}

/// A new, active key under `tenant`.
pub(crate) fn make(
    env: &mut Env<'_>,
    tenant: &Tenant,
    purpose: &Purpose,
    version: u32,
) -> Result<KeyRecord, LoadError> {
    let wrapped_by = WrappedBy::Tenant(tenant.id);
    let mut record = draft(env, tenant.organization_id, purpose, version, wrapped_by)?;
    if record.algorithm.suite().is_some() {
        record.algorithm = tenant.wrapping.suite().algorithm();
    }
    let key_id = record.id;
    wrap_new(env, tenant, record).map_err(|source| LoadError::Wrapping { key_id, source })
}

fn wrap_new(env: &mut Env<'_>, tenant: &Tenant, mut record: KeyRecord) -> Result<KeyRecord, CryptoError> {
    let key = Secret::new(env.entropy.bytes());
    if record.algorithm == Algorithm::Ed25519 {
        record.public_key = Some(Signer::from_seed(&key)?.public_key().to_vec());
    }
    record.fingerprint = fingerprint(record.id, &key)?;
    record.wrapped = tenant.wrapping.wrap(&key, &record.context()?, env.entropy)?;
    record.authenticated(&tenant.registry_key)
}

fn draft(
    env: &mut Env<'_>,
    organization_id: OrganizationId,
    purpose: &Purpose,
    version: u32,
    wrapped_by: WrappedBy,
) -> Result<KeyRecord, LoadError> {
    let id = KeyId::generate(env.clock, env.entropy);
    if !purpose.is_valid() {
        return Err(LoadError::Record {
            key_id: id,
            reason: "its purpose has a name that is not 1 to 63 of a-z, 0-9, _ and -",
        });
    }
    let now: Timestamp = env.now();
    Ok(KeyRecord {
        id,
        organization_id,
        purpose: purpose.clone(),
        version,
        algorithm: purpose.algorithm(),
        state: KeyState::Active,
        wrapped: Vec::new(),
        wrapped_by,
        public_key: None,
        fingerprint: [0; 32],
        created_at: now,
        activated_at: Some(now),
        state_changed_at: now,
        not_after: purpose.cryptoperiod().map(|period| now.plus(period)),
        revision: 1,
        mac: [0; 32],
    })
}
