//! What is kept of an organization's own roles. The store authenticates their rows.

use async_trait::async_trait;
use vutf_kernel::{OrganizationId, PortError, RoleId};

use super::{CustomRole, RoleName};

/// Roles that organizations made. One whose row is not as this service wrote it is found as what it grants then: nothing.
#[async_trait]
pub trait CustomRoleRepo: Send {
    /// All of an organization, by name.
    async fn all(&mut self, organization: OrganizationId) -> Result<Vec<CustomRole>, PortError>;
    /// Adds one. [`vutf_kernel::Fault::Duplicate`] when there is one of that name in the organization.
    async fn insert(&mut self, role: &CustomRole) -> Result<(), PortError>;
    /// Replaces what the one whose version is one less than `role.stamps.version` is for and grants;
    /// [`vutf_kernel::Fault::Stale`] when there is none. A name stays.
    async fn update(&mut self, role: &CustomRole) -> Result<(), PortError>;
    /// Removes one; `false` when there is none.
    async fn remove(&mut self, organization: OrganizationId, id: RoleId) -> Result<bool, PortError>;
    /// How many accounts hold it, whatever their state: one that is barred or deleted may come back.
    async fn assigned(&mut self, organization: OrganizationId, name: &RoleName) -> Result<u64, PortError>;
}
