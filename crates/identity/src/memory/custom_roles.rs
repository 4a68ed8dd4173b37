//! Roles that organizations made.

use async_trait::async_trait;
use vutf_kernel::{Fault, OrganizationId, PortError, RoleId};

use super::{MemoryTx, State};
use crate::role::{CustomRole, CustomRoleRepo, RoleName};

pub(super) fn of(state: &State, organization: OrganizationId) -> Vec<CustomRole> {
    let all = state.custom_roles.values();
    let mut all: Vec<CustomRole> = all
        .filter(|role| role.organization_id == organization)
        .cloned()
        .collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

#[async_trait]
impl CustomRoleRepo for MemoryTx {
    async fn all(&mut self, organization: OrganizationId) -> Result<Vec<CustomRole>, PortError> {
        Ok(of(&self.state, organization))
    }

    async fn insert(&mut self, role: &CustomRole) -> Result<(), PortError> {
        let mut known = self.state.custom_roles.values();
        let is_taken = known.any(|known| {
            known.id == role.id || known.organization_id == role.organization_id && known.name == role.name
        });
        if is_taken {
            let cause = "there is a role of this name";
            return Err(PortError::new("custom_roles.insert", Fault::Duplicate, cause));
        }
        self.write().custom_roles.insert(role.id, role.clone());
        Ok(())
    }

    async fn update(&mut self, role: &CustomRole) -> Result<(), PortError> {
        let known = self.state.custom_roles.get(&role.id);
        let is_next = known.is_some_and(|known| {
            known.organization_id == role.organization_id
                && known.name == role.name
                && known.stamps.version.saturating_add(1) == role.stamps.version
        });
        if !is_next {
            return Err(PortError::new(
                "custom_roles.update",
                Fault::Stale,
                "another version",
            ));
        }
        self.write().custom_roles.insert(role.id, role.clone());
        Ok(())
    }

    async fn remove(&mut self, organization: OrganizationId, id: RoleId) -> Result<bool, PortError> {
        let known = self.state.custom_roles.get(&id);
        if known.is_none_or(|role| role.organization_id != organization) {
            return Ok(false);
        }
        Ok(self.write().custom_roles.remove(&id).is_some())
    }

    async fn assigned(&mut self, organization: OrganizationId, name: &RoleName) -> Result<u64, PortError> {
        let held = self.state.roles.iter().filter(|((tenant, _), roles)| {
            *tenant == organization && roles.iter().any(|role| role == name.as_str())
        });
        Ok(held.count() as u64)
    }
}
