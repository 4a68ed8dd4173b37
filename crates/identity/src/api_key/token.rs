//! What a program presents: `vutf_<lookup>_<secret><checksum>`.
//!
//! - `lookup`: 8 characters of base62 at random, by which the key is found. It may be logged.
//! - `secret`: 256 random bits as 43 characters of base62.
//! - `checksum`: CRC-32 (ISO-HDLC) of everything before it, as 6 characters of base62, most significant first.
//!
//! Base62 is `0-9A-Za-z`, in the order of ASCII; a double click selects the whole. So a scanner knows a key by
//! `vutf_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}` and, by the checksum, that it is no accident, without asking anybody.

use std::fmt;

use sha2::{Digest as _, Sha256};
use vutf_kernel::{Entropy, Secret};

use crate::refresh::TokenHash;

const PREFIX: &str = "vutf_";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LOOKUP: usize = 8;
/// 62^43 is just above 2^256.
const SECRET: usize = 43;
/// 62^6 is above 2^32.
const CHECKSUM: usize = 6;
const LENGTH: usize = PREFIX.len() + LOOKUP + 1 + SECRET + CHECKSUM;

/// The part of a key by which it is found. It is no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lookup([u8; LOOKUP]);

impl Lookup {
    /// Reads it.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; LOOKUP] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_alphanumeric).then_some(Self(bytes))
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        // Letters and digits only, by the one way in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
    fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut text = [b'0'; LOOKUP];
        let mut filled = 0;
        while filled < LOOKUP {
            let [byte] = entropy.bytes::<1>();
            // 4 × 62 of 256: the rest would make the first letters likelier.
            if byte < 248 {
                text[filled] = ALPHABET[usize::from(byte % 62)];
                filled += 1;
            }
        }
        Self(text)
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lookup({})", self.as_str())
    }
}

/// A key as it is presented, of the right form.
pub struct Token {
    /// By which it is found.
    pub lookup: Lookup,
    secret: Secret<[u8; 32]>,
}

/// Why a text is no key. Which of the two is for the log, and never for whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misformed {
    /// Not of the form.
    Shape,
    /// Of the form, but with another checksum.
    Checksum,
}

impl Token {
    /// Whether a credential claims to be a key, whatever it is.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// A new one.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self {
            lookup: Lookup::generate(entropy),
            secret: Secret::new(entropy.bytes()),
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// It is none, or was mistyped.
    pub fn parse(text: &str) -> Result<Self, Misformed> {
        let body = text
            .strip_prefix(PREFIX)
            .filter(|_| text.len() == LENGTH && text.is_ascii());
        let (lookup, rest) = body
            .and_then(|body| body.split_once('_'))
            .ok_or(Misformed::Shape)?;
        let lookup = Lookup::parse(lookup).ok_or(Misformed::Shape)?;
        if rest.len() != SECRET + CHECKSUM || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Misformed::Shape);
        }
        let (secret, checksum) = rest.split_at(SECRET);
        let expected = checksum_of(&text[..LENGTH - CHECKSUM]);
        if checksum.as_bytes() != expected {
            return Err(Misformed::Checksum);
        }
        let secret = decode(secret).ok_or(Misformed::Shape)?;
        Ok(Self { lookup, secret })
    }

    /// What is kept of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.secret.expose()).into())
    }

    /// As it is presented. Shown once.
    pub fn to_text(&self) -> Secret<String> {
        let mut text = String::with_capacity(LENGTH);
        text.push_str(PREFIX);
        text.push_str(self.lookup.as_str());
        text.push('_');
        let digits = encode(self.secret.expose());
        text.extend(digits.expose().iter().map(|digit| char::from(*digit)));
        let checksum = checksum_of(&text);
        text.extend(checksum.iter().map(|digit| char::from(*digit)));
        Secret::new(text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, redacted)", self.lookup.as_str())
    }
}

fn digit(value: u32) -> u8 {
    ALPHABET[(value % 62) as usize]
}

fn value(digit: u8) -> Option<u16> {
    let place = ALPHABET.iter().position(|known| *known == digit)?;
    u16::try_from(place).ok()
}

