//! Which tenant key vouches for a row of the registry. No provider is asked: the tenant keys are those that are loaded.

use std::sync::{Arc, PoisonError};

use vutf_kernel::{KeyId, OrganizationId};

use crate::{
    KeyRecord, KeyState, Keyring, Keyset, LoadError, Purpose, WrappedBy, authenticated::Authenticated as _,
    tenant::Tenant,
};

impl Keyring {
    /// The tenant key that authenticates `record`, after it did.
    pub(crate) fn authority_of(&self, record: &KeyRecord) -> Result<Arc<Tenant>, LoadError> {
        let id = match record.wrapped_by {
            WrappedBy::Kek(_) => record.id,
            WrappedBy::Tenant(id) => id,
        };
        let tenant = self.authority(record.organization_id, id)?;
        tenant.authenticate(record)?;
        Ok(tenant)
    }

    /// The loaded tenant key `id` of `organization`.
    pub(crate) fn authority(
        &self,
        organization: OrganizationId,
        key_id: KeyId,
    ) -> Result<Arc<Tenant>, LoadError> {
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants
            .get(&key_id)
            .filter(|tenant| tenant.organization_id == organization)
            .cloned()
            .ok_or(LoadError::Record {
                key_id,
                reason: "it is not loaded as a tenant key",
            })
    }

    /// The tenant key in `tenant`, after its row was checked: active, so that it may vouch for something new.
    pub(crate) fn active_authority(&self, tenant: &KeyRecord) -> Result<Arc<Tenant>, LoadError> {
        if tenant.purpose != Purpose::Tenant || tenant.state != KeyState::Active {
            return Err(LoadError::Record {
                key_id: tenant.id,
                reason: "it is not an active tenant key",
            });
        }
        self.authority_of(tenant)
    }

    /// Refuses a keyset that the service did not write.
    pub(crate) fn authenticate_keyset(&self, keyset: &Keyset) -> Result<(), LoadError> {
        let key_id = keyset.authenticated_by;
        let tenant = self.authority(keyset.organization_id, key_id)?;
        let authentic = keyset
            .is_authentic(&tenant.registry_key)
            .map_err(|source| LoadError::Wrapping { key_id, source })?;
        if authentic {
            Ok(())
        } else {
            Err(LoadError::KeysetMac {
                organization_id: keyset.organization_id,
                purpose: keyset.purpose.clone(),
            })
        }
    }
}
