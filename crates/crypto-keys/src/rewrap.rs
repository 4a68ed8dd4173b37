//! Wrapping keys anew: tenant keys under another set of key-encryption keys, and the keys below them under another tenant
//! key. Neither touches what the keys encrypt.
//!
//! Every plan authenticates the row it starts from, and is committed only onto exactly that row
//! ([`crate::KeyRepo::replace`]): replicas may do the same work at once, beside rotations, and each step may be cut off.
//! Whoever comes second is told [`Fault::Stale`], and finds the work done when it lists again.

use std::collections::BTreeSet;

use vutf_kernel::{Ctx, Detail, Entropy, Env, Event, Fault, KeyId, Outcome, PortError, Secret};

use crate::authenticated::Authenticated as _;
use crate::{
    CryptoError, Keks, KeyRecord, KeyState, KeyWrapper, Keyring, KeysTx, LoadError, Purpose, WrappedBy,
    action::KEY_REWRAP,
    tenant::{Tenant, wraps_of},
};

/// Rows that one transaction rewraps at most: it is open for a fraction of a second.
pub const REWRAP_BATCH: usize = 500;

/// A row as it is, and as it is to be: the same key, wrapped anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrap {
    /// What stands in the registry.
    pub old: KeyRecord,
    /// What is to stand there: other wraps, one revision more, the MAC that belongs to it; nothing else differs.
    pub new: KeyRecord,
}

/// The tenant key in `record` under exactly the key-encryption keys that `wrapper` wraps with; `None` when it is already, and
/// for a row that holds no tenant key (any more). The wraps were each opened once by whoever made them.
///
/// Suspended keys and those not in use yet are rewrapped too: they would be lost with the key-encryption key that is left.
pub async fn plan_rewrap(wrapper: &dyn KeyWrapper, record: &KeyRecord) -> Result<Option<Rewrap>, LoadError> {
    if !holds_tenant_key(record) || is_current(wrapper, record)? {
        return Ok(None);
    }
    let key_id = record.id;
    let failed = |source| LoadError::Wrapping { key_id, source };
    let provider = |source| LoadError::Provider { key_id, source };
    let (tenant, key) = Tenant::open(wrapper, record).await?;
    let context = record.context().map_err(failed)?;
    let keks = Keks::of(wrapper);
    let wraps = keks.wrap(&key, &context).await.map_err(provider)?;
    keks.prove(&wraps, &key, &context).await.map_err(provider)?;
    let wrapped_by = WrappedBy::Kek(wrapper.kek_id().to_owned());
    let new = rewrapped(record, wraps.encode(), wrapped_by, &tenant.registry_key).map_err(failed)?;
    let old = record.clone();
    Ok(Some(Rewrap { old, new }))
}

/// Whether the tenant key in `record` is wrapped by exactly the key-encryption keys that `wrapper` wraps with. Says nothing
/// about the row's authenticity.
pub fn is_current(wrapper: &dyn KeyWrapper, record: &KeyRecord) -> Result<bool, LoadError> {
    Ok(Keks::of(wrapper).is_current(&wraps_of(record)?))
}

/// Has every key-encryption key that wraps open its own wrap of `record`, and checks that each gives the key that
/// authenticates the row. Nothing is read from a cache.
pub async fn verify_wraps(wrapper: &dyn KeyWrapper, record: &KeyRecord) -> Result<(), LoadError> {
    let key_id = record.id;
    if !is_current(wrapper, record)? {
        return Err(LoadError::Record {
            key_id,
            reason: "it is not wrapped by the key-encryption keys that are configured",
        });
    }
    let (_tenant, key) = Tenant::open(wrapper, record).await?;
    let context = record
        .context()
        .map_err(|source| LoadError::Wrapping { key_id, source })?;
    Keks::of(wrapper)
        .prove(&wraps_of(record)?, &key, &context)
        .await
        .map_err(|source| LoadError::Provider { key_id, source })
}

/// Whether `record` is the row of a tenant key that was not destroyed: what a key-encryption key is needed for.
pub fn holds_tenant_key(record: &KeyRecord) -> bool {
    record.purpose == Purpose::Tenant && record.state != KeyState::Destroyed
}