/// Base62 of a number of 256 bits, most significant first.
fn encode(number: &[u8; 32]) -> Secret<[u8; SECRET]> {
    // What is left of it at the end is zero.
    let mut rest = *number;
    let mut digits = [b'0'; SECRET];
    for place in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut rest {
            let part = remainder << 8 | u32::from(*byte);
            *byte = u8::try_from(part / 62).unwrap_or(u8::MAX);
            remainder = part % 62;
        }
        *place = digit(remainder);
    }
    Secret::new(digits)
}

/// The number; `None` when it has more than 256 bits.
fn decode(digits: &str) -> Option<Secret<[u8; 32]>> {
    let mut number = [0_u8; 32];
    for digit in digits.bytes() {
        let mut carry = value(digit)?;
        for byte in number.iter_mut().rev() {
            let part = u16::from(*byte) * 62 + carry;
            *byte = u8::try_from(part & 0xff).unwrap_or(u8::MAX);
            carry = part >> 8;
        }
        if carry > 0 {
            return None;
        }
    }
    Some(Secret::new(number))
}

fn checksum_of(text: &str) -> [u8; CHECKSUM] {
    let mut rest = crc32(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for place in digits.iter_mut().rev() {
        *place = digit(rest);
        rest /= 62;
    }
    digits
}

/// CRC-32/ISO-HDLC, as in Ethernet and zip: it finds what was mistyped and keeps nothing secret.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vutf_kernel::OsEntropy;

    use super::*;

    fn fixed() -> Token {
        Token {
            lookup: Lookup::parse("AbCd0129").unwrap(),
            secret: Secret::new(std::array::from_fn(|place| u8::try_from(place).unwrap())),
        }
    }

    /// The check value of the catalogue of parametrised CRC algorithms.
    #[test]
    fn the_checksum_is_the_one_of_the_catalogue() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(&checksum_of(""), b"000000");
    }

    /// Computed apart from this program, in Python: whoever scans for keys computes the same.
    #[test]
    fn a_known_key_has_a_known_text() {
        let text = fixed().to_text();
        assert_eq!(
            text.expose(),
            "vutf_AbCd0129_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2yDhYQ"
        );
        let read = Token::parse(text.expose()).unwrap();
        assert_eq!((read.lookup, read.hash()), (fixed().lookup, fixed().hash()));
    }

    #[test]
    fn the_largest_secret_fits_and_a_larger_number_is_none() {
        let most = Token {
            secret: Secret::new([0xff; 32]),
            ..fixed()
        };
        assert_eq!(Token::parse(most.to_text().expose()).unwrap().hash(), most.hash());
        let body = format!("vutf_AbCd0129_{}", "z".repeat(SECRET));
        let checksum = String::from_utf8(checksum_of(&body).to_vec()).unwrap();
        assert_eq!(
            Token::parse(&format!("{body}{checksum}")).unwrap_err(),
            Misformed::Shape
        );
    }

    #[test]
    fn one_changed_character_is_found() {
        let text = fixed().to_text().expose().clone();
        for place in PREFIX.len()..LENGTH {
            for other in ['0', 'Q', 'z'] {
                let mut changed: Vec<char> = text.chars().collect();
                if changed[place] == other {
                    continue;
                }
                changed[place] = other;
                let changed: String = changed.into_iter().collect();
                assert!(Token::parse(&changed).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn what_is_no_key_is_none() {
        let text = fixed().to_text().expose().clone();
        for bad in [
            "",
            "vutf_",
            "vutf__",
            &text[1..],
            &text[..LENGTH - 1],
            &format!("{text}0"),
            &text.replace('_', "-"),
            &text.to_uppercase(),
            &format!("vutf_{}_", "é".repeat(28)),
        ] {
            assert!(Token::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_that_is_printed_shows_the_secret() {
        let token = fixed();
        let secret = token.to_text().expose()[14..57].to_owned();
        assert_eq!(format!("{token:?}"), "Token(AbCd0129, redacted)");
        assert!(!format!("{:?}", token.to_text()).contains(&secret));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seed in any::<[u8; 32]>()) {
            let token = Token { secret: Secret::new(seed), ..Token::generate(&mut OsEntropy) };
            let text = token.to_text();
            prop_assert_eq!(text.expose().len(), LENGTH);
            let read = Token::parse(text.expose()).unwrap();
            prop_assert_eq!((read.lookup, read.hash()), (token.lookup, token.hash()));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,80}", tail in "[0-9A-Za-z_]{50,70}") {
            let _ = (Token::parse(&text).is_ok(), Token::parse(&format!("vutf_{tail}")).is_ok());
        }
    }
}
