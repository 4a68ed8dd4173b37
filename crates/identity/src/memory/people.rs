//! Who has not been there for long, what persons agreed to, and who asked to be erased.

use async_trait::async_trait;
use vutf_kernel::{OrganizationId, PortError, Timestamp, UserId};

use super::{MemoryTx, users::last_there};
use crate::{
    User, UserKind, UserStatus,
    consent::{Consent, ConsentRepo},
    erasure_request::{ErasureRequest, ErasureRequestRepo},
    presence::PresenceRepo,
    refresh::TokenHash,
};

#[async_trait]
impl PresenceRepo for MemoryTx {
    async fn idle(
        &mut self,
        before: Timestamp,
        told: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<(OrganizationId, UserId)>, PortError> {
        let fits = |user: &&User| {
            let was_told = self.state.told.get(&user.id);
            let as_asked = match told {
                None => was_told.is_none(),
                Some(told) => was_told.is_some_and(|at| *at <= told),
            };
            as_asked
                && user.kind == UserKind::Person
                && user.status == UserStatus::Active
                && !user.stamps.is_deleted()
                && last_there(user) <= before
        };
        let mut idle: Vec<&User> = self.state.users.values().filter(fits).collect();
        idle.sort_by_key(|user| (last_there(user), user.id));
        let first = idle.into_iter().take(limit as usize);
        Ok(first.map(|user| (user.organization_id, user.id)).collect())
    }

    async fn note_told(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        at: Timestamp,
    ) -> Result<(), PortError> {
        let known = self.state.users.get(&user);
        if known.is_some_and(|known| known.organization_id == organization) {
            self.write().told.insert(user, at);
        }
        Ok(())
    }

    async fn forgive(&mut self, organization: OrganizationId, user: UserId) -> Result<(), PortError> {
        let known = self.state.users.get(&user);
        if known.is_some_and(|known| known.organization_id == organization) {
            self.write().told.remove(&user);
        }
        Ok(())
    }
}

#[async_trait]
impl ConsentRepo for MemoryTx {
    async fn put(&mut self, consent: &Consent) -> Result<bool, PortError> {
        let same = |known: &Consent| {
            known.user_id == consent.user_id
                && known.document == consent.document
                && known.version == consent.version
        };
        if self.state.consents.iter().any(same) {
            return Ok(false);
        }
        self.write().consents.push(consent.clone());
        Ok(true)
    }

    async fn of_user(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Vec<Consent>, PortError> {
        let theirs = |known: &&Consent| known.organization_id == organization && known.user_id == user;
        let mut found: Vec<Consent> = self.state.consents.iter().filter(theirs).cloned().collect();
        found.sort_by(|a, b| (a.accepted_at, &a.version).cmp(&(b.accepted_at, &b.version)));
        found.truncate(100);
        Ok(found)
    }

    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        let consents = &mut self.write().consents;
        let before = consents.len();
        consents.retain(|known| known.organization_id != organization || known.user_id != user);
        Ok(u64::try_from(before - consents.len()).unwrap_or(u64::MAX))
    }
}

impl MemoryTx {
    /// A request that is not done.
    fn waiting(&mut self, organization: OrganizationId, user: UserId) -> Option<&mut ErasureRequest> {
        let known = self.write().erasure_requests.get_mut(&user);
        known.filter(|known| known.organization_id == organization && known.done_at.is_none())
    }
}

#[async_trait]
impl ErasureRequestRepo for MemoryTx {
    async fn put(&mut self, request: &ErasureRequest) -> Result<bool, PortError> {
        if self.state.erasure_requests.contains_key(&request.user_id) {
            return Ok(false);
        }
        self.write()
            .erasure_requests
            .insert(request.user_id, request.clone());
        Ok(true)
    }

    async fn find(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<ErasureRequest>, PortError> {
        let known = self.state.erasure_requests.get(&user);
        Ok(known
            .filter(|known| known.organization_id == organization)
            .cloned())
    }

    async fn by_receipt(
        &mut self,
        organization: OrganizationId,
        receipt: &TokenHash,
    ) -> Result<Option<ErasureRequest>, PortError> {
        let mut known = self.state.erasure_requests.values();
        let found = known.find(|known| known.organization_id == organization && known.receipt == *receipt);
        Ok(found.cloned())
    }

    async fn remove(&mut self, organization: OrganizationId, user: UserId) -> Result<bool, PortError> {
        if self.waiting(organization, user).is_none() {
            return Ok(false);
        }
        Ok(self.write().erasure_requests.remove(&user).is_some())
    }

    async fn due(&mut self, now: Timestamp, limit: u32) -> Result<Vec<ErasureRequest>, PortError> {
        let requests = self.state.erasure_requests.values();
        let mut due: Vec<ErasureRequest> = requests
            .filter(|request| request.done_at.is_none() && request.due_at <= now)
            .cloned()
            .collect();
        due.sort_by_key(|request| (request.due_at, request.user_id));
        due.truncate(limit as usize);
        Ok(due)
    }

    async fn postpone(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        until: Timestamp,
    ) -> Result<bool, PortError> {
        let waiting = self.waiting(organization, user);
        Ok(waiting.map(|request| request.due_at = until).is_some())
    }

    async fn finish(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        let waiting = self.waiting(organization, user);
        Ok(waiting.map(|request| request.done_at = Some(at)).is_some())
    }
}
