//! Hashes that other systems made: checked once, at the first sign-in, and replaced by one of ours.
//!
//! Everything in a text is bounded before anything is computed, when it is taken in and again when it is checked: a stored row
//! must not be able to ask for unbounded memory or time.

mod bcrypt;
mod pbkdf2;
mod scrypt;
mod text;

use vutf_kernel::{PortError, Secret};

use self::{bcrypt::Bcrypt, pbkdf2::Pbkdf2, scrypt::Scrypt};
use super::argon2::{self, Stored};

/// Longer texts are no hash.
const MAX_TEXT: usize = 512;

/// Why a text is not taken as a password hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashFormatError {
    /// No form that is known here.
    #[error(
        "no known form: $argon2id$, $argon2i$, $2a$, $2b$, $2y$, $pbkdf2-sha256$, $pbkdf2-sha512$, $scrypt$, or Django's argon2, \
         bcrypt, bcrypt_sha256, pbkdf2_sha256, pbkdf2_sha512, scrypt"
    )]
    Unknown,
    /// It begins like one, and goes on otherwise.
    #[error("it begins like a hash of {0}, and is malformed or cut off")]
    Malformed(&'static str),
    /// To check it would cost more than this service will spend.
    #[error("to check it costs more than is allowed: {0}")]
    TooCostly(&'static str),
}

impl HashFormatError {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "hash_unknown",
            Self::Malformed(_) => "hash_malformed",
            Self::TooCostly(_) => "hash_too_costly",
        }
    }
}

/// A stored hash, read.
pub(super) enum StoredHash {
    Argon2(Stored),
    Other(Foreign),
}

/// One that is not Argon2.
pub(super) enum Foreign {
    Bcrypt(Bcrypt),
    Pbkdf2(Pbkdf2),
    Scrypt(Scrypt),
}

/// A hash of another system that may be taken in: its form is known and its cost is bounded.
#[derive(Clone, Debug)]
pub struct ImportedHash {
    text: Secret<String>,
    scheme: &'static str,
}

impl ImportedHash {
    /// Reads a hash.
    pub fn parse(text: &str) -> Result<Self, HashFormatError> {
        let scheme = StoredHash::parse(text)?.scheme();
        Ok(Self {
            text: Secret::new(text.to_owned()),
            scheme,
        })
    }
    /// How it was made, e.g. `bcrypt`.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }
    /// As it was given.
    pub fn text(&self) -> &Secret<String> {
        &self.text
    }
}

/// How a stored hash was made, e.g. `argon2id`; `unknown` when it cannot be read.
pub(crate) fn scheme_of(text: &Secret<String>) -> &'static str {
    StoredHash::parse(text.expose()).map_or("unknown", |stored| stored.scheme())
}

impl StoredHash {
    pub(super) fn parse(text: &str) -> Result<Self, HashFormatError> {
        if text.len() > MAX_TEXT || !text.is_ascii() {
            return Err(HashFormatError::Unknown);
        }
        // Django writes its own name of the algorithm before the text of others.
        let phc = text
            .strip_prefix("argon2")
            .filter(|rest| rest.starts_with('$'))
            .unwrap_or(text);
        if phc.starts_with("$argon2") {
            return argon2::parse(phc).map(Self::Argon2);
        }
        let readers = [
            |text: &str| Bcrypt::parse(text).map(|found| found.map(Foreign::Bcrypt)),
            |text: &str| Pbkdf2::parse(text).map(|found| found.map(Foreign::Pbkdf2)),
            |text: &str| Scrypt::parse(text).map(|found| found.map(Foreign::Scrypt)),
        ];
        for reader in readers {
            if let Some(found) = reader(text)? {
                return Ok(Self::Other(found));
            }
        }
        Err(HashFormatError::Unknown)
    }

    fn scheme(&self) -> &'static str {
        match self {
            Self::Argon2(stored) => stored.scheme(),
            Self::Other(Foreign::Bcrypt(stored)) => stored.scheme(),
            Self::Other(Foreign::Pbkdf2(stored)) => stored.scheme(),
            Self::Other(Foreign::Scrypt(_)) => scrypt::NAME,
        }
    }
}

