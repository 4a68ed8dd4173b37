//! Ciphertext suites, and which of them an installation admits.

use std::{fmt, str::FromStr};

use crate::{Algorithm, CryptoError, Purpose, UnknownText};

#[cfg(test)]
mod admission;

/// How a ciphertext is made. The byte is in every header; a byte that is no suite is refused, and so is a suite that is
/// not the key's own or that the [`SuitePolicy`] does not admit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03). Byte: 1.
    XChaCha20Poly1305,
    /// XAES-256-GCM (C2SP), made of algorithms that FIPS 140-3 approves only. Byte: 2.
    Xaes256Gcm,
}

impl Suite {
    /// Every suite.
    pub const ALL: [Self; 2] = [Self::XChaCha20Poly1305, Self::Xaes256Gcm];

    /// The byte in the header.
    pub const fn byte(self) -> u8 {
        match self {
            Self::XChaCha20Poly1305 => 1,
            Self::Xaes256Gcm => 2,
        }
    }
    /// The suite of a header.
    pub const fn from_byte(byte: u8) -> Result<Self, CryptoError> {
        match byte {
            1 => Ok(Self::XChaCha20Poly1305),
            2 => Ok(Self::Xaes256Gcm),
            other => Err(CryptoError::UnknownSuite(other)),
        }
    }
    /// The algorithm of the keys that make it.
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::XChaCha20Poly1305 => Algorithm::XChaCha20Poly1305,
            Self::Xaes256Gcm => Algorithm::Xaes256Gcm,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.algorithm().as_str())
    }
}

/// Which suites an installation admits, and which of them new keys get. A key or a ciphertext of another suite is refused
/// before anything is computed with it, whoever wrote it and whatever its row says.
///
/// Three profiles, by the text that configurations hold:
///
/// | text | admits | new keys |
/// |---|---|---|
/// | `all` | both | XChaCha20-Poly1305 |
/// | `fips_transition` | both | XAES-256-GCM: rotate, re-encrypt, then go on to `fips` |
/// | `fips` | XAES-256-GCM | XAES-256-GCM |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuitePolicy {
    text: &'static str,
    xchacha20_poly1305: bool,
    new_keys: Suite,
}

impl SuitePolicy {
    /// Both suites; new keys get XChaCha20-Poly1305.
    pub const ALL: Self = Self {
        text: "all",
        xchacha20_poly1305: true,
        new_keys: Suite::XChaCha20Poly1305,
    };
    /// Both suites; new keys get XAES-256-GCM.
    pub const FIPS_TRANSITION: Self = Self {
        text: "fips_transition",
        xchacha20_poly1305: true,
        new_keys: Suite::Xaes256Gcm,
    };
    /// XAES-256-GCM only.
    pub const FIPS: Self = Self {
        text: "fips",
        xchacha20_poly1305: false,
        new_keys: Suite::Xaes256Gcm,
    };
    /// Every profile.
    pub const PROFILES: [Self; 3] = [Self::ALL, Self::FIPS_TRANSITION, Self::FIPS];

    /// Whether keys and ciphertexts of `suite` may be used.
    pub const fn admits(self, suite: Suite) -> bool {
        match suite {
            Suite::XChaCha20Poly1305 => self.xchacha20_poly1305,
            Suite::Xaes256Gcm => true,
        }
    }
    /// [`CryptoError::SuiteNotAdmitted`] when `suite` may not be used.
    pub const fn check(self, suite: Suite) -> Result<(), CryptoError> {
        if self.admits(suite) {
            Ok(())
        } else {
            Err(CryptoError::SuiteNotAdmitted(suite))
        }
    }
    /// The suite that new keys get.
    pub const fn new_keys(self) -> Suite {
        self.new_keys
    }
    /// The algorithm that new field keys and tenant keys get.
    pub const fn field_algorithm(self) -> Algorithm {
        self.new_keys.algorithm()
    }
    /// The algorithm that a new key of `purpose` gets: the policy's where it encrypts, the purpose's own elsewhere.
    pub const fn algorithm_for(self, purpose: &Purpose) -> Algorithm {
        match purpose.algorithm() {
            Algorithm::XChaCha20Poly1305 | Algorithm::Xaes256Gcm => self.field_algorithm(),
            other => other,
        }
    }
    /// The text that configurations hold.
    pub const fn as_str(self) -> &'static str {
        self.text
    }
}

impl fmt::Display for SuitePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text)
    }
}

impl FromStr for SuitePolicy {
    type Err = UnknownText;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::PROFILES
            .into_iter()
            .find(|profile| profile.text == text)
            .ok_or_else(|| UnknownText {
                what: "suite policy",
                text: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_names_one_suite_or_none() {
        for byte in 0..=u8::MAX {
            match Suite::from_byte(byte) {
                Ok(suite) => assert_eq!(suite.byte(), byte),
                Err(error) => assert_eq!(error, CryptoError::UnknownSuite(byte)),
            }
        }
        for suite in Suite::ALL {
            assert_eq!(Suite::from_byte(suite.byte()), Ok(suite));
            assert_eq!(suite.algorithm().suite(), Some(suite));
        }
    }

    #[test]
    fn profiles_admit_as_the_table_says() {
        let (xchacha, xaes) = (Suite::XChaCha20Poly1305, Suite::Xaes256Gcm);
        for (profile, text, admitted, new_keys) in [
            (SuitePolicy::ALL, "all", [true, true], xchacha),
            (
                SuitePolicy::FIPS_TRANSITION,
                "fips_transition",
                [true, true],
                xaes,
            ),
            (SuitePolicy::FIPS, "fips", [false, true], xaes),
        ] {
            assert_eq!(
                Suite::ALL.map(|suite| profile.admits(suite)),
                admitted,
                "{profile}"
            );
            assert_eq!(profile.new_keys(), new_keys, "{profile}");
            assert!(profile.admits(profile.new_keys()), "{profile}");
            assert_eq!(text.parse(), Ok(profile));
            assert_eq!(profile.to_string(), text);
        }
        assert!("none".parse::<SuitePolicy>().is_err());
        assert_eq!(
            SuitePolicy::FIPS.check(xchacha),
            Err(CryptoError::SuiteNotAdmitted(xchacha))
        );
    }

    #[test]
    fn the_policy_decides_for_keys_that_encrypt_and_for_no_others() {
        for (purpose, algorithm) in [
            (Purpose::Tenant, Algorithm::Xaes256Gcm),
            (Purpose::field("users"), Algorithm::Xaes256Gcm),
            (Purpose::index("users", "email"), Algorithm::HmacSha256),
            (Purpose::TokenSigning, Algorithm::Ed25519),
        ] {
            assert_eq!(SuitePolicy::FIPS.algorithm_for(&purpose), algorithm, "{purpose}");
            assert_eq!(SuitePolicy::ALL.algorithm_for(&purpose), purpose.algorithm());
        }
    }
}
