//! The tenant key: wraps the other keys of an organization, and authenticates their rows.

use vutf_kernel::{KeyId, OrganizationId, Secret};

use crate::{
    CryptoError, Keks, KeyRecord, KeyWrapper, LoadError, Purpose, WrappedBy, WrappingKey, Wraps,
    authenticated::Authenticated as _,
};

const REGISTRY: &[u8] = b"vutf/registry/v1";

/// An unwrapped tenant key.
pub(crate) struct Tenant {
    pub(crate) id: KeyId,
    pub(crate) organization_id: OrganizationId,
    /// Authenticates registry rows; derived, so that no second secret has to be kept.
    pub(crate) registry_key: Secret<[u8; 32]>,
    pub(crate) wrapping: WrappingKey,
    /// The bytes it was unwrapped from.
    wrapped: Vec<u8>,
}

impl Tenant {
    /// From the key itself, for a row that is just being made or has just been unwrapped.
    pub(crate) fn new(record: &KeyRecord, key: Secret<[u8; 32]>) -> Result<Self, CryptoError> {
        let suite = record.algorithm.suite().ok_or(CryptoError::Primitive(
            "wrapping with a key whose algorithm does not encrypt",
        ))?;
        let wrapping = WrappingKey::tenant(suite, record.id, record.version, key)?;
        Ok(Self {
            id: record.id,
            organization_id: record.organization_id,
            registry_key: wrapping.derive(REGISTRY, record.organization_id.as_bytes())?,
            wrapping,
            wrapped: record.wrapped.clone(),
        })
    }

    /// Has the provider unwrap `record`, and checks that the row is authentic.
    pub(crate) async fn unwrap(wrapper: &dyn KeyWrapper, record: &KeyRecord) -> Result<Self, LoadError> {
        Ok(Self::open(wrapper, record).await?.0)
    }

    /// [`Tenant::unwrap`], with the key itself: for whoever wraps it anew.
    pub(crate) async fn open(
        wrapper: &dyn KeyWrapper,
        record: &KeyRecord,
    ) -> Result<(Self, Secret<[u8; 32]>), LoadError> {
        let key_id = record.id;
        if record.purpose != Purpose::Tenant {
            return Err(LoadError::Record {
                key_id,
                reason: "it is not a tenant key",
            });
        }
        let wraps = wraps_of(record)?;
        let keks = Keks::of(wrapper);
        if !keks.knows_one_of(&wraps) {
            return Err(LoadError::KekMismatch {
                key_id,
                wrapped_by: wraps.kek_ids().collect::<Vec<_>>().join(", "),
                configured: keks.names(),
            });
        }
        let wrapping_failed = |source| LoadError::Wrapping { key_id, source };
        let context = record.context().map_err(wrapping_failed)?;
        let key = keks
            .unwrap(&wraps, &context)
            .await
            .map_err(|source| LoadError::Provider { key_id, source })?;
        let tenant = Self::new(record, key.clone()).map_err(wrapping_failed)?;
        tenant.authenticate(record)?;
        Ok((tenant, key))
    }

    /// Whether this is the key in `record`: it was unwrapped from these bytes, or the whole row, with the new wraps of the
    /// same key, was authenticated by whoever has it. So a rewrap costs a running process no call to the provider.
    pub(crate) fn is_of(&self, record: &KeyRecord) -> bool {
        self.id == record.id
            && self.organization_id == record.organization_id
            && (self.wrapped == record.wrapped || self.authenticate(record).is_ok())
    }

    /// Refuses a row that this tenant key has not authenticated.
    pub(crate) fn authenticate(&self, record: &KeyRecord) -> Result<(), LoadError> {
        let key_id = record.id;
        let authentic = record.organization_id == self.organization_id
            && record
                .is_authentic(&self.registry_key)
                .map_err(|source| LoadError::Wrapping { key_id, source })?;
        if authentic {
            Ok(())
        } else {
            Err(LoadError::RecordMac { key_id })
        }
    }
}

/// The wraps in a tenant key's row, whose `wrapped_by` must name the first of them.
pub(crate) fn wraps_of(record: &KeyRecord) -> Result<Wraps, LoadError> {
    let unusable = |reason| LoadError::Record {
        key_id: record.id,
        reason,
    };
    let WrappedBy::Kek(named) = &record.wrapped_by else {
        return Err(unusable("a tenant key wraps another tenant key"));
    };
    let wraps = Wraps::decode(&record.wrapped).map_err(|_| unusable("its wraps cannot be read"))?;
    if wraps.kek_ids().next() == Some(named) {
        Ok(wraps)
    } else {
        Err(unusable("it names another key-encryption key than its wraps do"))
    }
}