impl Foreign {
    /// Whether it is the hash of these bytes. To bcrypt a password ends at a byte 0, and HMAC adds such bytes to its key: with one in
    /// it a password would match the hash of another.
    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, PortError> {
        let equal = match self {
            Self::Bcrypt(stored) => stored.matches(password),
            Self::Pbkdf2(stored) => stored.matches(password),
            Self::Scrypt(stored) => stored.matches(password)?,
        };
        Ok(equal && !password.contains(&0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> &'static str {
        ImportedHash::parse(text).unwrap_err().code()
    }

    #[test]
    fn what_would_cost_too_much_is_refused_before_it_is_computed() {
        let tag = "A".repeat(43);
        let salt = "A".repeat(22);
        for text in [
            format!("$2b$16${}", "a".repeat(53)),
            format!("$2b$31${}", "a".repeat(53)),
            format!("$pbkdf2-sha256$5000001${salt}${tag}"),
            format!("$pbkdf2-sha512$i=4294967295,l=32${salt}${tag}"),
            format!("pbkdf2_sha256$99999999$salt${tag}="),
            format!("$scrypt$ln=18,r=8,p=1${salt}${tag}"),
            format!("$scrypt$ln=62,r=8,p=1${salt}${tag}"),
            format!("$scrypt$ln=14,r=8,p=33${salt}${tag}"),
            format!("scrypt$1073741824$salt$8$1${tag}="),
            format!("$argon2id$v=19$m=2097152,t=3,p=1${salt}${tag}"),
            format!("$argon2i$v=19$m=65536,t=1000,p=1${salt}${tag}"),
        ] {
            assert_eq!(refused(&text), "hash_too_costly", "{text}");
        }
    }

    #[test]
    fn what_is_no_hash_or_is_cut_off_is_refused() {
        let tag = "A".repeat(43);
        let salt = "A".repeat(22);
        for text in [
            "$2b$12$short".to_owned(),
            "$2b$3$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
            format!("$2b$12${}", "!".repeat(53)),
            format!("$pbkdf2-sha256$0${salt}${tag}"),
            format!("$pbkdf2-sha256$1000${salt}"),
            format!("$pbkdf2-sha256$1000${salt}$AAAA"),
            format!("$pbkdf2-sha256$1000${salt}${tag}$more"),
            format!("pbkdf2_sha256$1000$${tag}="),
            format!("$scrypt$ln=0,r=8,p=1${salt}${tag}"),
            format!("$scrypt$r=8,p=1${salt}${tag}"),
            format!("scrypt$1000$salt$8$1${tag}="),
            format!("$argon2d$v=19$m=65536,t=3,p=1${salt}${tag}"),
            format!("$argon2id$v=18$m=65536,t=3,p=1${salt}${tag}"),
            "$argon2id$v=19$m=65536,t=3,p=1$".to_owned(),
        ] {
            assert_eq!(refused(&text), "hash_malformed", "{text}");
        }
        for text in [
            "",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "{SSHA}xyz",
            "$1$salt$hash",
            "$2x$12$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "sha1$salt$hash",
            "correct horse battery staple",
        ] {
            assert_eq!(refused(text), "hash_unknown", "{text}");
        }
        assert_eq!(refused(&format!("$2b$12${}", "a".repeat(2_000))), "hash_unknown");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What passes has bounds that are cheap to look at; what is computed with the least cost answers for any password.
        #[test]
        fn checking_never_panics(password in proptest::collection::vec(any::<u8>(), 0..200), tag in "[a-zA-Z0-9./]{53}") {
            for text in [format!("$2b$04${tag}"), format!("$pbkdf2-sha256$1${}${}", &tag[..22], &tag[..43]), format!("pbkdf2_sha512$1$s${}=", &tag[..43].replace('.', "+"))] {
                if let Ok(StoredHash::Other(stored)) = StoredHash::parse(&text) {
                    prop_assert!(!stored.matches(&password).unwrap());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "(\\$2[abxy]\\$|\\$pbkdf2-sha(256|512)\\$|pbkdf2_sha(256|512)\\$|\\$scrypt\\$|scrypt\\$|(argon2)?\\$argon2(id|i|d)\\$|bcrypt(_sha256)?\\$)?[-$a-zA-Z0-9=,+/.]{0,120}") {
            let _ = ImportedHash::parse(&text);
        }
        #[test]
        fn reading_anything_never_panics(text in ".{0,200}") {
            let _ = ImportedHash::parse(&text);
        }
    }
}
