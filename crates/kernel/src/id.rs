//! A type for each id: UUIDv7 (RFC 9562), made from the clock and entropy that the caller hands in.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Clock, Entropy, Timestamp};

/// A new UUIDv7: 48 bits of Unix milliseconds, 74 bits of randomness.
pub fn uuid_v7(clock: &dyn Clock, entropy: &mut dyn Entropy) -> Uuid {
    uuid_v7_at(clock.now(), entropy)
}

/// As [`uuid_v7`], for an instant that was read before.
pub fn uuid_v7_at(now: Timestamp, entropy: &mut dyn Entropy) -> Uuid {
    let mut random = [0_u8; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(now.as_micros() / 1_000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The least UUID that a UUIDv7 of the millisecond of `at`, or of a later one, can be.
pub fn uuid_v7_floor(at: Timestamp) -> Uuid {
    let millis = u128::try_from(at.as_micros().div_euclid(1_000)).unwrap_or(0);
    Uuid::from_u128(millis.min((1 << 48) - 1) << 80)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id.
            pub fn generate(clock: &dyn Clock, entropy: &mut dyn Entropy) -> Self {
                Self(uuid_v7(clock, entropy))
            }
            /// An id that was made before (read from a store, a token or a path).
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }
            /// The plain UUID, for a store or a wire format.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
            /// The sixteen bytes, big endian.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids! {
    /// A tenant.
    OrganizationId,
    /// A human or service account.
    UserId,
    /// A signed-in session.
    SessionId,
    /// A refresh-token family.
    FamilyId,
    /// A second factor of a user.
    FactorId,
    /// A key with which a program acts for a user.
    ApiKeyId,
    /// A named set of permissions.
    RoleId,
    /// An audit event.
    EventId,
    /// A key in the key registry.
    KeyId,
    /// A background job.
    JobId,
    /// A request for a second person's approval.
    ApprovalId,
    /// What a detection rule found.
    FindingId,
    /// A legal hold on audit events.
    HoldId,
    /// A run that prunes the audit log.
    PruneRunId,
    /// A link that was mailed.
    LinkId,
    /// A mail that waits to be sent.
    MailId,
    /// An invitation to make an account.
    InvitationId,
    /// A policy that takes away from what roles grant.
    PolicyId,
    /// A password that was replaced.
    PastPasswordId,
}

impl OrganizationId {
    /// The organization that exists from the first migration on; a single-tenant instance uses no other.
    pub const DEFAULT: Self = Self(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OsEntropy, SystemClock};

    #[test]
    fn ids_are_version_seven_and_distinct() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1_000 {
            let id = UserId::generate(&SystemClock, &mut OsEntropy);
            assert_eq!(id.as_uuid().get_version_num(), 7);
            assert!(seen.insert(id));
        }
    }

    #[test]
    fn the_floor_of_an_instant_parts_what_was_made_before_from_what_came_after() {
        let at = |micros: i64| Timestamp::from_micros(1_795_255_200_000_000 + micros);
        let floor = uuid_v7_floor(at(0));
        for _ in 0..100 {
            assert!(uuid_v7_at(at(-1), &mut OsEntropy) < floor);
            assert!(uuid_v7_at(at(0), &mut OsEntropy) > floor);
        }
        assert_eq!(uuid_v7_floor(Timestamp::from_micros(-1)), Uuid::nil());
        assert!(uuid_v7_floor(Timestamp::from_micros(i64::MAX)) > floor);
    }

    #[test]
    fn default_organization_is_a_valid_version_seven_id() {
        assert_eq!(OrganizationId::DEFAULT.as_uuid().get_version_num(), 7);
    }
}
