//! Removal of what is old.

use std::collections::HashSet;

use async_trait::async_trait;
use vutf_kernel::{PortError, SessionId, Timestamp};

use super::{MemoryTx, State};
use crate::{Session, housekeeping::HousekeepingRepo};

fn is_over(session: &Session, before: Timestamp) -> bool {
    session.expires_at < before || session.revoked_at.is_some_and(|at| at < before)
}

fn count<T>(removed: &[T]) -> u64 {
    u64::try_from(removed.len()).unwrap_or(u64::MAX)
}

impl State {
    fn over(&self, before: Timestamp) -> HashSet<SessionId> {
        let over = self.sessions.values().filter(|session| is_over(session, before));
        over.map(|session| session.id).collect()
    }
}

#[async_trait]
impl HousekeepingRepo for MemoryTx {
    async fn remove_guards(
        &mut self,
        before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, PortError> {
        let idle = self.state.guards.iter().filter(|((_, key), (guard, touched))| {
            *touched < before
                && guard.blocked_until.is_none_or(|until| until <= now)
                && (key.user.is_none() || guard.failures == 0 || key.authenticator == "device")
        });
        let idle: Vec<_> = idle.take(limit as usize).map(|(key, _)| key.clone()).collect();
        for key in &idle {
            self.write().guards.remove(key);
        }
        Ok(count(&idle))
    }

    async fn remove_tokens(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError> {
        let over = self.state.over(before);
        let tokens = self.state.tokens.values().filter(|token| {
            let family = self.state.families.get(&token.family_id);
            family.is_some_and(|family| over.contains(&family.session_id))
        });
        let old: Vec<_> = tokens.take(limit as usize).map(|token| token.hash).collect();
        for hash in &old {
            self.write().tokens.remove(hash);
        }
        Ok(count(&old))
    }

    async fn remove_challenges(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError> {
        let over = self
            .state
            .challenges
            .values()
            .filter(|challenge| challenge.expires_at < before);
        let old: Vec<_> = over
            .take(limit as usize)
            .map(|challenge| challenge.hash)
            .collect();
        for hash in &old {
            self.write().challenges.remove(hash);
        }
        Ok(count(&old))
    }

    async fn remove_ceremonies(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError> {
        let ceremonies = self.state.ceremonies.values();
        let over = ceremonies
            .filter(|one| one.expires_at < before)
            .map(|one| one.hash);
        let old: Vec<_> = over.take(limit as usize).collect();
        for hash in &old {
            self.write().ceremonies.remove(hash);
        }
        Ok(count(&old))
    }

    async fn remove_api_keys(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError> {
        let over = self
            .state
            .api_keys
            .values()
            .filter(|key| key.expires_at < before || key.revoked_at.is_some_and(|at| at < before));
        let old: Vec<_> = over.take(limit as usize).map(|key| key.id).collect();
        for id in &old {
            self.write().api_keys.remove(id);
        }
        Ok(count(&old))
    }

    async fn remove_links(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError> {
        let links = self.state.links.values();
        let over = links
            .filter(|link| link.expires_at < before)
            .map(|link| link.hash);
        let old: Vec<_> = over.take(limit as usize).collect();
        for hash in &old {
            self.write().links.remove(hash);
        }
        Ok(count(&old))
    }

    async fn remove_invitations(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError> {
        let invitations = self.state.invitations.values();
        let over = invitations
            .filter(|one| one.expires_at < before)
            .map(|one| one.id);
        let old: Vec<_> = over.take(limit as usize).collect();
        for id in &old {
            self.write().invitations.remove(id);
        }
        Ok(count(&old))
    }

    async fn remove_sessions(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError> {
        let in_use: HashSet<_> = self.state.tokens.values().map(|token| token.family_id).collect();
        let families = self.state.families.values();
        let kept: HashSet<_> = families
            .filter(|family| in_use.contains(&family.id))
            .map(|family| family.session_id)
            .collect();
        let over = self
            .state
            .over(before)
            .into_iter()
            .filter(|id| !kept.contains(id));
        let old: Vec<_> = over.take(limit as usize).collect();
        for id in &old {
            let state = self.write();
            state.sessions.remove(id);
            state.families.retain(|_, family| family.session_id != *id);
        }
        Ok(count(&old))
    }
}
