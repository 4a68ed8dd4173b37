//! The committing ciphertext that fields and wrapped keys share.
//!
//! ```text
//! magic 0xE5 | ver 1 | suite 1 | flags 1 | key_id 16 | key_ver u32be | nonce 24 | commit 32 | ct | tag 16
//! (k_enc, commit) = HKDF-SHA-512(ikm = key, salt = nonce, info = domain ‖ suite ‖ key_id ‖ key_ver)
//! AAD = LP(domain) ‖ LP(part) ‖ … ‖ header                  LP = u32be length, then the bytes
//! ```
//!
//! The header is everything before `ct`. An AEAD alone does not bind a ciphertext to one key (partitioning oracles,
//! Len, Grubbs, Ristenpart 2021); the commitment does, and it is compared before anything is decrypted.

use vutf_kernel::{Entropy, KeyId, Secret};
use zeroize::Zeroizing;

use crate::{
    CryptoError,
    associated::length_prefixed,
    hazmat::{aead, kdf::hkdf_sha512, mac},
};

const MAGIC: u8 = 0xE5;
const VERSION: u8 = 1;
const NO_FLAGS: u8 = 0;

const FIXED: usize = 4;
const KEY_ID: usize = 16;
const KEY_VERSION: usize = 4;
const COMMIT: usize = 32;
const HEADER: usize = FIXED + KEY_ID + KEY_VERSION + aead::NONCE + COMMIT;

/// Bytes that a ciphertext is longer than its plaintext.
pub const OVERHEAD: usize = HEADER + aead::TAG;

/// How a ciphertext is made. The byte is in every header; a byte that is no suite is refused, and so is a suite that is
/// not the key's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// XChaCha20-Poly1305 under a key derived for each message. Byte: 1.
    XChaCha20Poly1305,
}

impl Suite {
    /// The byte in the header.
    pub const fn byte(self) -> u8 {
        match self {
            Self::XChaCha20Poly1305 => 1,
        }
    }
    /// The suite of a header.
    pub const fn from_byte(byte: u8) -> Result<Self, CryptoError> {
        match byte {
            1 => Ok(Self::XChaCha20Poly1305),
            other => Err(CryptoError::UnknownSuite(other)),
        }
    }
    fn encrypt(
        self,
        key: &[u8; aead::KEY],
        nonce: &[u8; aead::NONCE],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<[u8; aead::TAG], CryptoError> {
        match self {
            Self::XChaCha20Poly1305 => aead::encrypt(key, nonce, aad, buffer),
        }
    }
    fn decrypt(
        self,
        key: &[u8; aead::KEY],
        nonce: &[u8; aead::NONCE],
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8; aead::TAG],
    ) -> Result<(), CryptoError> {
        match self {
            Self::XChaCha20Poly1305 => aead::decrypt(key, nonce, aad, buffer, tag),
        }
    }
}

/// The key of an envelope, for the length of one call.
pub(crate) struct EnvelopeKey<'a> {
    pub(crate) suite: Suite,
    pub(crate) id: KeyId,
    pub(crate) version: u32,
    pub(crate) bytes: &'a Secret<[u8; aead::KEY]>,
}

/// What a header says about the key, before anything is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyHint {
    pub(crate) suite: Suite,
    pub(crate) key_id: KeyId,
    pub(crate) key_version: u32,
}

/// Reads which key a ciphertext names; everything in the answer is a claim until [`open`] succeeds.
pub(crate) fn key_hint(sealed: &[u8]) -> Result<KeyHint, CryptoError> {
    Header::split(sealed).map(|(header, _)| header.hint)
}

