//! Bytes in JSON.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use vutf_app::crypto::ItemError;
use vutf_kernel::Secret;

/// Standard base64 with padding (RFC 4648, section 4), decoded as it is read: no text of a plaintext is kept. What is not base64 is
/// an error of its item, not of the request.
pub(crate) struct Base64(Option<Secret<Vec<u8>>>);

impl Base64 {
    /// The bytes of the member `name`, which may be seen.
    pub(super) fn read(self, name: &'static str) -> Result<Vec<u8>, ItemError> {
        self.secret(name).map(|bytes| bytes.expose().clone())
    }

    /// The bytes of the member `name`.
    pub(super) fn secret(self, name: &'static str) -> Result<Secret<Vec<u8>>, ItemError> {
        self.0.ok_or(ItemError::NotBase64(name))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Decode)
    }
}

struct Decode;

impl Visitor<'_> for Decode {
    type Value = Base64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Base64, E> {
        Ok(Base64(STANDARD.decode(text).ok().map(Secret::new)))
    }
}

/// As an answer gives bytes.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Vec<u8>, ItemError> {
        serde_json::from_str::<Base64>(json).unwrap().read("m")
    }

    #[test]
    fn only_the_canonical_text_is_read() {
        assert_eq!(read(r#""+/8=""#), Ok(vec![0xFB, 0xFF]));
        assert_eq!(read(r#""""#), Ok(vec![]));
        // An escape in the JSON text is the same string.
        assert_eq!(read(r#""\u002b/8=""#), Ok(vec![0xFB, 0xFF]));
        for bad in ["+/8", "-_8=", "+/9=", "+/8= ", "+ /8=", "+/8==", "é", "="] {
            let json = serde_json::to_string(bad).unwrap();
            assert_eq!(read(&json), Err(ItemError::NotBase64("m")), "{bad}");
        }
        assert!(serde_json::from_str::<Base64>("7").is_err());
    }
}
