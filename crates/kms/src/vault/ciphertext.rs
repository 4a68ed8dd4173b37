//! `vault:vN:BASE64`, as the transit engine writes it.

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Longer than anything that wraps a key of 256 bits.
const MAX_BYTES: usize = 1_024;

/// The text, if it is written in the one way in which the engine writes it. Vault itself reads several ways alike, and two
/// texts for one ciphertext would let somebody change a row unseen.
pub(super) fn canonical(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.len() <= MAX_BYTES)?;
    let (version, body) = text.strip_prefix("vault:v")?.split_once(':')?;
    let number: u32 = version.parse().ok()?;
    let raw = BASE64_STANDARD.decode(body).ok()?;
    (number > 0 && !raw.is_empty() && number.to_string() == version && BASE64_STANDARD.encode(raw) == body)
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ciphertext_has_one_text() {
        assert!(canonical(b"vault:v1:AAAA").is_some());
        assert!(canonical(b"vault:v12:AAA=").is_some());
        for other in [
            &b""[..],
            b"vault:v0:AAAA",
            b"vault:v01:AAAA",
            b"vault:v+1:AAAA",
            b"vault:v1:",
            b"vault:v1:AAB=",
            b"vault:v1:AAA",
            b"vault:v1:AAAA\n",
            b"Vault:v1:AAAA",
            b"\xff",
        ] {
            assert!(canonical(other).is_none(), "{other:?}");
        }
    }
}
