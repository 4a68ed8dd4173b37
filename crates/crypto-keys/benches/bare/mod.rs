//! The primitives by themselves, with nothing of this project around them.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
};
use chacha20::{R20, hchacha};
use chacha20poly1305::{AeadInOut as _, KeyInit as _, Tag, XChaCha20Poly1305, XNonce};

/// An AEAD with nonces of `NONCE` bytes, in place.
pub(crate) trait Bare<const NONCE: usize> {
    fn seal(&self, nonce: &[u8; NONCE], aad: &[u8], buffer: &mut [u8]) -> [u8; 16];
    fn open(&self, nonce: &[u8; NONCE], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]);
}

/// AES-256-GCM with a kept key schedule.
pub(crate) struct AesGcm(LessSafeKey);

impl AesGcm {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(bound(&AES_256_GCM, key))
    }
}

impl Bare<12> for AesGcm {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        seal(&self.0, *nonce, aad, buffer)
    }
    fn open(&self, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) {
        open(&self.0, *nonce, aad, buffer, tag);
    }
}

/// XChaCha20-Poly1305 by the `chacha20poly1305` crate, which keeps nothing but the key.
pub(crate) struct RustCrypto(XChaCha20Poly1305);

impl RustCrypto {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(&(*key).into()))
    }
}

impl Bare<24> for RustCrypto {
    fn seal(&self, nonce: &[u8; 24], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        let nonce = XNonce::from(*nonce);
        self.0
            .encrypt_inout_detached(&nonce, aad, buffer.into())
            .unwrap()
            .into()
    }
    fn open(&self, nonce: &[u8; 24], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) {
        let (nonce, tag) = (XNonce::from(*nonce), Tag::from(*tag));
        self.0
            .decrypt_inout_detached(&nonce, aad, buffer.into(), &tag)
            .unwrap();
    }
}

/// XChaCha20-Poly1305 of HChaCha20 and aws-lc.
pub(crate) struct XChaCha(pub(crate) [u8; 32]);

impl XChaCha {
    fn message_key(&self, nonce: &[u8; 24]) -> (LessSafeKey, [u8; 12]) {
        let (head, tail) = nonce.split_first_chunk::<16>().unwrap();
        let mut short = [0; 12];
        short[4..].copy_from_slice(tail);
        let key: [u8; 32] = hchacha::<R20>(&self.0.into(), &(*head).into()).into();
        (bound(&CHACHA20_POLY1305, &key), short)
    }
}

impl Bare<24> for XChaCha {
    fn seal(&self, nonce: &[u8; 24], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        let (key, nonce) = self.message_key(nonce);
        seal(&key, nonce, aad, buffer)
    }
    fn open(&self, nonce: &[u8; 24], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) {
        let (key, nonce) = self.message_key(nonce);
        open(&key, nonce, aad, buffer, tag);
    }
}

/// XAES-256-GCM by aws-lc; that its subkey is that of the specification is no matter of speed, so it is a constant.
pub(crate) struct Xaes(EncryptingKey);

impl Xaes {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(EncryptingKey::ecb(UnboundCipherKey::new(&AES_256, key).unwrap()).unwrap())
    }

    fn message_key(&self, nonce: &[u8; 24]) -> (LessSafeKey, [u8; 12]) {
        let (head, tail) = nonce.split_first_chunk::<12>().unwrap();
        let mut key = [0x5A; 32];
        for (counter, block) in (1_u8..).zip(key.chunks_exact_mut(16)) {
            block[1] ^= counter;
            for (to, from) in block[4..].iter_mut().zip(head) {
                *to ^= from;
            }
        }
        self.0
            .less_safe_encrypt(&mut key, EncryptionContext::None)
            .unwrap();
        (bound(&AES_256_GCM, &key), tail.try_into().unwrap())
    }
}

impl Bare<24> for Xaes {
    fn seal(&self, nonce: &[u8; 24], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        let (key, nonce) = self.message_key(nonce);
        seal(&key, nonce, aad, buffer)
    }
    fn open(&self, nonce: &[u8; 24], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) {
        let (key, nonce) = self.message_key(nonce);
        open(&key, nonce, aad, buffer, tag);
    }
}

fn bound(algorithm: &'static Algorithm, key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap())
}

fn seal(key: &LessSafeKey, nonce: [u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(aad), buffer)
        .unwrap();
    tag.as_ref().try_into().unwrap()
}

fn open(key: &LessSafeKey, nonce: [u8; 12], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) {
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, buffer)
        .unwrap();
}
