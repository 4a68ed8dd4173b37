//! The text in which what a named key made travels: `vutf:v3:…`.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::CryptoError;

const PREFIX: &str = "vutf:v";

/// A ciphertext, MAC or signature with the version of its key: `vutf:v`, the version in decimal, `:`, and the bytes in
/// base64url without padding (RFC 4648, section 5).
///
/// Only the canonical text is read, so that equal values are equal texts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Versioned {
    version: u32,
    bytes: Vec<u8>,
}

impl Versioned {
    pub(crate) const fn new(version: u32, bytes: Vec<u8>) -> Self {
        Self { version, bytes }
    }

    /// The version of the key that it names: a claim, until it was opened or verified.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// What stands after the version, decoded.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for Versioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(PREFIX.len() + 11 + self.bytes.len().div_ceil(3) * 4);
        text.push_str(PREFIX);
        text.push_str(&self.version.to_string());
        text.push(':');
        URL_SAFE_NO_PAD.encode_string(&self.bytes, &mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for Versioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Versioned(v{}, {} bytes)", self.version, self.bytes.len())
    }
}

impl FromStr for Versioned {
    type Err = CryptoError;

    fn from_str(text: &str) -> Result<Self, CryptoError> {
        let rest = text.strip_prefix(PREFIX).ok_or(CryptoError::Malformed)?;
        let (version, bytes) = rest.split_once(':').ok_or(CryptoError::Malformed)?;
        // `parse` would take a sign and leading zeros.
        if !version.bytes().all(|byte| byte.is_ascii_digit()) || version.starts_with('0') {
            return Err(CryptoError::Malformed);
        }
        let version = version.parse().map_err(|_beyond| CryptoError::Malformed)?;
        // Refuses padding and bits beyond the last byte.
        let bytes = URL_SAFE_NO_PAD
            .decode(bytes)
            .map_err(|_not_base64| CryptoError::Malformed)?;
        Ok(Self { version, bytes })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_reads_as_documented() {
        let value = Versioned::new(3, vec![0xFB, 0xEF, 0xFF]);
        assert_eq!(value.to_string(), "vutf:v3:--__");
        assert_eq!("vutf:v3:--__".parse(), Ok(value));
        let largest: Versioned = "vutf:v4294967295:".parse().unwrap();
        assert_eq!((largest.version(), largest.bytes()), (u32::MAX, &[][..]));
    }

    #[test]
    fn only_the_canonical_text_is_read() {
        for bad in [
            "",
            "vutf",
            "vutf:v3",
            "vutf:3:AAAA",
            "vault:v3:AAAA",
            "VUTF:v3:AAAA",
            " vutf:v3:AAAA",
            "vutf:v3:AAAA\n",
            "vutf:v0:AAAA",
            "vutf:v03:AAAA",
            "vutf:v+3:AAAA",
            "vutf:v-3:AAAA",
            "vutf:v:AAAA",
            "vutf:v٣:AAAA",
            "vutf:v4294967296:AAAA",
            "vutf:v99999999999999999999:AAAA",
            "vutf:v3:AAAA=",
            "vutf:v3:AA==",
            "vutf:v3:AB",
            "vutf:v3:A",
            "vutf:v3:+/+/",
            "vutf:v3:AA AA",
            "vutf:v3:AAAA:",
            "vutf:v3:é",
        ] {
            assert_eq!(bad.parse::<Versioned>(), Err(CryptoError::Malformed), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_canonical(text in "(vutf:v)?[0-9+-]{0,12}:?[A-Za-z0-9_=+/-]{0,40}|\\PC{0,60}") {
            if let Ok(value) = text.parse::<Versioned>() {
                prop_assert_eq!(value.to_string(), text);
            }
        }

        #[test]
        fn every_value_comes_back(version in 1_u32.., bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let value = Versioned::new(version, bytes);
            prop_assert_eq!(value.to_string().parse(), Ok(value));
        }
    }
}
