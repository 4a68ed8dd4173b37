//! Access tokens: PASETO v4.public over a signing port, so that the key may live in a KMS.

pub mod paseto;
mod verified;

use serde::{Deserialize, Serialize};
use vutf_kernel::{OrganizationId, PortError, SessionId, UserId};

pub use self::{
    paseto::{TokenError, issue, key_id, verify},
    verified::{Verified, VerifiedTokens},
};

/// What a signing key made of a message.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The Ed25519 public key that verifies it.
    pub public_key: [u8; 32],
    /// The Ed25519 signature.
    pub signature: [u8; 64],
}

/// The signing keys of access tokens. Implemented over the key registry.
pub trait TokenSigner: Send + Sync {
    /// The public key that the next signature will be made with.
    fn active(&self) -> Result<[u8; 32], PortError>;
    /// Signs with the active key.
    fn sign(&self, message: &[u8]) -> Result<Signed, PortError>;
    /// Every key whose tokens may still be alive, newest first.
    fn verifying(&self) -> Vec<[u8; 32]>;
}

/// The claims of an access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// Audience.
    pub aud: String,
    /// The user.
    pub sub: UserId,
    /// The session.
    pub sid: SessionId,
    /// The tenant.
    pub org: OrganizationId,
    /// Identity of this token.
    pub jti: uuid::Uuid,
    /// Issued at, RFC 3339 as PASETO prescribes.
    pub iat: String,
    /// Not before.
    pub nbf: String,
    /// Expires at.
    pub exp: String,
    /// Granted permissions, separated by spaces.
    pub scope: String,
    /// Names of roles, for information: rights are looked up when the token is used.
    pub roles: Vec<String>,
    /// Authentication methods, RFC 8176.
    pub amr: Vec<String>,
    /// Authentication context: `aal1`, `aal2`, `aal3`.
    pub acr: String,
    /// When the user authenticated, RFC 3339.
    pub auth_time: String,
}