/// Writes one rewrapped tenant key with its `key.rewrap` event; [`Fault::Stale`] when the row was changed meanwhile.
pub async fn commit_rewrap(
    ctx: &Ctx,
    env: &mut Env<'_>,
    tx: &mut dyn KeysTx,
    rewrap: &Rewrap,
) -> Result<(), PortError> {
    tx.keys().replace(&rewrap.new).await?;
    let resource = KEY_REWRAP.one(rewrap.new.id.as_uuid());
    let mut event = Event::new(ctx, env, KEY_REWRAP.name, resource, Outcome::Success)
        .detail("purpose", Detail::Text(rewrap.new.purpose.to_string()))
        .detail("version", Detail::Number(rewrap.new.version.into()))
        .detail("revision", revision(&rewrap.new))
        .detail("from", named(&rewrap.old))
        .detail("to", named(&rewrap.new));
    event.organization_id = rewrap.new.organization_id;
    tx.events().append(event).await
}

/// What a batch of rows under an older tenant key came to.
#[derive(Debug, Default)]
pub struct DataKeyPlan {
    /// Ready to be committed.
    pub rewraps: Vec<Rewrap>,
    /// Rows that were under the new tenant key already.
    pub already: usize,
    /// Rows that were refused, with the reason: they are left as they are, and do not keep the rest from going on.
    pub refused: Vec<(KeyId, LoadError)>,
}

