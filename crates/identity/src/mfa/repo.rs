//! What is kept of second factors. The store seals secrets and keeps no backup code, only a keyed hash of each.

use async_trait::async_trait;
use vutf_kernel::{FactorId, OrganizationId, PortError, Stamps, Timestamp, UserId};

use super::{BackupCode, ENROLMENT_LIFE, TotpSecret};
use crate::refresh::TokenHash;

/// An authenticator app that shares a secret with this service.
#[derive(Clone, Debug)]
pub struct TotpFactor {
    /// Its id. A new secret is a new factor.
    pub id: FactorId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// Whose it is.
    pub user_id: UserId,
    /// What the app was given.
    pub secret: TotpSecret,
    /// When a code proved that the app has it. Before that it is asked for nowhere.
    pub confirmed_at: Option<Timestamp>,
    /// The last step whose code was taken: no code of it or of one before is taken again.
    pub last_step: i64,
    /// Audit mixin.
    pub stamps: Stamps,
}

impl TotpFactor {
    /// The step of `code`, if it is right and was not taken before.
    pub(crate) fn unused_step(
        &self,
        code: &vutf_kernel::Secret<String>,
        now: Timestamp,
    ) -> Result<i64, &'static str> {
        let step = self.secret.matching_step(code, now).ok_or("wrong_code")?;
        if step > self.last_step {
            Ok(step)
        } else {
            Err("replayed_code")
        }
    }
    /// Whether it was made too long ago to be confirmed.
    pub(crate) fn is_overdue(&self, now: Timestamp) -> bool {
        now >= self.stamps.created_at.plus(ENROLMENT_LIFE)
    }
    /// Confirmed by the code of `step`, which that uses up.
    #[must_use]
    pub(crate) fn confirm(self, step: i64, now: Timestamp) -> Self {
        Self {
            confirmed_at: Some(now),
            last_step: step,
            stamps: self.stamps.clone().changed(Some(self.user_id), now),
            ..self
        }
    }
}

/// A sign-in that waits for its second factor. Whoever has its secret has proved the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MfaChallenge {
    /// SHA-256 of the secret, which has 256 bits.
    pub hash: TokenHash,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// Who signs in.
    pub user_id: UserId,
    /// The user's epoch when the password was proved: what ends sessions ends this.
    pub epoch: i64,
    /// When the password that was proved had been set: another password ends this.
    pub password_changed_at: Timestamp,
    /// Its end.
    pub expires_at: Timestamp,
    /// When the password was proved.
    pub created_at: Timestamp,
}

/// How many rows a removal took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Authenticator apps, confirmed or not.
    pub factors: u64,
    /// Backup codes.
    pub codes: u64,
    /// Sign-ins that waited for a second factor.
    pub challenges: u64,
}

/// Second factors, backup codes, and sign-ins that wait for one.
#[async_trait]
pub trait MfaRepo: Send {
    /// The factor that a sign-in asks for.
    async fn confirmed(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<TotpFactor>, PortError>;
    /// The factor that waits to be confirmed.
    async fn pending(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<TotpFactor>, PortError>;
    /// Adds one that waits to be confirmed, in the place of another such one.
    async fn enrol(&mut self, factor: &TotpFactor) -> Result<(), PortError>;
    /// Puts a factor that waited into the place of the confirmed one. `false`, with nothing changed, when it waits no more.
    async fn confirm(&mut self, factor: &TotpFactor) -> Result<bool, PortError>;
    /// Uses up `step` of a confirmed factor, in one statement: `true` for one caller, and only if no step as late was used.
    async fn use_step(&mut self, factor: &TotpFactor, step: i64, at: Timestamp) -> Result<bool, PortError>;
    /// Replaces all backup codes of a user.
    async fn put_codes(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        codes: &[BackupCode],
        at: Timestamp,
    ) -> Result<(), PortError>;
    /// Uses a backup code up: `true` for one caller.
    async fn use_code(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        code: &BackupCode,
    ) -> Result<bool, PortError>;
    /// How many backup codes are left.
    async fn codes_left(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError>;
    /// Adds a challenge, and removes the user's that are over.
    async fn open_challenge(&mut self, challenge: &MfaChallenge) -> Result<(), PortError>;
    /// The challenge, over or not.
    async fn find_challenge(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<Option<MfaChallenge>, PortError>;
    /// Uses a challenge up: `true` for one caller.
    async fn close_challenge(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<bool, PortError>;
    /// Removes a user's authenticator app, confirmed or not; how many rows that were.
    async fn remove_totp(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError>;
    /// Removes all of these of a user.
    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<Removed, PortError>;
}
