//! What is kept of policies. The store authenticates their rows.

use async_trait::async_trait;
use vutf_kernel::{OrganizationId, PolicyId, PortError};

use super::Policy;

/// Policies. One that cannot be read or trusted is found as what it takes away then, [`Policy::broken`]; it is never left out.
#[async_trait]
pub trait PolicyRepo: Send {
    /// All of an organization, by ascending id.
    async fn all(&mut self, organization: OrganizationId) -> Result<Vec<Policy>, PortError>;
    /// One.
    async fn find(&mut self, organization: OrganizationId, id: PolicyId)
    -> Result<Option<Policy>, PortError>;
    /// Adds one. [`vutf_kernel::Fault::Duplicate`] when there is one of that id.
    async fn insert(&mut self, policy: &Policy) -> Result<(), PortError>;
    /// Replaces the one whose version is one less than `policy.stamps.version`; [`vutf_kernel::Fault::Stale`] when there is none.
    async fn update(&mut self, policy: &Policy) -> Result<(), PortError>;
    /// Removes one; `false` when there is none.
    async fn remove(&mut self, organization: OrganizationId, id: PolicyId) -> Result<bool, PortError>;
}
