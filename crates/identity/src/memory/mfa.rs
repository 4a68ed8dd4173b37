//! Second factors.

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use vutf_kernel::{OrganizationId, PortError, Timestamp, UserId};

use super::{MemoryTx, State};
use crate::{
    mfa::{BackupCode, MfaChallenge, MfaRepo, TotpFactor, repo::Removed},
    refresh::TokenHash,
};

/// Nothing of this leaves the process, so that no key is needed.
fn hash(organization: OrganizationId, user: UserId, code: &BackupCode) -> [u8; 32] {
    Sha256::new()
        .chain_update(organization.as_bytes())
        .chain_update(user.as_bytes())
        .chain_update(code.expose())
        .finalize()
        .into()
}

fn count(before: usize, after: usize) -> u64 {
    u64::try_from(before.saturating_sub(after)).unwrap_or(u64::MAX)
}

impl State {
    fn factor(&self, organization: OrganizationId, user: UserId, confirmed: bool) -> Option<TotpFactor> {
        let theirs = |factor: &&TotpFactor| factor.organization_id == organization && factor.user_id == user;
        let mut found = self.factors.values().filter(theirs);
        found
            .find(|factor| factor.confirmed_at.is_some() == confirmed)
            .cloned()
    }
}

#[async_trait]
impl MfaRepo for MemoryTx {
    async fn confirmed(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<TotpFactor>, PortError> {
        Ok(self.state.factor(organization, user, true))
    }

    async fn pending(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<TotpFactor>, PortError> {
        Ok(self.state.factor(organization, user, false))
    }

    async fn enrol(&mut self, factor: &TotpFactor) -> Result<(), PortError> {
        let before = self.state.factor(factor.organization_id, factor.user_id, false);
        let state = self.write();
        if let Some(before) = before {
            state.factors.remove(&before.id);
        }
        state.factors.insert(factor.id, factor.clone());
        Ok(())
    }

    async fn confirm(&mut self, factor: &TotpFactor) -> Result<bool, PortError> {
        let waits = |known: &TotpFactor| {
            known.confirmed_at.is_none() && known.organization_id == factor.organization_id
        };
        if !self.state.factors.get(&factor.id).is_some_and(waits) {
            return Ok(false);
        }
        let before = self.state.factor(factor.organization_id, factor.user_id, true);
        let state = self.write();
        if let Some(before) = before {
            state.factors.remove(&before.id);
        }
        state.factors.insert(factor.id, factor.clone());
        Ok(true)
    }

    async fn use_step(&mut self, factor: &TotpFactor, step: i64, at: Timestamp) -> Result<bool, PortError> {
        let known = self.write().factors.get_mut(&factor.id);
        let unused = known.filter(|known| known.confirmed_at.is_some() && known.last_step < step);
        let used = unused.map(|known| {
            known.last_step = step;
            known.stamps = known.stamps.clone().changed(Some(known.user_id), at);
        });
        Ok(used.is_some())
    }

    async fn put_codes(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        codes: &[BackupCode],
        _: Timestamp,
    ) -> Result<(), PortError> {
        let state = self.write();
        state.codes.retain(|_, whose| *whose != (organization, user));
        for code in codes {
            state
                .codes
                .insert(hash(organization, user, code), (organization, user));
        }
        Ok(())
    }

    async fn use_code(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        code: &BackupCode,
    ) -> Result<bool, PortError> {
        let taken = self.write().codes.remove(&hash(organization, user, code));
        Ok(taken.is_some())
    }

    async fn codes_left(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        let whose = self.state.codes.values();
        let left = whose.filter(|whose| **whose == (organization, user)).count();
        Ok(u64::try_from(left).unwrap_or(u64::MAX))
    }

    async fn open_challenge(&mut self, challenge: &MfaChallenge) -> Result<(), PortError> {
        let over = |known: &MfaChallenge| {
            known.organization_id == challenge.organization_id
                && known.user_id == challenge.user_id
                && known.expires_at <= challenge.created_at
        };
        let state = self.write();
        state.challenges.retain(|_, known| !over(known));
        state.challenges.insert(challenge.hash, challenge.clone());
        Ok(())
    }

    async fn find_challenge(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<Option<MfaChallenge>, PortError> {
        let found = self.state.challenges.get(hash);
        Ok(found
            .filter(|known| known.organization_id == organization)
            .cloned())
    }

    async fn close_challenge(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<bool, PortError> {
        if MfaRepo::find_challenge(self, organization, hash).await?.is_none() {
            return Ok(false);
        }
        Ok(self.write().challenges.remove(hash).is_some())
    }

    async fn remove_totp(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        let factors = &mut self.write().factors;
        let before = factors.len();
        factors.retain(|_, known| known.organization_id != organization || known.user_id != user);
        Ok(count(before, factors.len()))
    }

    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<Removed, PortError> {
        let state = self.write();
        let before = (state.factors.len(), state.codes.len(), state.challenges.len());
        state
            .factors
            .retain(|_, known| known.organization_id != organization || known.user_id != user);
        state.codes.retain(|_, whose| *whose != (organization, user));
        state
            .challenges
            .retain(|_, known| known.organization_id != organization || known.user_id != user);
        Ok(Removed {
            factors: count(before.0, state.factors.len()),
            codes: count(before.1, state.codes.len()),
            challenges: count(before.2, state.challenges.len()),
        })
    }
}
