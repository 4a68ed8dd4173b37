//! Passkeys: keys that an authenticator keeps, and with which somebody signs in alone, or beside a password, or proves anew who
//! they are. Web Authentication Level 2, NIST SP 800-63B-4 §3.1.7.
//!
//! A passkey cannot be guessed, so nothing counts attempts at it, and nobody else's attempts at the password close its way. It
//! signs in *alone* as long as the password beside which it was proved last is the account's: whoever had the account for a while
//! is out with the next password, and the passkey goes on as a second factor.

pub mod begin;
pub mod ceremony;
pub mod list;
pub mod options;
pub mod origin;
pub(crate) mod prove;
pub mod register;
pub mod remove;
pub mod rename;
pub mod repo;

use std::time::Duration;

use unicode_normalization::is_nfc;
use vutf_kernel::{FactorId, OrganizationId, Secret, Stamps, Timestamp, UserId};

use crate::ValueError;

pub use self::{
    ceremony::{
        Asserted, Assertion, Attested, Backup, Ceremonies, CeremonyError, Challenge, CredentialId, Expected,
        NoCeremonies, Registration, Transport,
    },
    options::{CreationOptions, RequestOptions},
    origin::PasskeyPolicy,
    repo::{PasskeyChallenge, PasskeyRepo, Purpose},
};

/// How long a ceremony may take: 5 min.
pub const CEREMONY_LIFE: Duration = Duration::from_mins(5);

/// What a passkey adds to `amr`: possession of a key was proved, which says nothing of where it is kept (OpenID Connect EAP ACR
/// Values 1.0, section 3; `hwk` would claim what only attestation shows).
pub(crate) const AMR: &str = "pop";

/// What its owner calls a passkey: 1 to 64 characters, NFC, without control characters. People write names of people there.
#[derive(Clone, PartialEq, Eq)]
pub struct PasskeyName(Secret<String>);

impl PasskeyName {
    /// Parses what a person typed.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.trim().is_empty() || text.chars().count() > 64 {
            return Err(ValueError::new("passkey_name_length", "use 1 to 64 characters"));
        }
        if text.chars().any(char::is_control) || !is_nfc(text) {
            let detail = "use Unicode in NFC without control characters";
            return Err(ValueError::new("passkey_name_characters", detail));
        }
        Ok(Self::from_store(text.to_owned()))
    }
    /// The name as it was given. It may be personal data: seal it before it is stored, keep it out of logs.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
    /// A value that passed [`Self::parse`] before it was stored.
    pub fn from_store(text: String) -> Self {
        Self(Secret::new(text))
    }
}

impl std::fmt::Debug for PasskeyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasskeyName(redacted)")
    }
}

/// A key of an authenticator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// Its id here.
    pub id: FactorId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// Whose it is.
    pub user_id: UserId,
    /// Its id there.
    pub credential_id: CredentialId,
    /// A COSE key; no secret.
    pub public_key: Vec<u8>,
    /// What its owner calls it.
    pub name: PasskeyName,
    /// How its authenticator is reached.
    pub transports: Vec<Transport>,
    /// The signature counter of its last use; 0 where it has none.
    pub sign_count: u32,
    /// Whether it may be copied to other devices, and was.
    pub backup: Backup,
    /// When the password beside which it was proved last had been set; `None` without one.
    pub password_changed_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Audit mixin.
    pub stamps: Stamps,
}

/// Why a use is refused, although the signature is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspicion {
    /// The counter did not move forward: there may be a copy of the key. §6.1.1.
    Counter,
    /// What could not be copied suddenly can, or the other way round.
    Backup,
}

impl Suspicion {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Counter => "counter_regressed",
            Self::Backup => CeremonyError::WRONG_BACKUP.reason(),
        }
    }
}

impl Passkey {
    /// As it is after a use; the specification's §7.2 step 21. Two zeros mean that the authenticator does not count.
    pub(crate) fn used(self, asserted: Asserted, now: Timestamp) -> Result<Self, Suspicion> {
        if asserted.backup.eligible != self.backup.eligible {
            return Err(Suspicion::Backup);
        }
        let counts = asserted.sign_count != 0 || self.sign_count != 0;
        if counts && asserted.sign_count <= self.sign_count {
            return Err(Suspicion::Counter);
        }
        Ok(Self {
            sign_count: asserted.sign_count,
            backup: asserted.backup,
            last_used_at: Some(now),
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use vutf_kernel::{OsEntropy, SystemClock};

    use super::*;

    fn passkey(sign_count: u32, eligible: bool) -> Passkey {
        let user = UserId::generate(&SystemClock, &mut OsEntropy);
        Passkey {
            id: FactorId::generate(&SystemClock, &mut OsEntropy),
            organization_id: OrganizationId::DEFAULT,
            user_id: user,
            credential_id: CredentialId::new(vec![1]).unwrap(),
            public_key: Vec::new(),
            name: PasskeyName::parse("phone").unwrap(),
            transports: Vec::new(),
            sign_count,
            backup: Backup {
                eligible,
                present: false,
            },
            password_changed_at: None,
            last_used_at: None,
            stamps: Stamps::new(Some(user), Timestamp::from_secs(1)),
        }
    }

    fn asserted(sign_count: u32, eligible: bool) -> Asserted {
        Asserted {
            sign_count,
            user_verified: true,
            backup: Backup {
                eligible,
                present: eligible,
            },
        }
    }

    #[test]
    fn a_counter_moves_forward_or_not_at_all() {
        for (kept, given, expected) in [
            (0, 0, Ok(0)),
            (0, 1, Ok(1)),
            (4, 5, Ok(5)),
            (4, u32::MAX, Ok(u32::MAX)),
            (4, 4, Err(Suspicion::Counter)),
            (4, 3, Err(Suspicion::Counter)),
            (4, 0, Err(Suspicion::Counter)),
        ] {
            let used = passkey(kept, true).used(asserted(given, true), Timestamp::from_secs(2));
            assert_eq!(used.map(|used| used.sign_count), expected, "{kept} {given}");
        }
    }

    #[test]
    fn what_may_be_copied_stays_what_it_was() {
        let now = Timestamp::from_secs(2);
        for (kept, given) in [(true, false), (false, true)] {
            let used = passkey(0, kept).used(asserted(0, given), now);
            assert_eq!(used.unwrap_err(), Suspicion::Backup);
        }
        let used = passkey(0, true).used(asserted(0, true), now).unwrap();
        assert!(used.backup.present, "it was copied meanwhile");
        assert_eq!(used.last_used_at, Some(now));
    }

    #[test]
    fn names_are_bounded_and_not_printed() {
        for text in ["", "   ", "a\nb", "e\u{301}"] {
            assert!(PasskeyName::parse(text).is_err(), "{text:?}");
        }
        assert!(PasskeyName::parse(&"x".repeat(65)).is_err());
        let name = PasskeyName::parse("Ada's phone").unwrap();
        assert!(!format!("{name:?}").contains("Ada"));
    }
}
