//! The account for when nobody else can sign in: sealed, good once, for a short time, and loud.
//!
//! It is an account of a program with no role, no password and no key. Whoever has the machine seals it and is shown a secret once,
//! of which only the hash is kept. Whoever presents that secret, and says why, gets one session that has every right for a
//! while, bounded by no policy. Every administrator is told, a rule of the analysis raises a finding, and each
//! request of the session is in the audit log like any other's. Then the account is open and good for nothing until it is
//! sealed anew.

pub mod open;
mod repo;
pub mod seal;

use vutf_kernel::{OrganizationId, SessionId, Timestamp, UserId};

pub use self::repo::BreakGlassRepo;
use crate::refresh::TokenHash;

/// Prefix of the secret, by which scanners recognise a leaked one.
pub const SECRET_PREFIX: &str = "vutf_bg_";

/// What is kept of an account behind glass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glass {
    /// Which account.
    pub user_id: UserId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// SHA-256 of the secret, which has 256 random bits.
    pub secret: TokenHash,
    /// When it was sealed.
    pub sealed_at: Timestamp,
    /// When it was opened; it is good for nothing since.
    pub opened_at: Option<Timestamp>,
    /// The session that came of it.
    pub session_id: Option<SessionId>,
}
