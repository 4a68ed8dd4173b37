//! Sessions and refresh tokens.

use async_trait::async_trait;
use vutf_kernel::{Assurance, FamilyId, OrganizationId, PortError, SessionId, Timestamp, UserId};

use super::{MemoryTx, State};
use crate::{
    Session,
    refresh::{RefreshFamily, RefreshToken, TokenHash},
    repo::{RefreshRepo, SessionRepo},
    session::{Ends, Place, Settled, lifetime::over, used::Used},
};

fn end(session: &mut Session, reason: &str, by: Option<UserId>, at: Timestamp) {
    session.revoked_at = Some(at);
    session.revoke_reason = Some(reason.to_owned());
    session.stamps = session.stamps.clone().changed(by, at);
}

fn lives(session: &Session, now: Timestamp) -> bool {
    session.revoked_at.is_none() && over(session.expires_at, session.idle_expires_at, now).is_none()
}

fn end_families(state: &mut State, session: SessionId, at: Timestamp) {
    for family in state.families.values_mut() {
        if family.session_id == session {
            family.revoked_at.get_or_insert(at);
        }
    }
}

#[async_trait]
impl SessionRepo for MemoryTx {
    async fn insert(&mut self, session: &Session) -> Result<(), PortError> {
        self.write().sessions.insert(session.id, session.clone());
        Ok(())
    }

    async fn find(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
    ) -> Result<Option<Session>, PortError> {
        let found = self.state.sessions.get(&id);
        Ok(found
            .filter(|session| session.organization_id == organization)
            .cloned())
    }

