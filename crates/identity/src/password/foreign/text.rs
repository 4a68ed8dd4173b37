//! The alphabets and numbers of the texts.

use base64::{
    Engine as _,
    alphabet::{self, Alphabet},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// The lengths of tags that systems make. Of PBKDF2 and scrypt the beginning of a tag is a tag, too: one that was cut off must not
/// pass for a shorter one.
const TAGS: [usize; 6] = [16, 20, 24, 32, 48, 64];
const SALT: std::ops::RangeInclusive<usize> = 1..=64;

/// Whether there is padding differs from system to system, and what stands in the last bits, too.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

fn decode(alphabet: &Alphabet, text: &str) -> Option<Vec<u8>> {
    GeneralPurpose::new(alphabet, LENIENT).decode(text).ok()
}

/// bcrypt's own.
pub(super) fn bcrypt64(text: &str) -> Option<Vec<u8>> {
    decode(&alphabet::BCRYPT, text)
}

/// RFC 4648, or with `.` for `+` as passlib writes it.
fn base64(text: &str) -> Option<Vec<u8>> {
    decode(&alphabet::STANDARD, &text.replace('.', "+"))
}

pub(super) fn tag(text: &str) -> Option<Vec<u8>> {
    base64(text).filter(|tag| TAGS.contains(&tag.len()))
}

pub(super) fn salt(text: &str) -> Option<Vec<u8>> {
    base64(text).filter(|salt| SALT.contains(&salt.len()))
}

/// A salt that is hashed as it is written.
pub(super) fn plain_salt(text: &str) -> Option<Vec<u8>> {
    SALT.contains(&text.len()).then(|| text.as_bytes().to_vec())
}

/// Decimal, without sign and leading zeros.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// The value of `name` in `name=value,…`.
pub(super) fn parameter<'t>(list: &'t str, name: &str) -> Option<&'t str> {
    let mut values = list.split(',').filter_map(|pair| pair.split_once('='));
    values.find(|(key, _)| *key == name).map(|(_, value)| value)
}
