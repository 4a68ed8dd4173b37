//! Refresh tokens: opaque, rotated, in families. RFC 9700 §4.14.2.
//!
//! A family has one head. Its generation moves by compare-and-set, so of any number of parallel uses exactly one makes a
//! successor; the others, within the grace period, are handed the same one. Any later use of an old token is theft.

use sha2::{Digest, Sha256};
use vutf_kernel::{FamilyId, OrganizationId, SessionId, Stamps, Timestamp, UserId};

/// SHA-256 of a token. The token has 256 bits of entropy, so a plain hash is enough (SP 800-63B-4 §3.1.1.2 is about less).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of a presented token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

/// A family: all tokens that descend from one sign-in.
#[derive(Clone, Debug)]
pub struct RefreshFamily {
    /// Its id.
    pub id: FamilyId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// The session that it prolongs.
    pub session_id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// Number of the head: 0 at sign-in, +1 a rotation.
    pub generation: i64,
    /// End if it is not used.
    pub idle_expires_at: Timestamp,
    /// Absolute end.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
    /// Audit mixin.
    pub stamps: Stamps,
}

/// One token of a family, by its hash.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// Its hash.
    pub hash: TokenHash,
    /// Its family.
    pub family_id: FamilyId,
    /// Its place in the family.
    pub generation: i64,
    /// When it was exchanged.
    pub used_at: Option<Timestamp>,
    /// The successor, encrypted under a key that only the bearer of this token can derive.
    pub successor: Option<Vec<u8>>,
    /// When it was made.
    pub created_at: Timestamp,
}
