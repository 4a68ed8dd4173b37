//! API keys.

use async_trait::async_trait;
use vutf_kernel::{ApiKeyId, Fault, OrganizationId, Page, PageRequest, PortError, Timestamp, UserId};

use super::{MemoryTx, State};
use crate::api_key::{ApiKey, ApiKeyRepo, ApiKeyStatus, repo::KeyUse};

/// `None` when the owner is gone.
pub(super) fn status(state: &State, key: &ApiKey) -> Option<ApiKeyStatus> {
    let owner = state.users.get(&key.user_id)?;
    let roles = state.roles.get(&(key.organization_id, key.user_id));
    Some(ApiKeyStatus {
        lookup: key.lookup,
        id: key.id,
        organization_id: key.organization_id,
        user_id: key.user_id,
        secret: key.secret,
        scopes: key.scopes.clone(),
        networks: key.networks.clone(),
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
        owner_status: owner.status,
        owner_deleted: owner.stamps.is_deleted(),
        roles: roles.cloned().unwrap_or_default(),
    })
}

impl MemoryTx {
    fn keys_of(&self, organization: OrganizationId) -> impl Iterator<Item = &ApiKey> {
        let keys = self.state.api_keys.values();
        keys.filter(move |key| key.organization_id == organization)
    }
}

#[async_trait]
impl ApiKeyRepo for MemoryTx {
    /// Commits are serialisable anyway.
    async fn lock_owner(&mut self, _: OrganizationId, _: UserId) -> Result<(), PortError> {
        Ok(())
    }

    async fn insert(&mut self, key: &ApiKey) -> Result<(), PortError> {
        if self
            .state
            .api_keys
            .values()
            .any(|known| known.lookup == key.lookup)
        {
            let cause = "another key has this lookup";
            return Err(PortError::new("api_keys.insert", Fault::Duplicate, cause));
        }
        self.write().api_keys.insert(key.id, key.clone());
        Ok(())
    }

    async fn find(
        &mut self,
        organization: OrganizationId,
        id: ApiKeyId,
    ) -> Result<Option<ApiKey>, PortError> {
        let found = self.state.api_keys.get(&id);
        Ok(found.filter(|key| key.organization_id == organization).cloned())
    }

    async fn predecessor(
        &mut self,
        organization: OrganizationId,
        id: ApiKeyId,
    ) -> Result<Option<ApiKey>, PortError> {
        let mut keys = self.keys_of(organization);
        Ok(keys.find(|key| key.successor_id == Some(id)).cloned())
    }

    async fn list(
        &mut self,
        organization: OrganizationId,
        owner: Option<UserId>,
        page: &PageRequest,
    ) -> Result<Page<ApiKey>, PortError> {
        let items = self
            .keys_of(organization)
            .filter(|key| owner.is_none_or(|owner| key.user_id == owner))
            .filter(|key| page.after.is_none_or(|after| key.id.as_uuid() > after))
            .take(usize::from(page.limit) + 1)
            .cloned()
            .collect();
        Ok(Page::from_overfetch(items, page.limit, |key: &ApiKey| {
            key.id.as_uuid()
        }))
    }

    async fn live_of(
        &mut self,
        organization: OrganizationId,
        owner: UserId,
        now: Timestamp,
    ) -> Result<Vec<ApiKey>, PortError> {
        let keys = self.keys_of(organization);
        Ok(keys
            .filter(|key| key.user_id == owner && key.is_live(now))
            .cloned()
            .collect())
    }

    async fn end(&mut self, key: &ApiKey) -> Result<(), PortError> {
        let stale = || PortError::new("api_keys.end", Fault::Stale, "another version");
        let known = self.state.api_keys.get(&key.id).filter(|known| {
            known.organization_id == key.organization_id
                && known.stamps.version.saturating_add(1) == key.stamps.version
        });
        let known = known.cloned().ok_or_else(stale)?;
        let ended = ApiKey {
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            successor_id: key.successor_id,
            stamps: key.stamps.clone(),
            ..known
        };
        self.write().api_keys.insert(key.id, ended);
        Ok(())
    }

    async fn note_use(&mut self, used: &KeyUse, unless_since: Timestamp) -> Result<bool, PortError> {
        let is_due = |key: &ApiKey| {
            key.organization_id == used.organization_id
                && key.last_used_at.is_none_or(|at| at <= unless_since)
        };
        if !self.state.api_keys.get(&used.key_id).is_some_and(is_due) {
            return Ok(false);
        }
        if let Some(key) = self.write().api_keys.get_mut(&used.key_id) {
            key.last_used_at = Some(used.at);
            key.last_used_ip.clone_from(&used.ip);
        }
        Ok(true)
    }

    async fn remove_of(&mut self, organization: OrganizationId, owner: UserId) -> Result<u64, PortError> {
        let keys = &mut self.write().api_keys;
        let before = keys.len();
        keys.retain(|_, key| key.organization_id != organization || key.user_id != owner);
        Ok(u64::try_from(before - keys.len()).unwrap_or(u64::MAX))
    }
}
