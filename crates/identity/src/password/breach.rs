//! Passwords that came to light in breaches of others, beyond the lists that are here: asked for by range, so that whoever answers
//! learns five hexadecimal digits of a hash, which a thousand passwords share (k-anonymity: Li et al., "Protocols for Checking
//! Compromised Credentials", CCS 2019; the range API of Have I Been Pwned). NIST SP 800-63B-4 §3.1.1.2 asks for a comparison with
//! such a corpus and leaves open with which: the lists always decide, this one beside them.

use std::fmt::{self, Write as _};

use async_trait::async_trait;
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;
use vutf_kernel::{Ctx, Outcome, PortError, Secret};

use super::{PasswordError, policy::normalized};
use crate::{Identity, action, work::About};

/// Digits of a hash that are sent.
pub const PREFIX: usize = 5;
/// Digits of a hash that are compared.
pub const SUFFIX: usize = 35;

/// The first digits of a hash: what a range is asked by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RangePrefix([u8; PREFIX]);

impl RangePrefix {
    /// Five digits, in upper case.
    pub fn as_str(&self) -> &str {
        // They are digits.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for RangePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RangePrefix(redacted)")
    }
}

/// Where ranges are asked for.
#[async_trait]
pub trait BreachRanges: Send + Sync {
    /// The range as text: a line for each hash that begins with `prefix`, of its other 35 digits, a colon, and how often it was seen;
    /// 0 for padding.
    async fn range(&self, prefix: RangePrefix) -> Result<String, PortError>;
}

/// The hash by which ranges are indexed, in upper-case digits. Not what protects the password: nothing of it is kept.
fn digits(password: &Secret<String>) -> Secret<String> {
    let hash = Sha1::digest(normalized(password).expose().as_bytes());
    let mut text = String::with_capacity(PREFIX + SUFFIX);
    for byte in hash {
        // Writing to a string does not fail.
        let _infallible = write!(text, "{byte:02X}");
    }
    Secret::new(text)
}

fn parts(digits: &Secret<String>) -> Option<(RangePrefix, &str)> {
    let (prefix, suffix) = digits.expose().split_at_checked(PREFIX)?;
    Some((RangePrefix(prefix.as_bytes().try_into().ok()?), suffix))
}

/// Whether a range holds the rest of a hash. A line that is none is passed over; every line is looked at.
fn holds(range: &str, suffix: &str) -> bool {
    let mut found = false;
    for line in range.lines() {
        let Some((digits, count)) = line.trim().split_once(':') else {
            continue;
        };
        let same: bool = digits
            .to_ascii_uppercase()
            .as_bytes()
            .ct_eq(suffix.as_bytes())
            .into();
        found |= same && count.trim().parse::<u64>().is_ok_and(|count| count > 0);
    }
    found
}

/// Whether a password is in the corpus behind `ranges`.
pub async fn is_breached(ranges: &dyn BreachRanges, password: &Secret<String>) -> Result<bool, PortError> {
    let digits = digits(password);
    let Some((prefix, suffix)) = parts(&digits) else {
        return Ok(false);
    };
    let range = Secret::new(ranges.range(prefix).await?);
    Ok(holds(range.expose(), suffix))
}

impl Identity {
    /// Refuses a password that came to light somewhere. Outside of any transaction: it may ask another machine. Where that one does
    /// not answer, the lists that are here decide alone, and the log says so.
    pub(crate) async fn refuse_breached<E>(&self, ctx: &Ctx, password: &Secret<String>) -> Result<(), E>
    where
        E: From<PasswordError> + From<PortError>,
    {
        let Some(ranges) = self.settings.password.ranges() else {
            return Ok(());
        };
        match is_breached(ranges, password).await {
            Ok(false) => Ok(()),
            Ok(true) => {
                let detail =
                    "it came to light in a breach of another service; choose one that you use nowhere else";
                Err(PasswordError::new("password_breached", detail).into())
            }
            Err(_) => {
                let about = About::kind(action::PASSWORD_BREACH_LOOKUP);
                let reason = "unavailable".into();
                self.ended(ctx, about, Outcome::Failed { reason }).await?;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    /// FIPS 180-1, appendix A: the digest of `abc`.
    #[test]
    fn the_digits_are_those_of_sha_1() {
        let digits = digits(&secret("abc"));
        assert_eq!(digits.expose(), "A9993E364706816ABA3E25717850C26C9CD0D89D");
        let (prefix, suffix) = parts(&digits).unwrap();
        assert_eq!(prefix.as_str(), "A9993");
        assert_eq!(suffix.len(), SUFFIX);
    }

    #[test]
    fn a_line_counts_when_it_was_seen() {
        let suffix = "E364706816ABA3E25717850C26C9CD0D89D";
        assert!(holds(
            &format!("0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n{suffix}:3"),
            suffix
        ));
        assert!(holds(&format!("{}:3", suffix.to_lowercase()), suffix));
        assert!(!holds(&format!("{suffix}:0"), suffix), "padding");
        assert!(!holds(&format!("{suffix}:many\n{suffix}\n:\n"), suffix));
        assert!(!holds("", suffix));
    }

    proptest! {
        #[test]
        fn no_answer_is_taken_amiss(range in ".{0,200}", password in ".{0,64}") {
            let digits = digits(&secret(&password));
            let (_, suffix) = parts(&digits).unwrap();
            prop_assert!(!holds(&range, suffix) || range.to_ascii_uppercase().contains(suffix));
        }
    }
}
