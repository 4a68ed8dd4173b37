//! What is kept of accounts behind glass. The store authenticates their rows.

use async_trait::async_trait;
use vutf_kernel::{OrganizationId, PortError, UserId};

use super::Glass;

/// Accounts behind glass.
#[async_trait]
pub trait BreakGlassRepo: Send {
    /// That of an account.
    async fn find(&mut self, organization: OrganizationId, user: UserId) -> Result<Option<Glass>, PortError>;
    /// Seals an account, for the first time or anew.
    async fn seal(&mut self, glass: &Glass) -> Result<(), PortError>;
    /// Notes that it was opened; `false`, with nothing changed, when it was opened or sealed by somebody else since it was found.
    async fn open(&mut self, glass: &Glass) -> Result<bool, PortError>;
}
