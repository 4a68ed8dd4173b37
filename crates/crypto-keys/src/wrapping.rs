//! A key that wraps other keys, held in this process.

use std::fmt;

use vutf_kernel::{Entropy, KeyId, Secret};

use crate::{
    CryptoError, Suite,
    associated::length_prefixed,
    envelope::{self, EnvelopeKey},
    hazmat::{kdf::hkdf_sha512, mac::hmac_sha256},
    record::key_id_from_bytes,
};

const DOMAIN: &str = "vutf/wrap/v1";
const CHECK_DOMAIN: &[u8] = b"vutf/check/v1";

/// Wraps 256-bit keys in the committing ciphertext of [`crate::envelope`], domain `vutf/wrap/v1`. This is what a provider
/// that keeps its key-encryption key in memory is made of.
pub struct WrappingKey {
    id: KeyId,
    version: u32,
    key: Secret<[u8; 32]>,
    envelope: EnvelopeKey,
}

impl WrappingKey {
    /// A key-encryption key with a name of its own, which wraps with XChaCha20-Poly1305. The id in the header is derived
    /// from the name and the key, so that what was wrapped by another key is refused as such.
    pub fn new(name: &str, key: Secret<[u8; 32]>) -> Result<Self, CryptoError> {
        Self::of_suite(Suite::XChaCha20Poly1305, name, key)
    }

    /// The same for another suite. A key has one suite for life: what it wraps names the suite, and no other is opened.
    pub fn of_suite(suite: Suite, name: &str, key: Secret<[u8; 32]>) -> Result<Self, CryptoError> {
        let value = check(&key, name.as_bytes())?;
        let (id, _) = value.split_first_chunk().ok_or(CryptoError::Malformed)?;
        Self::tenant(suite, key_id_from_bytes(*id), 1, key)
    }

    /// The tenant key `id`.
    pub(crate) fn tenant(
        suite: Suite,
        id: KeyId,
        version: u32,
        key: Secret<[u8; 32]>,
    ) -> Result<Self, CryptoError> {
        Ok(Self {
            envelope: EnvelopeKey::new(suite, id, version, &key)?,
            id,
            version,
            key,
        })
    }

    /// Wraps `key`, bound to `context`: only the same context opens it again.
    pub fn wrap(
        &self,
        key: &Secret<[u8; 32]>,
        context: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, CryptoError> {
        envelope::seal(DOMAIN, &self.envelope, &[context], key.expose(), entropy)
    }

    /// Unwraps what [`WrappingKey::wrap`] made with the same context.
    pub fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Secret<[u8; 32]>, CryptoError> {
        let bytes = envelope::open(DOMAIN, &self.envelope, &[context], wrapped)?;
        let mut key = zeroize::Zeroizing::new([0_u8; 32]);
        if bytes.expose().len() != key.len() {
            return Err(CryptoError::Malformed);
        }
        key.copy_from_slice(bytes.expose());
        Ok(Secret::new(*key))
    }

    /// The suite it wraps in.
    pub const fn suite(&self) -> Suite {
        self.envelope.suite()
    }

    /// A value that proves knowledge of the key for `context`, and tells nothing about it.
    pub fn check_value(&self, context: &[u8]) -> Result<[u8; 32], CryptoError> {
        check(&self.key, context)
    }

    /// A key derived from this one for another job; `info` has a fixed length for each `salt`.
    pub(crate) fn derive(&self, salt: &[u8], info: &[u8]) -> Result<Secret<[u8; 32]>, CryptoError> {
        hkdf_sha512::<32>(self.key.expose(), salt, &[info]).map(|key| Secret::new(*key))
    }
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappingKey({} v{}, redacted)", self.id, self.version)
    }
}

fn check(key: &Secret<[u8; 32]>, context: &[u8]) -> Result<[u8; 32], CryptoError> {
    let mac_key = hkdf_sha512::<32>(key.expose(), CHECK_DOMAIN, &[CHECK_DOMAIN])?;
    Ok(hmac_sha256(
        mac_key.as_slice(),
        &length_prefixed(&[CHECK_DOMAIN, context])?,
    ))
}

#[cfg(test)]
mod tests {
    use vutf_kernel::OsEntropy;

    use super::*;

    #[test]
    fn context_name_and_key_are_bound() {
        let kek = WrappingKey::new("a", Secret::new([1; 32])).unwrap();
        let key = Secret::new([9; 32]);
        let wrapped = kek.wrap(&key, b"context", &mut OsEntropy).unwrap();
        assert_eq!(kek.unwrap(&wrapped, b"context").unwrap(), key);
        assert_eq!(
            kek.unwrap(&wrapped, b"other").unwrap_err(),
            CryptoError::Authentication
        );
        for (name, bytes) in [("b", [1; 32]), ("a", [2; 32])] {
            let other = WrappingKey::new(name, Secret::new(bytes)).unwrap();
            assert!(matches!(
                other.unwrap(&wrapped, b"context"),
                Err(CryptoError::ForeignKey(_))
            ));
        }
    }

    #[test]
    fn the_key_is_not_printed() {
        let kek = WrappingKey::new("a", Secret::new([0xAB; 32])).unwrap();
        let text = format!("{kek:?} {kek:#?}");
        assert!(text.contains("redacted") && !text.contains("171, 171"), "{text}");
    }
}
