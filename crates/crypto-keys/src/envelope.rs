//! The committing ciphertext that fields and wrapped keys share.
//!
//! ```text
//! magic 0xE5 | ver 1 | suite 1 | flags 1 | key_id 16 | key_ver u32be | nonce 24 | commit 32 | ct | tag 16
//! AAD = LP(domain) ‖ LP(part) ‖ … ‖ header                  LP = u32be length, then the bytes
//! ```
//!
//! The header is everything before `ct`. An AEAD alone does not bind a ciphertext to one key (partitioning oracles,
//! Len, Grubbs, Ristenpart 2021); the commitment does, and it is compared before anything is decrypted. How key and
//! commitment are derived stands in the README.

use vutf_kernel::{Entropy, KeyId, Secret};

use crate::{
    CryptoError, Suite,
    associated::with_associated_data,
    hazmat::{KEY, NONCE, TAG, mac},
    schedule::{COMMIT, Schedule},
};

const MAGIC: u8 = 0xE5;
const VERSION: u8 = 1;
const NO_FLAGS: u8 = 0;

const FIXED: usize = 4;
const KEY_ID: usize = 16;
const KEY_VERSION: usize = 4;
pub(crate) const HEADER: usize = FIXED + KEY_ID + KEY_VERSION + NONCE + COMMIT;

/// Bytes that a ciphertext is longer than its plaintext.
pub const OVERHEAD: usize = HEADER + TAG;

/// The key of envelopes: it makes and opens those of its own suite, and no others.
pub(crate) struct EnvelopeKey {
    id: KeyId,
    version: u32,
    schedule: Schedule,
}

