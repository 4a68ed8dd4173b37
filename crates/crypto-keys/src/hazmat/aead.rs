//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), in place, tag detached.

use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};

use crate::CryptoError;

/// Bytes of a key.
pub(crate) const KEY: usize = 32;
/// Bytes of a nonce: long enough for random nonces without a count of messages.
pub(crate) const NONCE: usize = 24;
/// Bytes of a tag.
pub(crate) const TAG: usize = 16;

/// Encrypts `buffer` in place.
pub(crate) fn encrypt(
    key: &[u8; KEY],
    nonce: &[u8; NONCE],
    aad: &[u8],
    buffer: &mut [u8],
) -> Result<[u8; TAG], CryptoError> {
    let cipher = XChaCha20Poly1305::new(&(*key).into());
    let tag = cipher
        .encrypt_inout_detached(&XNonce::from(*nonce), aad, buffer.into())
        .map_err(|_| CryptoError::TooLong)?;
    Ok(tag.into())
}

/// Decrypts `buffer` in place; on a wrong tag `buffer` is left as it was.
pub(crate) fn decrypt(
    key: &[u8; KEY],
    nonce: &[u8; NONCE],
    aad: &[u8],
    buffer: &mut [u8],
    tag: &[u8; TAG],
) -> Result<(), CryptoError> {
    let cipher = XChaCha20Poly1305::new(&(*key).into());
    cipher
        .decrypt_inout_detached(&XNonce::from(*nonce), aad, buffer.into(), &Tag::from(*tag))
        .map_err(|_| CryptoError::Authentication)
}
