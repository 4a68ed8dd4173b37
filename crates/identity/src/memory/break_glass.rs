//! Accounts behind glass.

use async_trait::async_trait;
use vutf_kernel::{OrganizationId, PortError, UserId};

use super::MemoryTx;
use crate::break_glass::{BreakGlassRepo, Glass};

#[async_trait]
impl BreakGlassRepo for MemoryTx {
    async fn find(&mut self, organization: OrganizationId, user: UserId) -> Result<Option<Glass>, PortError> {
        let found = self.state.glasses.get(&user);
        Ok(found
            .filter(|glass| glass.organization_id == organization)
            .cloned())
    }

    async fn seal(&mut self, glass: &Glass) -> Result<(), PortError> {
        self.write().glasses.insert(glass.user_id, glass.clone());
        Ok(())
    }

    async fn open(&mut self, glass: &Glass) -> Result<bool, PortError> {
        let known = self.state.glasses.get(&glass.user_id);
        let is_sealed = known.is_some_and(|known| {
            known.organization_id == glass.organization_id
                && known.secret == glass.secret
                && known.opened_at.is_none()
        });
        if is_sealed {
            self.write().glasses.insert(glass.user_id, glass.clone());
        }
        Ok(is_sealed)
    }
}