impl EnvelopeKey {
    /// Works out what the suite derives once for the key's life.
    pub(crate) fn new(
        suite: Suite,
        id: KeyId,
        version: u32,
        key: &Secret<[u8; KEY]>,
    ) -> Result<Self, CryptoError> {
        let schedule = Schedule::new(suite, id, version, key)?;
        Ok(Self {
            id,
            version,
            schedule,
        })
    }
    pub(crate) const fn suite(&self) -> Suite {
        self.schedule.suite()
    }
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
    key: &EnvelopeKey,
    parts: &[&[u8]],
    plaintext: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, CryptoError> {
    let nonce: [u8; NONCE] = entropy.bytes();
    let mut sealed = Vec::with_capacity(OVERHEAD + plaintext.len());
    sealed.extend_from_slice(&[MAGIC, VERSION, key.suite().byte(), NO_FLAGS]);
    sealed.extend_from_slice(key.id.as_bytes());
    sealed.extend_from_slice(&key.version.to_be_bytes());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(key.schedule.commit());
    sealed.extend_from_slice(plaintext);
    let (header, body) = sealed.split_at_mut(HEADER);
    let tag = with_associated_data(domain, parts, header, |aad| {
        key.schedule.encrypt(&nonce, aad, body)
    })?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

/// Opens what [`seal`] made with the same key, domain and parts.
pub(crate) fn open(
    domain: &'static str,
    key: &EnvelopeKey,
    parts: &[&[u8]],
    sealed: &[u8],
) -> Result<Secret<Vec<u8>>, CryptoError> {
    let (header, body) = Header::split(sealed)?;
    if (header.hint.key_id, header.hint.key_version) != (key.id, key.version) {
        return Err(CryptoError::ForeignKey(header.hint.key_id));
    }
    if header.hint.suite != key.suite() {
        return Err(CryptoError::ForeignSuite {
            named: header.hint.suite,
            own: key.suite(),
        });
    }
    if !mac::equal(key.schedule.commit(), &header.commit) {
        return Err(CryptoError::CommitmentMismatch);
    }
    let (ciphertext, tag) = body.split_last_chunk().ok_or(CryptoError::Malformed)?;
    with_associated_data(domain, parts, header.bytes, |aad| {
        key.schedule.decrypt(&header.nonce, aad, ciphertext, tag)
    })
}

struct Header<'a> {
    hint: KeyHint,
    nonce: [u8; NONCE],
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vutf_kernel::OsEntropy;

    use super::*;

    const ID: KeyId = KeyId::from_uuid(uuid::Uuid::from_bytes([0x22; 16]));

    fn key_of(suite: Suite, byte: u8) -> EnvelopeKey {
        EnvelopeKey::new(suite, ID, 3, &Secret::new([byte; 32])).unwrap()
    }

    fn sealed(key: &EnvelopeKey) -> Vec<u8> {
        seal("d", key, &[b"p"], b"hello", &mut OsEntropy).unwrap()
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        for suite in Suite::ALL {
            let sealed = sealed(&key_of(suite, 7));
            assert_eq!(sealed.len(), 96 + 5);
            assert_eq!(sealed[..4], [0xE5, 1, suite.byte(), 0]);
            assert_eq!(sealed[4..20], ID.as_bytes()[..]);
            assert_eq!(sealed[20..24], [0, 0, 0, 3]);
        }
    }

    #[test]
    fn every_changed_byte_is_refused() {
        for suite in Suite::ALL {
            let key = key_of(suite, 7);
            let sealed = sealed(&key);
            for at in 0..sealed.len() {
                for flip in [0x01, 0x03, 0x80, 0xFF] {
                    let mut changed = sealed.clone();
                    changed[at] ^= flip;
                    let answer = open("d", &key, &[b"p"], &changed);
                    assert!(answer.is_err(), "{suite}: byte {at} ^ {flip:#x}");
                }
            }
            for length in 0..sealed.len() {
                let answer = open("d", &key, &[b"p"], &sealed[..length]);
                assert!(answer.is_err(), "{suite}: cut to {length}");
            }
        }
    }

    #[test]
    fn domain_parts_and_key_are_bound() {
        for suite in Suite::ALL {
            let key = key_of(suite, 7);
            let sealed = seal("d", &key, &[b"p", b"q"], b"hello", &mut OsEntropy).unwrap();
            assert_eq!(
                open("e", &key, &[b"p", b"q"], &sealed).unwrap_err(),
                CryptoError::Authentication
            );
            assert_eq!(
                open("d", &key, &[b"pq", b""], &sealed).unwrap_err(),
                CryptoError::Authentication
            );
            assert_eq!(
                open("d", &key_of(suite, 8), &[b"p", b"q"], &sealed).unwrap_err(),
                CryptoError::CommitmentMismatch
            );
        }
    }

    /// The same 256 bits under the same id, once as a key of each suite: what one made, the other does not open, neither
    /// as it is nor with the suite byte forged to its own.
    #[test]
    fn a_forged_suite_byte_is_refused_in_both_directions() {
        let [one, two] = Suite::ALL;
        for (made_by, tried_by) in [(one, two), (two, one)] {
            let (maker, other) = (key_of(made_by, 7), key_of(tried_by, 7));
            let mut sealed = sealed(&maker);
            let (named, own) = (made_by, tried_by);
            assert_eq!(
                open("d", &other, &[b"p"], &sealed).unwrap_err(),
                CryptoError::ForeignSuite { named, own }
            );
            sealed[2] = tried_by.byte();
            assert_eq!(
                open("d", &other, &[b"p"], &sealed).unwrap_err(),
                CryptoError::CommitmentMismatch
            );
            let (named, own) = (tried_by, made_by);
            assert_eq!(
                open("d", &maker, &[b"p"], &sealed).unwrap_err(),
                CryptoError::ForeignSuite { named, own }
            );
        }
    }

    fn suites() -> impl Strategy<Value = Suite> {
        prop::sample::select(&Suite::ALL[..])
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_refused_without_a_panic(
            mut input in prop::collection::vec(any::<u8>(), 0..300),
            suite in suites(),
            plausible: bool,
        ) {
            let key = key_of(suite, 7);
            if plausible && input.len() >= 24 {
                input[..4].copy_from_slice(&[0xE5, 1, suite.byte(), 0]);
                input[4..20].copy_from_slice(ID.as_bytes());
                input[20..24].copy_from_slice(&3_u32.to_be_bytes());
            }
            prop_assert!(open("d", &key, &[], &input).is_err());
        }

        #[test]
        fn round_trip(
            plaintext in prop::collection::vec(any::<u8>(), 0..300),
            part in prop::collection::vec(any::<u8>(), 0..40),
            suite in suites(),
        ) {
            let key = key_of(suite, 7);
            let sealed = seal("d", &key, &[&part], &plaintext, &mut OsEntropy).unwrap();
            prop_assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
            let opened = open("d", &key, &[&part], &sealed).unwrap();
            prop_assert_eq!(opened.expose(), &plaintext);
        }
    }
}