    async fn live_of(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, PortError> {
        let sessions = self.state.sessions.values().rev();
        let live = sessions.filter(|s| s.organization_id == organization && s.user_id == user);
        Ok(live.filter(|s| lives(s, now)).take(100).cloned().collect())
    }

    async fn beyond(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        keep: u32,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, PortError> {
        let sessions = self.state.sessions.values().rev();
        let live = sessions.filter(|s| s.organization_id == organization && s.user_id == user);
        let live = live.filter(|s| lives(s, now)).map(|session| session.id);
        Ok(live.skip(keep as usize).take(100).collect())
    }

    async fn touch(&mut self, used: &Used) -> Result<bool, PortError> {
        let fits = |s: &Session| {
            s.organization_id == used.organization_id
                && s.assurance.aal == used.aal
                && s.last_seen_at <= used.unless_since
                && lives(s, used.at)
        };
        if !self.state.sessions.get(&used.session_id).is_some_and(fits) {
            return Ok(false);
        }
        if let Some(session) = self.write().sessions.get_mut(&used.session_id) {
            session.last_seen_at = used.at;
            session.idle_expires_at = used.idle_expires_at;
        }
        let owner = self
            .state
            .sessions
            .get(&used.session_id)
            .map(|session| session.user_id);
        if let Some(user) = owner.and_then(|user| self.write().users.get_mut(&user))
            && user.last_seen_at.is_none_or(|seen| seen <= used.unless_since)
        {
            user.last_seen_at = Some(used.at);
            let id = user.id;
            self.write().told.remove(&id);
        }
        Ok(true)
    }

    async fn reauthenticate(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        assurance: &Assurance,
        ends: Ends,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        let session = self.write().sessions.get_mut(&id);
        let live = session.filter(|s| s.organization_id == organization && s.revoked_at.is_none());
        let noted = live.map(|session| {
            session.assurance = assurance.clone();
            session.last_seen_at = at;
            session.expires_at = ends.expires_at;
            session.idle_expires_at = ends.idle_expires_at;
            session.stamps = session.stamps.clone().changed(Some(session.user_id), at);
        });
        Ok(noted.is_some())
    }

    async fn mark_moved(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        let fits = |s: &Session| {
            s.organization_id == organization && s.revoked_at.is_none() && s.settled.moved_at.is_none()
        };
        if !self.state.sessions.get(&id).is_some_and(fits) {
            return Ok(false);
        }
        if let Some(session) = self.write().sessions.get_mut(&id) {
            session.settled.moved_at = Some(at);
        }
        Ok(true)
    }

    async fn settle(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        place: &Place,
    ) -> Result<(), PortError> {
        let session = self.write().sessions.get_mut(&id);
        if let Some(session) = session.filter(|s| s.organization_id == organization) {
            session.settled = Settled {
                place: Some(*place),
                moved_at: None,
            };
        }
        Ok(())
    }

    async fn rekey(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        cookie: &TokenHash,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        let session = self.write().sessions.get_mut(&id);
        let live = session.filter(|s| s.organization_id == organization && s.revoked_at.is_none());
        let rekeyed = live.filter(|s| s.cookie.is_some()).map(|session| {
            session.cookie = Some(*cookie);
            session.stamps = session.stamps.clone().changed(Some(session.user_id), at);
        });
        Ok(rekeyed.is_some())
    }

    async fn with_cookie(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Vec<SessionId>, PortError> {
        let sessions = self.state.sessions.values().rev();
        let theirs = sessions.filter(|s| s.organization_id == organization && s.user_id == user);
        let held = theirs.filter(|s| s.revoked_at.is_none() && s.cookie.is_some());
        Ok(held.take(100).map(|session| session.id).collect())
    }

    async fn revoke(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        reason: &str,
        by: Option<UserId>,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        let session = self.write().sessions.get_mut(&id);
        let live = session.filter(|s| s.organization_id == organization && s.revoked_at.is_none());
        Ok(live.map(|session| end(session, reason, by, at)).is_some())
    }

    async fn revoke_all(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        except: Option<SessionId>,
        reason: &str,
        by: Option<UserId>,
        at: Timestamp,
    ) -> Result<Vec<SessionId>, PortError> {
        let state = self.write();
        let mut ended = Vec::new();
        for session in state.sessions.values_mut() {
            let theirs = session.organization_id == organization && session.user_id == user;
            if theirs && session.revoked_at.is_none() && Some(session.id) != except {
                end(session, reason, by, at);
                ended.push(session.id);
            }
        }
        for session in &ended {
            end_families(state, *session, at);
        }
        Ok(ended)
    }

    async fn clear_password_due(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<(), PortError> {
        for session in self.write().sessions.values_mut() {
            if session.organization_id == organization && session.user_id == user {
                session.password_due_at = None;
            }
        }
        Ok(())
    }

    async fn forget_origins(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        let sessions = self.write().sessions.values_mut();
        let theirs = sessions.filter(|s| s.organization_id == organization && s.user_id == user);
        let mut emptied = 0;
        for session in
            theirs.filter(|s| s.ip.is_some() || s.user_agent.is_some() || s.settled.place.is_some())
        {
            (session.ip, session.user_agent) = (None, None);
            session.settled.place = None;
            emptied += 1;
        }
        Ok(emptied)
    }
}

#[async_trait]
impl RefreshRepo for MemoryTx {
    async fn insert_family(&mut self, family: &RefreshFamily, first: &RefreshToken) -> Result<(), PortError> {
        let state = self.write();
        state.families.insert(family.id, family.clone());
        state.tokens.insert(first.hash, first.clone());
        Ok(())
    }

    async fn find(&mut self, hash: &TokenHash) -> Result<Option<(RefreshToken, RefreshFamily)>, PortError> {
        let token = self.state.tokens.get(hash).cloned();
        Ok(token.and_then(|token| {
            let family = self.state.families.get(&token.family_id).cloned();
            family.map(|family| (token, family))
        }))
    }

    async fn rotate(
        &mut self,
        family: &RefreshFamily,
        spent: &RefreshToken,
        next: &RefreshToken,
        idle_expires_at: Timestamp,
    ) -> Result<bool, PortError> {
        let state = self.write();
        let head = state.families.get_mut(&family.id);
        let Some(head) = head.filter(|f| f.revoked_at.is_none() && f.generation == family.generation) else {
            return Ok(false);
        };
        head.generation = next.generation;
        head.idle_expires_at = idle_expires_at;
        state.tokens.insert(spent.hash, spent.clone());
        state.tokens.insert(next.hash, next.clone());
        Ok(true)
    }

    async fn revoke_family(&mut self, id: FamilyId, at: Timestamp) -> Result<bool, PortError> {
        let family = self.write().families.get_mut(&id);
        let live = family.filter(|family| family.revoked_at.is_none());
        Ok(live.map(|family| family.revoked_at = Some(at)).is_some())
    }

    async fn revoke_of_session(&mut self, session: SessionId, at: Timestamp) -> Result<(), PortError> {
        end_families(self.write(), session, at);
        Ok(())
    }
}
