//! What a suite derives from a key: for each message, or once for the key's life.
//!
//! ```text
//! suite 1, each message:  (k_enc 32, commit 32) = HKDF-SHA-512(ikm = key, salt = nonce, info = domain ‖ 1 ‖ key_id ‖ key_ver)
//! suite 2, once a key:    (k_enc 32, commit 32) = HKDF-SHA-512(ikm = key, salt = "vutf/suite/2", info = key_id ‖ key_ver)
//! ```
//!
//! Either commitment binds the key: two keys with one commitment are a collision of SHA-512, cut to 256 bits. XAES-256-GCM
//! derives a message key of its own, so suite 2 needs no HKDF for each message; its commitment is the same in all ciphertexts
//! of a key, as the key's id beside it is. The domain of suite 2 is in the associated data only.

use vutf_kernel::{KeyId, Secret};
use zeroize::Zeroizing;

use crate::{
    CryptoError, Suite,
    hazmat::{KEY, NONCE, TAG, kdf::hkdf_sha512, xaes::XaesKey, xchacha},
};

/// Bytes of a commitment.
pub(crate) const COMMIT: usize = 32;
const ONCE_A_KEY: &[u8] = b"vutf/suite/2";

/// A key, ready for its suite.
pub(crate) enum Schedule {
    XChaCha20Poly1305(Secret<[u8; KEY]>),
    Xaes256Gcm {
        cipher: Box<XaesKey>,
        commit: [u8; COMMIT],
    },
}

/// A key for one message.
pub(crate) enum MessageKey<'a> {
    XChaCha20Poly1305(Zeroizing<[u8; KEY]>),
    Xaes256Gcm(&'a XaesKey),
}

impl Schedule {
    pub(crate) fn new(
        suite: Suite,
        id: KeyId,
        version: u32,
        key: Secret<[u8; KEY]>,
    ) -> Result<Self, CryptoError> {
        match suite {
            Suite::XChaCha20Poly1305 => Ok(Self::XChaCha20Poly1305(key)),
            Suite::Xaes256Gcm => {
                let info: [&[u8]; 2] = [id.as_bytes(), &version.to_be_bytes()];
                let (cipher, commit) = halves(&*hkdf_sha512(key.expose(), ONCE_A_KEY, &info)?);
                Ok(Self::Xaes256Gcm {
                    cipher: Box::new(XaesKey::new(&cipher)?),
                    commit: *commit,
                })
            }
        }
    }

    pub(crate) const fn suite(&self) -> Suite {
        match self {
            Self::XChaCha20Poly1305(_) => Suite::XChaCha20Poly1305,
            Self::Xaes256Gcm { .. } => Suite::Xaes256Gcm,
        }
    }

    /// The message key of `nonce`, and the commitment that goes with it.
    pub(crate) fn message(
        &self,
        domain: &'static str,
        id: KeyId,
        version: u32,
        nonce: &[u8; NONCE],
    ) -> Result<(MessageKey<'_>, [u8; COMMIT]), CryptoError> {
        match self {
            Self::XChaCha20Poly1305(key) => {
                let info: [&[u8]; 4] = [
                    domain.as_bytes(),
                    &[Suite::XChaCha20Poly1305.byte()],
                    id.as_bytes(),
                    &version.to_be_bytes(),
                ];
                let (message, commit) = halves(&*hkdf_sha512(key.expose(), nonce, &info)?);
                Ok((MessageKey::XChaCha20Poly1305(message), *commit))
            }
            Self::Xaes256Gcm { cipher, commit } => Ok((MessageKey::Xaes256Gcm(cipher), *commit)),
        }
    }
}

impl MessageKey<'_> {
    /// Encrypts `buffer` in place.
    pub(crate) fn encrypt(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<[u8; TAG], CryptoError> {
        match self {
            Self::XChaCha20Poly1305(key) => xchacha::encrypt(key, nonce, aad, buffer),
            Self::Xaes256Gcm(key) => key.encrypt(nonce, aad, buffer),
        }
    }

    /// The plaintext, if the tag is right.
    pub(crate) fn decrypt(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG],
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        match self {
            Self::XChaCha20Poly1305(key) => xchacha::decrypt(key, nonce, aad, ciphertext, tag),
            Self::Xaes256Gcm(key) => key.decrypt(nonce, aad, ciphertext, tag),
        }
    }
}

fn halves(both: &[u8; 64]) -> (Zeroizing<[u8; 32]>, Zeroizing<[u8; 32]>) {
    let (mut left, mut right) = (Zeroizing::new([0_u8; 32]), Zeroizing::new([0_u8; 32]));
    let (first, second) = both.split_at(left.len());
    left.copy_from_slice(first);
    right.copy_from_slice(second);
    (left, right)
}
