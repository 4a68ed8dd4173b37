//! Policies.

use async_trait::async_trait;
use vutf_kernel::{Fault, OrganizationId, PolicyId, PortError};

use super::{MemoryTx, State};
use crate::policy::{Policy, PolicyRepo};

pub(super) fn of(state: &State, organization: OrganizationId) -> Vec<Policy> {
    let all = state.policies.values();
    all.filter(|policy| policy.organization_id == organization)
        .cloned()
        .collect()
}

#[async_trait]
impl PolicyRepo for MemoryTx {
    async fn all(&mut self, organization: OrganizationId) -> Result<Vec<Policy>, PortError> {
        Ok(of(&self.state, organization))
    }

    async fn find(
        &mut self,
        organization: OrganizationId,
        id: PolicyId,
    ) -> Result<Option<Policy>, PortError> {
        let found = self.state.policies.get(&id);
        Ok(found
            .filter(|policy| policy.organization_id == organization)
            .cloned())
    }

    async fn insert(&mut self, policy: &Policy) -> Result<(), PortError> {
        if self.state.policies.contains_key(&policy.id) {
            let cause = "there is a policy of this id";
            return Err(PortError::new("policies.insert", Fault::Duplicate, cause));
        }
        self.write().policies.insert(policy.id, policy.clone());
        Ok(())
    }

    async fn update(&mut self, policy: &Policy) -> Result<(), PortError> {
        let known = self.state.policies.get(&policy.id);
        let is_next = known.is_some_and(|known| {
            known.organization_id == policy.organization_id
                && known.stamps.version.saturating_add(1) == policy.stamps.version
        });
        if !is_next {
            return Err(PortError::new("policies.update", Fault::Stale, "another version"));
        }
        self.write().policies.insert(policy.id, policy.clone());
        Ok(())
    }

    async fn remove(&mut self, organization: OrganizationId, id: PolicyId) -> Result<bool, PortError> {
        if PolicyRepo::find(self, organization, id).await?.is_none() {
            return Ok(false);
        }
        Ok(self.write().policies.remove(&id).is_some())
    }
}