/// The keys in `batch` under the tenant key `target`, in this process: both tenant keys must be loaded in `keyring`, and no
/// provider is asked. A destroyed row has nothing to wrap, but is authenticated under `target` too, so that its testimony
/// outlives the tenant key that is left.
///
/// A batch has at most [`REWRAP_BATCH`] rows of the organization of `target`, which must be active.
pub fn plan_data_key_rewrap(
    keyring: &Keyring,
    entropy: &mut dyn Entropy,
    target: &KeyRecord,
    batch: &[KeyRecord],
) -> Result<DataKeyPlan, LoadError> {
    let to = keyring.active_authority(target)?;
    let mut plan = DataKeyPlan::default();
    for record in batch {
        if record.wrapped_by == WrappedBy::Tenant(to.id) {
            plan.already += 1;
            continue;
        }
        match rewrap_below(keyring, entropy, &to, record) {
            Ok(new) => plan.rewraps.push(Rewrap {
                old: record.clone(),
                new,
            }),
            Err(error) => plan.refused.push((record.id, error)),
        }
    }
    Ok(plan)
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataKeysRewrapped {
    /// Rows that were written.
    pub written: usize,
    /// Rows that somebody else changed meanwhile: to be met again.
    pub stale: usize,
}

/// Writes a batch in one transaction, with one `key.rewrap` event about `target` that counts what it did and names its first
/// and last key. A row that was changed meanwhile is left as it is.
pub async fn commit_data_key_rewrap(
    ctx: &Ctx,
    env: &mut Env<'_>,
    tx: &mut dyn KeysTx,
    target: &KeyRecord,
    rewraps: &[Rewrap],
) -> Result<DataKeysRewrapped, PortError> {
    let mut done = DataKeysRewrapped::default();
    let (mut from, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for rewrap in rewraps {
        match tx.keys().replace(&rewrap.new).await {
            Ok(()) => {
                done.written += 1;
                from.insert(rewrap.old.wrapped_by.to_string());
                ids.insert(rewrap.new.id);
            }
            Err(error) if error.fault == Fault::Stale => done.stale += 1,
            Err(error) => return Err(error),
        }
    }
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
        return Ok(done);
    };
    let to = WrappedBy::Tenant(target.id).to_string();
    let count = i64::try_from(done.written).unwrap_or(i64::MAX);
    let resource = KEY_REWRAP.one(target.id.as_uuid());
    let mut event = Event::new(ctx, env, KEY_REWRAP.name, resource, Outcome::Success)
        .detail("count", Detail::Number(count))
        .detail("first", Detail::Text(first.to_string()))
        .detail("last", Detail::Text(last.to_string()))
        .detail("from", Detail::List(from.into_iter().collect()))
        .detail("to", Detail::List(vec![to]));
    event.organization_id = target.organization_id;
    tx.events().append(event).await?;
    Ok(done)
}

fn rewrap_below(
    keyring: &Keyring,
    entropy: &mut dyn Entropy,
    to: &Tenant,
    record: &KeyRecord,
) -> Result<KeyRecord, LoadError> {
    let key_id = record.id;
    let failed = |source| LoadError::Wrapping { key_id, source };
    let WrappedBy::Tenant(from) = record.wrapped_by else {
        return Err(LoadError::Record {
            key_id,
            reason: "only a tenant key may be wrapped by the key-encryption key",
        });
    };
    if record.organization_id != to.organization_id {
        return Err(LoadError::Record {
            key_id,
            reason: "it belongs to another organization than the tenant key",
        });
    }
    let from = keyring.authority(record.organization_id, from)?;
    from.authenticate(record)?;
    let wrapped = if record.state == KeyState::Destroyed {
        Vec::new()
    } else {
        let context = record.context().map_err(failed)?;
        let key = from.wrapping.unwrap(&record.wrapped, &context).map_err(failed)?;
        to.wrapping.wrap(&key, &context, entropy).map_err(failed)?
    };
    let wrapped_by = WrappedBy::Tenant(to.id);
    rewrapped(record, wrapped, wrapped_by, &to.registry_key).map_err(failed)
}

fn rewrapped(
    record: &KeyRecord,
    wrapped: Vec<u8>,
    wrapped_by: WrappedBy,
    registry_key: &Secret<[u8; 32]>,
) -> Result<KeyRecord, CryptoError> {
    let new = KeyRecord {
        wrapped,
        wrapped_by,
        revision: record.revision.saturating_add(1),
        ..record.clone()
    };
    new.authenticated(registry_key)
}

fn revision(record: &KeyRecord) -> Detail {
    Detail::Number(i64::try_from(record.revision).unwrap_or(i64::MAX))
}

/// The key-encryption keys that a row names.
fn named(record: &KeyRecord) -> Detail {
    let ids = wraps_of(record).map(|wraps| wraps.kek_ids().map(str::to_owned).collect());
    Detail::List(ids.unwrap_or_else(|_| vec![record.wrapped_by.to_string()]))
}

#[cfg(test)]
mod tests {
    use vutf_kernel::{Clock, OrganizationId, OsEntropy, SystemClock};

    use super::*;
    use crate::{memory::MemoryWrapper, plan_missing, plan_rotation};

    #[tokio::test]
    async fn what_a_destroyed_row_says_outlives_the_tenant_key_that_authenticated_it() {
        let wrapper = MemoryWrapper::new("k", Secret::new([1; 32])).unwrap();
        let mut env = Env {
            clock: &SystemClock,
            entropy: &mut OsEntropy,
        };
        let home = OrganizationId::DEFAULT;
        let wanted = [Purpose::field("users")];
        let mut rows = plan_missing(&mut env, &wrapper, home, &[], &wanted)
            .await
            .unwrap();
        let rotation = plan_rotation(&mut env, &wrapper, &rows, home, &Purpose::Tenant)
            .await
            .unwrap();
        let old = Tenant::unwrap(&wrapper, &rows[0]).await.unwrap();
        let gone = rows.remove(1);
        let gone = gone
            .into_state(KeyState::Destroyed, SystemClock.now(), &old.registry_key)
            .unwrap();
        let new = rotation.new;
        let ring = Keyring::new();
        ring.load(&wrapper, vec![rotation.previous[0].clone(), new.clone()])
            .await
            .unwrap();
        let plan = plan_data_key_rewrap(&ring, &mut OsEntropy, &new, &[gone]).unwrap();
        let moved = &plan.rewraps[0].new;
        assert_eq!((moved.state, moved.wrapped.len()), (KeyState::Destroyed, 0));
        let tenant = Tenant::unwrap(&wrapper, &new).await.unwrap();
        tenant.authenticate(moved).unwrap();
        assert!(plan_rewrap(&wrapper, moved).await.unwrap().is_none());
    }
}
