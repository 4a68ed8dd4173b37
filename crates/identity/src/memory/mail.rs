//! Links and the queue of mails.

use async_trait::async_trait;
use vutf_kernel::{MailId, OrganizationId, PortError, Timestamp, UserId};

use super::{MemoryStore, MemoryTx};
use crate::{
    link::{Link, LinkPurpose, LinkRepo},
    mail::{Letter, MailReader, MailRepo},
    refresh::TokenHash,
};

fn count(before: usize, after: usize) -> u64 {
    u64::try_from(before.saturating_sub(after)).unwrap_or(u64::MAX)
}

#[async_trait]
impl LinkRepo for MemoryTx {
    async fn put(&mut self, link: &Link) -> Result<(), PortError> {
        let links = &mut self.write().links;
        links.retain(|_, known| {
            known.organization_id != link.organization_id
                || known.user_id != link.user_id
                || known.purpose != link.purpose
        });
        links.insert(link.hash, link.clone());
        Ok(())
    }

    async fn find(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<Option<Link>, PortError> {
        let found = self.state.links.get(hash);
        Ok(found.filter(|link| link.organization_id == organization).cloned())
    }

    async fn of_user(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        purpose: LinkPurpose,
    ) -> Result<Option<Link>, PortError> {
        let mut links = self.state.links.values();
        let found = links.find(|link| {
            link.organization_id == organization && link.user_id == user && link.purpose == purpose
        });
        Ok(found.cloned())
    }

    async fn spend(&mut self, organization: OrganizationId, hash: &TokenHash) -> Result<bool, PortError> {
        if LinkRepo::find(self, organization, hash).await?.is_none() {
            return Ok(false);
        }
        Ok(self.write().links.remove(hash).is_some())
    }

    async fn end(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        purposes: &[LinkPurpose],
    ) -> Result<u64, PortError> {
        let links = &mut self.write().links;
        let before = links.len();
        links.retain(|_, link| {
            link.organization_id != organization || link.user_id != user || !purposes.contains(&link.purpose)
        });
        Ok(count(before, links.len()))
    }
}

#[async_trait]
impl MailRepo for MemoryTx {
    async fn push(&mut self, letter: &Letter) -> Result<(), PortError> {
        self.write().letters.insert(letter.id, letter.clone());
        Ok(())
    }

    async fn requests(&mut self) -> Result<u64, PortError> {
        let waiting = self.state.letters.values();
        let requests = waiting.filter(|letter| letter.kind.is_request()).count();
        Ok(u64::try_from(requests).unwrap_or(u64::MAX))
    }

    async fn claim(&mut self, letter: &Letter, until: Timestamp) -> Result<bool, PortError> {
        let known = self.state.letters.get(&letter.id);
        if !known.is_some_and(|known| known.attempts == letter.attempts && known.due_at == letter.due_at) {
            return Ok(false);
        }
        if let Some(known) = self.write().letters.get_mut(&letter.id) {
            known.attempts = known.attempts.saturating_add(1);
            known.due_at = until;
        }
        Ok(true)
    }

    async fn postpone(&mut self, id: MailId, until: Timestamp) -> Result<(), PortError> {
        if let Some(known) = self.write().letters.get_mut(&id) {
            known.due_at = until;
        }
        Ok(())
    }

    async fn remove(&mut self, id: MailId) -> Result<bool, PortError> {
        Ok(self.state.letters.contains_key(&id) && self.write().letters.remove(&id).is_some())
    }

    async fn recall(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        purposes: &[LinkPurpose],
    ) -> Result<u64, PortError> {
        let letters = &mut self.write().letters;
        let before = letters.len();
        letters.retain(|_, letter| {
            letter.organization_id != organization
                || letter.user_id != Some(user)
                || !letter
                    .kind
                    .purpose()
                    .is_some_and(|purpose| purposes.contains(&purpose))
        });
        Ok(count(before, letters.len()))
    }

    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        let letters = &mut self.write().letters;
        let before = letters.len();
        letters.retain(|_, letter| letter.organization_id != organization || letter.user_id != Some(user));
        Ok(count(before, letters.len()))
    }
}

#[async_trait]
impl MailReader for MemoryStore {
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Letter>, PortError> {
        let state = self.committed();
        let mut due: Vec<_> = state
            .letters
            .values()
            .filter(|letter| letter.due_at <= now)
            .cloned()
            .collect();
        due.sort_by_key(|letter| (letter.due_at, letter.id));
        due.truncate(limit as usize);
        Ok(due)
    }

    async fn waiting(&self) -> Result<u64, PortError> {
        Ok(u64::try_from(self.committed().letters.len()).unwrap_or(u64::MAX))
    }
}