/// Seals `plaintext` in `domain`, bound to `parts`.
pub(crate) fn seal(
    domain: &'static str,
    key: &EnvelopeKey<'_>,
    parts: &[&[u8]],
    plaintext: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, CryptoError> {
    let nonce: [u8; aead::NONCE] = entropy.bytes();
    let (message_key, commit) = derive(domain, key, &nonce)?;
    let mut sealed = Vec::with_capacity(OVERHEAD + plaintext.len());
    sealed.extend_from_slice(&[MAGIC, VERSION, key.suite.byte(), NO_FLAGS]);
    sealed.extend_from_slice(key.id.as_bytes());
    sealed.extend_from_slice(&key.version.to_be_bytes());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&commit);
    let aad = associated_data(domain, parts, &sealed)?;
    sealed.extend_from_slice(plaintext);
    let body = sealed.get_mut(HEADER..).unwrap_or_default();
    let tag = key.suite.encrypt(&message_key, &nonce, &aad, body)?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

/// Opens what [`seal`] made with the same key, domain and parts.
pub(crate) fn open(
    domain: &'static str,
    key: &EnvelopeKey<'_>,
    parts: &[&[u8]],
    sealed: &[u8],
) -> Result<Secret<Vec<u8>>, CryptoError> {
    let (header, body) = Header::split(sealed)?;
    if header.hint.suite != key.suite {
        return Err(CryptoError::UnknownSuite(header.hint.suite.byte()));
    }
    if (header.hint.key_id, header.hint.key_version) != (key.id, key.version) {
        return Err(CryptoError::ForeignKey(header.hint.key_id));
    }
    let (message_key, commit) = derive(domain, key, &header.nonce)?;
    if !mac::equal(&commit, &header.commit) {
        return Err(CryptoError::CommitmentMismatch);
    }
    let (ciphertext, tag) = body.split_last_chunk().ok_or(CryptoError::Malformed)?;
    let aad = associated_data(domain, parts, header.bytes)?;
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    key.suite
        .decrypt(&message_key, &header.nonce, &aad, &mut plaintext, tag)?;
    Ok(Secret::new(std::mem::take(&mut *plaintext)))
}

struct Header<'a> {
    hint: KeyHint,
    nonce: [u8; aead::NONCE],
    commit: [u8; COMMIT],
    bytes: &'a [u8],
}

