//! What a person types, parsed once at the edge and trusted after that. Nothing is rewritten: a value is taken as given or
//! refused with a reason. Only the form used for comparison ([`Username::canonical`], [`Email::canonical`]) is folded.

use std::fmt;

use unicode_normalization::{UnicodeNormalization, is_nfc};
use validator::ValidateEmail;
use vutf_kernel::Secret;

/// Why a value was refused: a stable code and a sentence that says what would be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ValueError {
    /// Stable code, e.g. `username_too_short`.
    pub code: &'static str,
    /// For the person who typed it.
    pub detail: String,
}

impl ValueError {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

macro_rules! pii {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(Secret<String>);

        impl $name {
            /// The value as it was given. It is personal data: seal it before it is stored, keep it out of logs.
            pub fn expose(&self) -> &str {
                self.0.expose()
            }
            /// A value that passed [`Self::parse`] before it was stored.
            pub fn from_store(text: String) -> Self {
                Self(Secret::new(text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    };
}

pii! {
    /// 3 to 64 of letters, digits, `.`, `_`, `-`; starts with a letter or digit. ASCII, so that no two names look alike.
    Username
}
pii! {
    /// An address as in HTML's `input type=email` (a useful part of RFC 5322), at most 254 bytes (RFC 5321 §4.5.3.1).
    Email
}
pii! {
    /// 1 to 100 characters, NFC, without control characters.
    DisplayName
}
pii! {
    /// E.164: `+` and 7 to 15 digits.
    Phone
}

impl Username {
    /// Parses what a person typed.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if !(3..=64).contains(&text.len()) {
            return Err(ValueError::new("username_length", "use 3 to 64 characters"));
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if !text.bytes().all(allowed) || !text.as_bytes()[0].is_ascii_alphanumeric() {
            return Err(ValueError::new(
                "username_characters",
                "use letters a-z, digits, '.', '_' and '-', and start with a letter or digit",
            ));
        }
        Ok(Self(Secret::new(text.to_owned())))
    }
    /// The form in which two names are the same name.
    pub fn canonical(&self) -> Secret<String> {
        Secret::new(self.expose().to_ascii_lowercase())
    }
}

impl Email {
    /// Parses what a person typed.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.len() > 254 || !text.validate_email() {
            return Err(ValueError::new(
                "email_form",
                "use an address such as name@example.org, at most 254 bytes",
            ));
        }
        Ok(Self(Secret::new(text.to_owned())))
    }
    /// The form in which two addresses are the same address: lower case, NFC.
    pub fn canonical(&self) -> Secret<String> {
        Secret::new(self.expose().nfc().collect::<String>().to_lowercase())
    }
}

impl DisplayName {
    /// Parses what a person typed.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.trim().is_empty() || text.chars().count() > 100 {
            return Err(ValueError::new("display_name_length", "use 1 to 100 characters"));
        }
        if text.chars().any(char::is_control) || !is_nfc(text) {
            return Err(ValueError::new(
                "display_name_characters",
                "use Unicode in NFC without control characters",
            ));
        }
        Ok(Self(Secret::new(text.to_owned())))
    }
}

impl Phone {
    /// Parses what a person typed.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let digits = text.strip_prefix('+').unwrap_or_default();
        if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ValueError::new("phone_form", "use E.164, e.g. +12025550123"));
        }
        Ok(Self(Secret::new(text.to_owned())))
    }
}

/// What a partial update does to a value that may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Leaves it.
    #[default]
    Keep,
    /// Removes it.
    Clear,
    /// Sets it.
    Set(T),
}

impl<T: Clone> Change<T> {
    /// The value after the change.
    pub(crate) fn apply(&self, present: Option<T>) -> Option<T> {
        match self {
            Self::Keep => present,
            Self::Clear => None,
            Self::Set(value) => Some(value.clone()),
        }
    }
}

/// What a person types to say who they are: a username or an e-mail address.
#[derive(Clone, Debug)]
pub enum LoginName {
    /// A username.
    Username(Username),
    /// An e-mail address.
    Email(Email),
    /// Neither; no account can match, but the attempt is treated like any other.
    Unknown,
}

impl LoginName {
    /// The form in which two names are the same name; none where no account can have it.
    pub fn canonical(&self) -> Option<Secret<String>> {
        match self {
            Self::Username(name) => Some(name.canonical()),
            Self::Email(address) => Some(address.canonical()),
            Self::Unknown => None,
        }
    }
    /// Never fails: what has the form of nothing matches nothing.
    pub fn parse(text: &str) -> Self {
        if let Ok(name) = Username::parse(text) {
            return Self::Username(name);
        }
        Email::parse(text).map_or(Self::Unknown, Self::Email)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usernames() {
        for good in ["ada", "Ada.Lovelace", "a-1_b", "0day"] {
            assert!(Username::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ab",
            ".ada",
            "ada lovelace",
            "adа", /* Cyrillic */
            "ada\0",
            &"a".repeat(65),
            "a@b.c",
        ] {
            assert!(Username::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn emails_are_the_same_in_any_case() {
        let one = Email::parse("Ada@Example.ORG").unwrap();
        let two = Email::parse("ada@example.org").unwrap();
        assert_eq!(one.canonical(), two.canonical());
        assert_eq!(one.expose(), "Ada@Example.ORG");
    }

    #[test]
    fn values_are_not_printed() {
        let text = format!("{:?}", Email::parse("ada@example.org").unwrap());
        assert!(!text.contains("ada"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,300}") {
            let _ = (Username::parse(&text), Email::parse(&text), DisplayName::parse(&text), Phone::parse(&text), LoginName::parse(&text));
        }
    }
}
