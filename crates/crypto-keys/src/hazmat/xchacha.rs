//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): HChaCha20, then the AEAD of RFC 8439 under its output.
//!
//! The AEAD is that of aws-lc, which has no extended nonce; HChaCha20 is that of the `chacha20` crate. Together they take
//! less than half the time of the `chacha20poly1305` crate for a short message, and are tested against it.

use aws_lc_rs::aead::CHACHA20_POLY1305;
use chacha20::{R20, hchacha};
use vutf_kernel::Secret;
use zeroize::Zeroizing;

use super::{
    KEY, NONCE, TAG,
    ietf::{self, SHORT_NONCE},
};
use crate::CryptoError;

/// A key. Nothing is worked out ahead: each nonce has a subkey of its own.
pub(crate) struct XChaChaKey(Zeroizing<[u8; KEY]>);

impl XChaChaKey {
    pub(crate) const fn new(key: Zeroizing<[u8; KEY]>) -> Self {
        Self(key)
    }

    /// Encrypts `buffer` in place.
    pub(crate) fn encrypt(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<[u8; TAG], CryptoError> {
        let (key, nonce) = self.derived(nonce);
        ietf::encrypt(&CHACHA20_POLY1305, &key, nonce, aad, buffer)
    }

    /// The plaintext, if the tag is right.
    pub(crate) fn decrypt(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG],
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        let (key, nonce) = self.derived(nonce);
        ietf::decrypt(&CHACHA20_POLY1305, &key, nonce, aad, ciphertext, tag)
    }

    /// Sections 2.2 and 2.3: the subkey of the first 16 bytes of the nonce, and four zero bytes before the other eight.
    fn derived(&self, nonce: &[u8; NONCE]) -> (Zeroizing<[u8; KEY]>, [u8; SHORT_NONCE]) {
        let (mut head, mut short) = ([0_u8; 16], [0_u8; SHORT_NONCE]);
        let (left, right) = nonce.split_at(head.len());
        head.copy_from_slice(left);
        for (to, from) in short.iter_mut().skip(4).zip(right) {
            *to = *from;
        }
        let subkey = hchacha::<R20>(&(*self.0).into(), &head.into());
        (Zeroizing::new(subkey.into()), short)
    }
}

#[cfg(test)]
mod tests {
    use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305, XNonce};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn another_implementation_makes_the_same_and_opens_it(
            key: [u8; KEY],
            nonce: [u8; NONCE],
            aad in prop::collection::vec(any::<u8>(), 0..300),
            plaintext in prop::collection::vec(any::<u8>(), 0..1_200),
        ) {
            let (mut ours, mut theirs) = (plaintext.clone(), plaintext.clone());
            let key_of_ours = XChaChaKey::new(Zeroizing::new(key));
            let tag = key_of_ours.encrypt(&nonce, &aad, &mut ours).unwrap();
            let cipher = XChaCha20Poly1305::new(&key.into());
            let their_tag = cipher
                .encrypt_inout_detached(&XNonce::from(nonce), &aad, theirs.as_mut_slice().into())
                .unwrap();
            prop_assert_eq!((&ours, &tag[..]), (&theirs, &their_tag[..]));
            let opened = key_of_ours.decrypt(&nonce, &aad, &theirs, &tag).unwrap();
            prop_assert_eq!(opened.expose(), &plaintext);
        }
    }
}