impl<'a> Header<'a> {
    fn split(sealed: &'a [u8]) -> Result<(Self, &'a [u8]), CryptoError> {
        if sealed.len() < OVERHEAD {
            return Err(CryptoError::Malformed);
        }
        let (bytes, body) = sealed.split_at(HEADER);
        let (fixed, rest) = take::<FIXED>(bytes)?;
        let [MAGIC, VERSION, suite, NO_FLAGS] = fixed else {
            return Err(CryptoError::Malformed);
        };
        let suite = Suite::from_byte(suite)?;
        let (key_id, rest) = take::<KEY_ID>(rest)?;
        let (key_version, rest) = take::<KEY_VERSION>(rest)?;
        let (nonce, rest) = take(rest)?;
        let (commit, _) = take(rest)?;
        let hint = KeyHint {
            suite,
            key_id: crate::record::key_id_from_bytes(key_id),
            key_version: u32::from_be_bytes(key_version),
        };
        Ok((
            Self {
                hint,
                nonce,
                commit,
                bytes,
            },
            body,
        ))
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), CryptoError> {
    let (head, rest) = bytes.split_first_chunk().ok_or(CryptoError::Malformed)?;
    Ok((*head, rest))
}

type MessageKey = Zeroizing<[u8; aead::KEY]>;

fn derive(
    domain: &'static str,
    key: &EnvelopeKey<'_>,
    nonce: &[u8; aead::NONCE],
) -> Result<(MessageKey, [u8; COMMIT]), CryptoError> {
    let info: [&[u8]; 4] = [
        domain.as_bytes(),
        &[key.suite.byte()],
        key.id.as_bytes(),
        &key.version.to_be_bytes(),
    ];
    let both = hkdf_sha512::<{ aead::KEY + COMMIT }>(key.bytes.expose(), nonce, &info)?;
    let (mut message_key, mut commit) = (Zeroizing::new([0_u8; aead::KEY]), [0_u8; COMMIT]);
    let (left, right) = both.split_at(aead::KEY);
    message_key.copy_from_slice(left);
    commit.copy_from_slice(right);
    Ok((message_key, commit))
}

fn associated_data(domain: &'static str, parts: &[&[u8]], header: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let mut all = Vec::with_capacity(parts.len() + 1);
    all.push(domain.as_bytes());
    all.extend_from_slice(parts);
    let mut aad = length_prefixed(&all)?;
    aad.extend_from_slice(header);
    Ok(aad)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vutf_kernel::{OsEntropy, SystemClock};

    use super::*;

    fn key(bytes: &Secret<[u8; 32]>) -> EnvelopeKey<'_> {
        EnvelopeKey {
            suite: Suite::XChaCha20Poly1305,
            id: KeyId::generate(&SystemClock, &mut OsEntropy),
            version: 3,
            bytes,
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let bytes = Secret::new([7_u8; 32]);
        let key = key(&bytes);
        let sealed = seal("d", &key, &[b"p"], b"hello", &mut OsEntropy).unwrap();
        assert_eq!(sealed.len(), 96 + 5);
        assert_eq!(sealed[..4], [0xE5, 1, 1, 0]);
        assert_eq!(sealed[4..20], key.id.as_bytes()[..]);
        assert_eq!(sealed[20..24], [0, 0, 0, 3]);
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let bytes = Secret::new([7_u8; 32]);
        let key = key(&bytes);
        let sealed = seal("d", &key, &[b"p"], b"hello", &mut OsEntropy).unwrap();
        for at in 0..sealed.len() {
            for flip in [0x01, 0x80, 0xFF] {
                let mut changed = sealed.clone();
                changed[at] ^= flip;
                assert!(
                    open("d", &key, &[b"p"], &changed).is_err(),
                    "byte {at} ^ {flip:#x}"
                );
            }
        }
        for length in 0..sealed.len() {
            assert!(
                open("d", &key, &[b"p"], &sealed[..length]).is_err(),
                "cut to {length}"
            );
        }
    }

    #[test]
    fn domain_parts_and_key_are_bound() {
        let (bytes, other) = (Secret::new([7_u8; 32]), Secret::new([8_u8; 32]));
        let key = key(&bytes);
        let sealed = seal("d", &key, &[b"p", b"q"], b"hello", &mut OsEntropy).unwrap();
        assert_eq!(
            open("e", &key, &[b"p", b"q"], &sealed).unwrap_err(),
            CryptoError::CommitmentMismatch
        );
        assert_eq!(
            open("d", &key, &[b"pq", b""], &sealed).unwrap_err(),
            CryptoError::Authentication
        );
        let impostor = EnvelopeKey { bytes: &other, ..key };
        assert_eq!(
            open("d", &impostor, &[b"p", b"q"], &sealed).unwrap_err(),
            CryptoError::CommitmentMismatch
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_refused_without_a_panic(
            mut input in prop::collection::vec(any::<u8>(), 0..300),
            plausible: bool,
        ) {
            let bytes = Secret::new([7_u8; 32]);
            let key = key(&bytes);
            if plausible && input.len() >= 24 {
                input[..4].copy_from_slice(&[0xE5, 1, 1, 0]);
                input[4..20].copy_from_slice(key.id.as_bytes());
                input[20..24].copy_from_slice(&3_u32.to_be_bytes());
            }
            prop_assert!(open("d", &key, &[], &input).is_err());
        }

        #[test]
        fn round_trip(plaintext in prop::collection::vec(any::<u8>(), 0..300), part in prop::collection::vec(any::<u8>(), 0..40)) {
            let bytes = Secret::new([7_u8; 32]);
            let key = key(&bytes);
            let sealed = seal("d", &key, &[&part], &plaintext, &mut OsEntropy).unwrap();
            prop_assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
            let opened = open("d", &key, &[&part], &sealed).unwrap();
            prop_assert_eq!(opened.expose(), &plaintext);
        }
    }
}
