//! PBKDF2 (RFC 8018) with HMAC-SHA-256 or HMAC-SHA-512: as a PHC string, as passlib writes it, and as Django does.

use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;
use vutf_kernel::Secret;

use super::{HashFormatError, text};

/// Five times what Django 5 makes; three seconds of a core.
const MAX_ITERATIONS: u32 = 5_000_000;

#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha512,
}

/// How a text begins, what it hashes with, and whether the salt is hashed as it is written.
const PREFIXES: [(&str, Hash, bool); 4] = [
    ("$pbkdf2-sha256$", Hash::Sha256, false),
    ("$pbkdf2-sha512$", Hash::Sha512, false),
    ("pbkdf2_sha256$", Hash::Sha256, true),
    ("pbkdf2_sha512$", Hash::Sha512, true),
];

pub(in crate::password) struct Pbkdf2 {
    hash: Hash,
    iterations: u32,
    salt: Vec<u8>,
    tag: Vec<u8>,
}

impl Hash {
    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "pbkdf2-sha256",
            Self::Sha512 => "pbkdf2-sha512",
        }
    }
}

impl Pbkdf2 {
    /// `None`: it is of another kind.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, HashFormatError> {
        for (prefix, hash, plain) in PREFIXES {
            if let Some(rest) = text.strip_prefix(prefix) {
                return Self::read(rest, hash, plain).map(Some);
            }
        }
        Ok(None)
    }

    fn read(rest: &str, hash: Hash, plain: bool) -> Result<Self, HashFormatError> {
        let malformed = HashFormatError::Malformed(hash.name());
        let parts: Vec<&str> = rest.split('$').collect();
        let [cost, salt, tag] = parts[..] else {
            return Err(malformed);
        };
        // `i=…,l=…` in a PHC string; else the number alone.
        let iterations = text::parameter(cost, "i").unwrap_or(cost);
        let iterations: u64 = text::number(iterations)
            .filter(|count| *count > 0)
            .ok_or(malformed)?;
        let iterations = u32::try_from(iterations)
            .ok()
            .filter(|count| *count <= MAX_ITERATIONS)
            .ok_or(HashFormatError::TooCostly("PBKDF2 of at most 5000000 iterations"))?;
        let salt = if plain {
            text::plain_salt(salt)
        } else {
            text::salt(salt)
        };
        let (salt, tag) = (salt.ok_or(malformed)?, text::tag(tag).ok_or(malformed)?);
        let length = text::parameter(cost, "l");
        if length.is_some_and(|length| text::number(length) != Some(tag.len())) {
            return Err(malformed);
        }
        Ok(Self {
            hash,
            iterations,
            salt,
            tag,
        })
    }

    pub(super) fn scheme(&self) -> &'static str {
        self.hash.name()
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut tag = vec![0; self.tag.len()];
        let derive = match self.hash {
            Hash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>,
            Hash::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>,
        };
        derive(password, &self.salt, self.iterations, &mut tag);
        Secret::new(tag).expose().ct_eq(&self.tag).into()
    }
}
