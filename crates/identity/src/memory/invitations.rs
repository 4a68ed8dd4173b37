//! Invitations.

use async_trait::async_trait;
use vutf_kernel::{InvitationId, OrganizationId, Page, PageRequest, PortError};

use super::MemoryTx;
use crate::{
    invitation::{Invitation, InvitationRepo},
    refresh::TokenHash,
};

#[async_trait]
impl InvitationRepo for MemoryTx {
    async fn put(&mut self, invitation: &Invitation) -> Result<(), PortError> {
        let invitations = &mut self.write().invitations;
        invitations.retain(|_, known| {
            known.organization_id != invitation.organization_id || known.tag != invitation.tag
        });
        invitations.insert(invitation.id, invitation.clone());
        Ok(())
    }

    async fn find(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<Option<Invitation>, PortError> {
        let mut invitations = self.state.invitations.values();
        let found = invitations.find(|known| known.organization_id == organization && known.hash == *hash);
        Ok(found.cloned())
    }

    async fn remove(&mut self, organization: OrganizationId, id: InvitationId) -> Result<bool, PortError> {
        let known = self.state.invitations.get(&id);
        if known.is_none_or(|known| known.organization_id != organization) {
            return Ok(false);
        }
        Ok(self.write().invitations.remove(&id).is_some())
    }

    async fn list(
        &mut self,
        organization: OrganizationId,
        page: &PageRequest,
    ) -> Result<Page<Invitation>, PortError> {
        let invitations = self.state.invitations.values();
        let items = invitations
            .filter(|known| known.organization_id == organization)
            .filter(|known| page.after.is_none_or(|after| known.id.as_uuid() > after))
            .take(usize::from(page.limit) + 1)
            .cloned()
            .collect();
        Ok(Page::from_overfetch(items, page.limit, |known: &Invitation| {
            known.id.as_uuid()
        }))
    }
}
