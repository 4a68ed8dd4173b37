//! Raw primitives. Nothing here is exported: a caller outside this crate never passes a nonce and never sees a key.

pub(crate) mod kdf;
pub(crate) mod mac;
pub(crate) mod xaes;
pub(crate) mod xchacha;

#[cfg(test)]
mod c2sp;
#[cfg(test)]
mod wycheproof;

/// Bytes of a key, in every suite.
pub(crate) const KEY: usize = 32;
/// Bytes of a nonce, in every suite: long enough for random nonces without a count of messages.
pub(crate) const NONCE: usize = 24;
/// Bytes of a tag, in every suite.
pub(crate) const TAG: usize = 16;

/// The two AEADs with 96-bit nonces that the suites extend, under a key for one message.
mod ietf {
    use aws_lc_rs::aead::{Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
    use vutf_kernel::Secret;
    use zeroize::Zeroizing;

    use super::{KEY, TAG};
    use crate::CryptoError;

    /// Bytes of a nonce.
    pub(super) const SHORT_NONCE: usize = 12;

    fn bound(algorithm: &'static Algorithm, key: &[u8; KEY]) -> Result<LessSafeKey, CryptoError> {
        let key =
            UnboundKey::new(algorithm, key).map_err(|_| CryptoError::Primitive("the AEAD's key schedule"))?;
        Ok(LessSafeKey::new(key))
    }

    /// Encrypts `buffer` in place.
    pub(super) fn encrypt(
        algorithm: &'static Algorithm,
        key: &[u8; KEY],
        nonce: [u8; SHORT_NONCE],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<[u8; TAG], CryptoError> {
        let tag = bound(algorithm, key)?
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), buffer)
            .map_err(|_| CryptoError::TooLong)?;
        tag.as_ref()
            .try_into()
            .map_err(|_| CryptoError::Primitive("the AEAD's tag"))
    }

    /// The plaintext; on a wrong tag there is none, whatever the primitive left in its buffer.
    pub(super) fn decrypt(
        algorithm: &'static Algorithm,
        key: &[u8; KEY],
        nonce: [u8; SHORT_NONCE],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG],
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        let mut plaintext = Zeroizing::new(vec![0_u8; ciphertext.len()]);
        bound(algorithm, key)?
            .open_separate_gather(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad),
                ciphertext,
                tag,
                &mut plaintext,
            )
            .map_err(|_| CryptoError::Authentication)?;
        Ok(Secret::new(std::mem::take(&mut *plaintext)))
    }
}
