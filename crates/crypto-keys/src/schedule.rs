//! What a suite derives from a key, once for the key's life.
//!
//! ```text
//! (k_enc 32, commit 32) = HKDF-SHA-512(ikm = key, salt = "vutf/envelope/v1", info = suite ‖ key_id ‖ key_ver)
//! ```
//!
//! Nothing is derived by HKDF for a message: both ciphers derive a message key from the long nonce by themselves,
//! XChaCha20-Poly1305 by HChaCha20, XAES-256-GCM by CMAC. The commitment binds the key: two keys with one commitment are a
//! collision of SHA-512, cut to 256 bits. It is the same in all ciphertexts of a key, as the key's id beside it is. The suite
//! is in `info`, so the same 256 bits are unrelated keys in different suites. The domain is in the associated data only.

use vutf_kernel::{KeyId, Secret};
use zeroize::Zeroizing;

use crate::{
    CryptoError, Suite,
    hazmat::{KEY, NONCE, TAG, kdf::hkdf_sha512, xaes::XaesKey, xchacha::XChaChaKey},
};

/// Bytes of a commitment.
pub(crate) const COMMIT: usize = 32;
const SALT: &[u8] = b"vutf/envelope/v1";

/// A key, ready for its suite.
pub(crate) struct Schedule {
    cipher: Cipher,
    commit: [u8; COMMIT],
}

enum Cipher {
    XChaCha20Poly1305(XChaChaKey),
    // Its schedule of round keys is eight times as large as the other.
    Xaes256Gcm(Box<XaesKey>),
}

impl Schedule {
    pub(crate) fn new(
        suite: Suite,
        id: KeyId,
        version: u32,
        key: &Secret<[u8; KEY]>,
    ) -> Result<Self, CryptoError> {
        let info: [&[u8]; 3] = [&[suite.byte()], id.as_bytes(), &version.to_be_bytes()];
        let (key, commit) = halves(&*hkdf_sha512(key.expose(), SALT, &info)?);
        let cipher = match suite {
            Suite::XChaCha20Poly1305 => Cipher::XChaCha20Poly1305(XChaChaKey::new(key)),
            Suite::Xaes256Gcm => Cipher::Xaes256Gcm(Box::new(XaesKey::new(&key)?)),
        };
        Ok(Self { cipher, commit })
    }

    pub(crate) const fn suite(&self) -> Suite {
        match self.cipher {
            Cipher::XChaCha20Poly1305(_) => Suite::XChaCha20Poly1305,
            Cipher::Xaes256Gcm(_) => Suite::Xaes256Gcm,
        }
    }

    /// What binds a ciphertext to this key and suite.
    pub(crate) const fn commit(&self) -> &[u8; COMMIT] {
        &self.commit
    }

    /// Encrypts `buffer` in place.
    pub(crate) fn encrypt(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<[u8; TAG], CryptoError> {
        match &self.cipher {
            Cipher::XChaCha20Poly1305(key) => key.encrypt(nonce, aad, buffer),
            Cipher::Xaes256Gcm(key) => key.encrypt(nonce, aad, buffer),
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
        match &self.cipher {
            Cipher::XChaCha20Poly1305(key) => key.decrypt(nonce, aad, ciphertext, tag),
            Cipher::Xaes256Gcm(key) => key.decrypt(nonce, aad, ciphertext, tag),
        }
    }
}

/// The first half is secret, the second is in every ciphertext.
fn halves(both: &[u8; 64]) -> (Zeroizing<[u8; KEY]>, [u8; COMMIT]) {
    let (mut left, mut right) = (Zeroizing::new([0_u8; KEY]), [0_u8; COMMIT]);
    let (first, second) = both.split_at(left.len());
    left.copy_from_slice(first);
    right.copy_from_slice(second);
    (left, right)
}
