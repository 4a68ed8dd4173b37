//! bcrypt (Provos and Mazières, 1999): `$2a$`, `$2b$`, `$2y$`, and Django's two ways to write it.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use vutf_kernel::Secret;

use super::{HashFormatError, text};

const NAME: &str = "bcrypt";
/// What follows the prefix: 22 characters of salt and 31 of the hash.
const SALT: usize = 22;
const REST: usize = 53;
/// What bcrypt looks at of a password; the byte 0 after it counts.
const LONGEST: usize = 72;
/// 2^15 rounds are two seconds of a core.
const MAX_COST: u32 = 15;

pub(in crate::password) struct Bcrypt {
    cost: u32,
    salt: [u8; 16],
    tag: [u8; 23],
    /// Django's `bcrypt_sha256`: what is hashed is the hash of the password, in hexadecimal.
    digested: bool,
}

impl Bcrypt {
    /// `None`: it is of another kind.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, HashFormatError> {
        let (digested, text) = match (text.strip_prefix("bcrypt_sha256$"), text.strip_prefix("bcrypt$")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => (false, text),
        };
        let prefixes = ["$2a$", "$2b$", "$2y$"];
        let Some(rest) = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)) else {
            return Ok(None);
        };
        Self::read(rest, digested).map(Some)
    }

    fn read(rest: &str, digested: bool) -> Result<Self, HashFormatError> {
        let malformed = HashFormatError::Malformed(NAME);
        let (cost, rest) = rest.split_once('$').ok_or(malformed)?;
        let digits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
        let cost: u32 = cost
            .parse()
            .ok()
            .filter(|cost| digits && (4..=31).contains(cost))
            .ok_or(malformed)?;
        if cost > MAX_COST {
            return Err(HashFormatError::TooCostly("bcrypt of at most cost 15"));
        }
        if rest.len() != REST || !rest.is_ascii() {
            return Err(malformed);
        }
        let (salt, tag) = rest.split_at(SALT);
        let fixed = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| bytes.try_into().ok());
        Ok(Self {
            cost,
            salt: fixed(text::bcrypt64(salt)).ok_or(malformed)?,
            tag: text::bcrypt64(tag)
                .and_then(|tag| tag.try_into().ok())
                .ok_or(malformed)?,
            digested,
        })
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.digested { "bcrypt-sha256" } else { NAME }
    }

    /// As bcrypt does it: of a longer password the first 72 bytes count. The hash that replaces this one counts them all.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut key = Vec::with_capacity(LONGEST);
        if self.digested {
            key.extend(hexadecimal(password));
        } else {
            key.extend(password.iter().take(LONGEST));
        }
        if key.len() < LONGEST {
            key.push(0);
        }
        let key = Secret::new(key);
        let tag = Secret::new(bcrypt::bcrypt(self.cost, self.salt, key.expose()));
        tag.expose()[..23].ct_eq(&self.tag).into()
    }
}

fn hexadecimal(password: &[u8]) -> impl Iterator<Item = u8> {
    let digit = |value: u8| {
        if value < 10 {
            b'0' + value
        } else {
            b'a' + value - 10
        }
    };
    let digest = Sha256::digest(password);
    digest
        .into_iter()
        .flat_map(move |byte| [digit(byte >> 4), digit(byte & 15)])
}
