//! Backup codes: for whoever lost the device. Look-up secrets of NIST SP 800-63B-4 §3.1.2.

use vutf_kernel::{Entropy, Secret};

/// Codes in a set.
pub const CODES: usize = 10;
/// Bytes of a code: 80 bits cannot be guessed, even without the delays.
const BYTES: usize = 10;
/// Symbols of a code, 5 bits each.
const SYMBOLS: usize = 16;
const GROUP: usize = 4;
/// Crockford's Base32, which has none of the letters that are read as digits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A code that is good once. It is never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupCode(Secret<[u8; BYTES]>);

impl BackupCode {
    /// A fresh one.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self(Secret::new(entropy.bytes()))
    }

    /// A fresh set.
    pub fn generate_set(entropy: &mut dyn Entropy) -> Vec<Self> {
        (0..CODES).map(|_| Self::generate(entropy)).collect()
    }

    /// As typed: capitals, hyphens and spaces do not matter, nor does `o` for `0` or `i` and `l` for `1`. `None` when it is no
    /// code at all.
    pub fn parse(text: &Secret<String>) -> Option<Self> {
        let (mut value, mut symbols) = (0_u128, 0);
        for byte in text.expose().bytes() {
            let symbol = match byte.to_ascii_lowercase() {
                b'-' | b' ' => continue,
                b'o' => b'0',
                b'i' | b'l' => b'1',
                other => other,
            };
            let place = ALPHABET.iter().position(|known| *known == symbol)?;
            symbols += 1;
            if symbols > SYMBOLS {
                return None;
            }
            value = value << 5 | u128::try_from(place).ok()?;
        }
        let bytes = value.to_be_bytes();
        let (_, code) = bytes.split_last_chunk::<BYTES>()?;
        (symbols == SYMBOLS).then(|| Self(Secret::new(*code)))
    }

    /// As it is shown, once: four groups of four.
    pub fn to_text(&self) -> Secret<String> {
        let value = self
            .0
            .expose()
            .iter()
            .fold(0_u128, |value, byte| value << 8 | u128::from(*byte));
        let mut text = String::with_capacity(SYMBOLS + SYMBOLS / GROUP);
        for place in 0..SYMBOLS {
            if place > 0 && place % GROUP == 0 {
                text.push('-');
            }
            let index = value >> (5 * (SYMBOLS - 1 - place)) & 31;
            let symbol = usize::try_from(index).ok().and_then(|index| ALPHABET.get(index));
            text.extend(symbol.map(|symbol| char::from(*symbol)));
        }
        Secret::new(text)
    }

    /// What a store makes its keyed hash of.
    pub fn expose(&self) -> &[u8; BYTES] {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn typed(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_code_is_read_however_a_person_types_it() {
        let code = BackupCode(Secret::new([
            0x00, 0x44, 0x32, 0x14, 0xC7, 0x42, 0x54, 0xB6, 0x35, 0xCF,
        ]));
        assert_eq!(code.to_text().expose(), "0123-4567-89ab-cdef");
        for text in [
            "0123-4567-89ab-cdef",
            "0123456789ABCDEF",
            " o123 4567 89AB cdef ",
            "OL23-4567-89ab-cdef",
            "0i23-4567-89ab-cdef",
        ] {
            assert_eq!(BackupCode::parse(&typed(text)), Some(code.clone()), "{text}");
        }
        for text in [
            "",
            "0123-4567-89ab-cde",
            "0123-4567-89ab-cdef0",
            "u123-4567-89ab-cdef",
            "é",
        ] {
            assert_eq!(BackupCode::parse(&typed(text)), None, "{text}");
        }
        assert!(!format!("{code:?}").contains("0123"));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(bytes in any::<[u8; BYTES]>()) {
            let code = BackupCode(Secret::new(bytes));
            prop_assert_eq!(BackupCode::parse(&code.to_text()), Some(code));
        }

        #[test]
        fn nothing_that_is_typed_panics(text in ".{0,40}") {
            let _ = BackupCode::parse(&Secret::new(text));
        }
    }
}
