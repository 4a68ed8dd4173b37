//! Second factors, backup codes, and sign-ins that wait for one.

mod adoption;
mod challenges;
mod codes;
mod factors;

use async_trait::async_trait;
use vutf_identity::{
    mfa::{BackupCode, MfaChallenge, MfaRepo, TotpFactor, repo::Removed},
    refresh::TokenHash,
};
use vutf_kernel::{OrganizationId, PortError, Timestamp, UserId};

use crate::tx::Tx;

#[async_trait]
impl MfaRepo for Tx {
    async fn confirmed(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<TotpFactor>, PortError> {
        self.factor(organization, user, true).await
    }

    async fn pending(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<TotpFactor>, PortError> {
        self.factor(organization, user, false).await
    }

    async fn enrol(&mut self, factor: &TotpFactor) -> Result<(), PortError> {
        self.remove_factor(factor.organization_id, factor.user_id, false)
            .await?;
        self.insert_factor(factor).await
    }

    async fn confirm(&mut self, factor: &TotpFactor) -> Result<bool, PortError> {
        if !self.lock_pending(factor).await? {
            return Ok(false);
        }
        self.remove_factor(factor.organization_id, factor.user_id, true)
            .await?;
        self.confirm_factor(factor).await
    }

    async fn use_step(&mut self, factor: &TotpFactor, step: i64, at: Timestamp) -> Result<bool, PortError> {
        self.move_step(factor, step, at).await
    }

    async fn put_codes(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        codes: &[BackupCode],
        at: Timestamp,
    ) -> Result<(), PortError> {
        self.remove_codes(organization, user).await?;
        self.insert_codes(organization, user, codes, at).await
    }

    async fn use_code(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        code: &BackupCode,
    ) -> Result<bool, PortError> {
        self.spend_code(organization, user, code).await
    }

    async fn codes_left(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        self.count_codes(organization, user).await
    }

    async fn open_challenge(&mut self, challenge: &MfaChallenge) -> Result<(), PortError> {
        self.insert_challenge(challenge).await
    }

    async fn find_challenge(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<Option<MfaChallenge>, PortError> {
        self.challenge(organization, hash).await
    }

    async fn close_challenge(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<bool, PortError> {
        self.spend_challenge(organization, hash).await
    }

    async fn remove_totp(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        let confirmed = self.remove_factor(organization, user, true).await?;
        let pending = self.remove_factor(organization, user, false).await?;
        Ok(confirmed + pending)
    }

    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<Removed, PortError> {
        Ok(Removed {
            factors: self.remove_totp(organization, user).await?,
            codes: self.remove_codes(organization, user).await?,
            challenges: self.remove_challenges_of(organization, user).await?,
        })
    }
}
