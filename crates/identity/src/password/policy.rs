//! What a password must be like: NIST SP 800-63B-4 §3.1.1.2 and OWASP ASVS 5.0 §6.2. Long, not a word of the context; no rules
//! about its composition, no periodic change.

use unicode_normalization::UnicodeNormalization;
use vutf_kernel::{Class, Secret};

use crate::{Email, Username};

/// Longer passwords are refused, never cut. ASVS 5.0 §6.2.9 asks for at least 64 characters; 1 KiB is ample for a passphrase.
pub const MAX_BYTES: usize = 1_024;

/// Words shorter than this are not looked for: they occur in good passwords.
const CONTEXT_WORD_MIN: usize = 4;
/// So many characters must remain when the words of the context are taken out.
const REMAINDER_MIN: usize = 8;
const PRODUCT: &str = "violentutf";

/// What a password must be like.
#[derive(Clone, Debug)]
pub struct PasswordPolicy {
    min_length: usize,
}

/// Why a password was refused: a stable code and a sentence that says what would be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct PasswordError {
    /// Stable code, e.g. `password_too_short`.
    pub code: &'static str,
    /// For the person who typed it.
    pub detail: String,
}

impl PasswordError {
    fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
    /// The request itself is wrong.
    pub fn class(&self) -> Class {
        Class::Invalid
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        self.code
    }
}

/// The minimum length that was configured is below the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the minimum length of passwords must be 8 to 64 characters")]
pub struct MinLengthError;

/// Whose password it is to be.
#[derive(Clone, Copy, Debug)]
pub struct PasswordContext<'a> {
    /// The username.
    pub username: &'a Username,
    /// The e-mail address.
    pub email: &'a Email,
}

impl Default for PasswordPolicy {
    /// 15 characters: SP 800-63B-4 §3.1.1.2, for a password that is the only factor.
    fn default() -> Self {
        Self { min_length: 15 }
    }
}

impl PasswordPolicy {
    /// A policy with another minimum length, in code points of the NFC form. The floor of 8 is SP 800-63B-4's for a password
    /// beside a second factor; a minimum above 64 would refuse what the standard says must be accepted.
    pub fn new(min_length: usize) -> Result<Self, MinLengthError> {
        if (8..=64).contains(&min_length) {
            Ok(Self { min_length })
        } else {
            Err(MinLengthError)
        }
    }
    /// The minimum length in code points.
    pub fn min_length(&self) -> usize {
        self.min_length
    }
    /// Checks a new password.
    pub fn check(
        &self,
        password: &Secret<String>,
        context: PasswordContext<'_>,
    ) -> Result<(), PasswordError> {
        if password.expose().len() > MAX_BYTES {
            let detail = format!("use at most {MAX_BYTES} bytes");
            return Err(PasswordError::new("password_too_long", detail));
        }
        let password = normalized(password);
        if password.expose().chars().any(char::is_control) {
            let detail = "use no control characters";
            return Err(PasswordError::new("password_characters", detail));
        }
        if password.expose().chars().count() < self.min_length {
            let detail = format!("use at least {} characters", self.min_length);
            return Err(PasswordError::new("password_too_short", detail));
        }
        if is_mostly_context(&password, context) {
            let detail = "do not build it from your name, your address or the name of this service";
            return Err(PasswordError::new("password_context", detail));
        }
        Ok(())
    }
}

/// NFC, the form in which a password is counted and hashed: the same characters typed on two systems are the same password.
pub(crate) fn normalized(password: &Secret<String>) -> Secret<String> {
    // Reserved at once, because a string that grows leaves copies of its start behind.
    let mut text = String::with_capacity(password.expose().len().saturating_mul(3));
    text.extend(password.expose().nfc());
    Secret::new(text)
}

fn is_mostly_context(password: &Secret<String>, context: PasswordContext<'_>) -> bool {
    let email = context.email.expose();
    let local = email.split('@').next().unwrap_or(email);
    let mut rest = password.expose().to_lowercase();
    let mut found = false;
    for word in [email, context.username.expose(), local, PRODUCT] {
        let word = word.to_lowercase();
        if word.len() >= CONTEXT_WORD_MIN && rest.contains(&word) {
            found = true;
            rest = Secret::new(rest).expose().replace(&word, "");
        }
    }
    let rest = Secret::new(rest);
    found && rest.expose().chars().filter(|c| c.is_alphanumeric()).count() < REMAINDER_MIN
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(password: &str) -> Result<(), &'static str> {
        let username = Username::parse("ada.lovelace").unwrap();
        let email = Email::parse("countess@example.org").unwrap();
        let context = PasswordContext {
            username: &username,
            email: &email,
        };
        PasswordPolicy::default()
            .check(&Secret::new(password.to_owned()), context)
            .map_err(|error| error.code)
    }

    #[test]
    fn length_is_counted_in_code_points_of_the_nfc_form() {
        assert_eq!(check("fourteen chars"), Err("password_too_short"));
        assert_eq!(check("fifteen chars !"), Ok(()));
        assert_eq!(check(&"e\u{301}".repeat(14)), Err("password_too_short"));
        assert_eq!(check(&"e\u{301}".repeat(15)), Ok(()));
    }

    #[test]
    fn long_passwords_are_refused_not_cut() {
        assert_eq!(check(&"x".repeat(MAX_BYTES)), Ok(()));
        assert_eq!(check(&"x".repeat(MAX_BYTES + 1)), Err("password_too_long"));
    }

    #[test]
    fn words_of_the_context_do_not_count() {
        for bad in [
            "ada.lovelace-1234",
            "Countess-Countess-7",
            "ViolentUTF-violentutf",
            "countess@example.org",
        ] {
            assert_eq!(check(bad), Err("password_context"), "{bad}");
        }
        assert_eq!(check("violentutf and a long tail"), Ok(()));
    }

    #[test]
    fn control_characters_are_refused() {
        assert_eq!(check("fifteen chars \0\0"), Err("password_characters"));
    }

    #[test]
    fn the_floor_holds() {
        assert!(PasswordPolicy::new(7).is_err());
        assert!(PasswordPolicy::new(65).is_err());
        assert!(PasswordPolicy::new(8).is_ok_and(|policy| policy.min_length() == 8));
    }

    proptest! {
        #[test]
        fn checking_never_panics(password in ".{0,400}") {
            let _ = check(&password);
        }
    }
}
