//! What is kept of passkeys. The store seals their names; of a challenge only a hash is kept.

use async_trait::async_trait;
use vutf_kernel::{FactorId, OrganizationId, PortError, SessionId, Timestamp, UserId};

use super::{CredentialId, Passkey};
use crate::refresh::TokenHash;

/// What a challenge may be answered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To make a passkey.
    Register,
    /// To sign in with one, by nobody in particular.
    SignIn,
    /// To prove anew who is in a session.
    StepUp,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Register, Self::SignIn, Self::StepUp];
    /// The stable word for stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::SignIn => "sign_in",
            Self::StepUp => "step_up",
        }
    }
    /// Reads the stable word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// A ceremony that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyChallenge {
    /// SHA-256 of the challenge, which has 256 bits.
    pub hash: TokenHash,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// What for.
    pub purpose: Purpose,
    /// By whom, within which session; `None` for a sign-in.
    pub session: Option<(UserId, SessionId)>,
    /// Its end.
    pub expires_at: Timestamp,
    /// When it was begun.
    pub created_at: Timestamp,
}

/// Passkeys, and ceremonies under way.
#[async_trait]
pub trait PasskeyRepo: Send {
    /// Adds one. [`vutf_kernel::Fault::Duplicate`] when the tenant has a passkey of the same id or the user one of the same key.
    async fn insert(&mut self, passkey: &Passkey) -> Result<(), PortError>;
    /// All of a user's, oldest first. There are few.
    async fn of_user(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Vec<Passkey>, PortError>;
    /// How many of them there are.
    async fn count_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError>;
    /// By the authenticator's id.
    async fn find_credential(
        &mut self,
        organization: OrganizationId,
        id: &CredentialId,
    ) -> Result<Option<Passkey>, PortError>;
    /// Notes a use, in one statement: `false`, with nothing changed, when it is gone, or its counter is not below the one of
    /// `used` by now (unless both are 0).
    async fn note_use(&mut self, used: &Passkey) -> Result<bool, PortError>;
    /// Changes the name of a user's passkey; `false` when it is not there.
    async fn rename(&mut self, passkey: &Passkey) -> Result<bool, PortError>;
    /// Removes one of a user's: `true` for one caller.
    async fn remove(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        id: FactorId,
    ) -> Result<bool, PortError>;
    /// Removes all of a user's, and ceremonies that they began; how many passkeys that were.
    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError>;
    /// Adds a challenge.
    async fn open_challenge(&mut self, challenge: &PasskeyChallenge) -> Result<(), PortError>;
    /// Uses a challenge up, over or not: it is given to one caller.
    async fn take_challenge(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<Option<PasskeyChallenge>, PortError>;
}
