//! Sealed parts: personal data beside the entry, bound to it by a salted commitment.

use sha2::{Digest, Sha256};

/// A PII part of an event. The canonical entry holds only the commitment; the part itself is stored beside it, sealed.
/// Erasure destroys its key, which breaks no proof; the part stays, and one that is gone is a finding
/// ([`crate::FindingKind::PartMissing`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPart {
    /// Its name in the event, e.g. `source_ip`.
    pub name: String,
    /// 128 random bits, so that equal ciphertexts or guessed plaintexts cannot be recognised by their commitment.
    pub salt: [u8; 16],
    /// The part under the field cipher of the store.
    pub ciphertext: Vec<u8>,
}

impl SealedPart {
    /// SHA-256 over `"vutf/part/v1" ‖ salt ‖ ciphertext`.
    pub fn commitment(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"vutf/part/v1")
            .chain_update(self.salt)
            .chain_update(&self.ciphertext)
            .finalize()
            .into()
    }
}

/// Why bytes are not a list of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartsError {
    /// The first byte names no format that is known.
    #[error("unknown format of sealed parts")]
    Format,
    /// The bytes end inside a part.
    #[error("sealed parts end too early")]
    Truncated,
    /// A name is not UTF-8.
    #[error("the name of a sealed part is not UTF-8")]
    Name,
}

/// The first byte of the encoding.
const FORMAT: u8 = 1;

/// All parts of one event in one column: `0x01`, then for each part the length of the name (`u32`, big endian), the name,
/// the salt, the length of the ciphertext (`u32`, big endian), the ciphertext.
pub fn encode_parts(parts: &[SealedPart]) -> Vec<u8> {
    let mut out = vec![FORMAT];
    for part in parts {
        push_block(&mut out, part.name.as_bytes());
        out.extend_from_slice(&part.salt);
        push_block(&mut out, &part.ciphertext);
    }
    out
}

/// The inverse of [`encode_parts`]. Takes no more memory than the input is long, whatever lengths it claims.
///
/// # Errors
/// [`PartsError`]: the bytes end too early, or are not what [`encode_parts`] makes.
pub fn decode_parts(bytes: &[u8]) -> Result<Vec<SealedPart>, PartsError> {
    let (&format, mut rest) = bytes.split_first().ok_or(PartsError::Truncated)?;
    if format != FORMAT {
        return Err(PartsError::Format);
    }
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let name = take_block(&mut rest)?;
        let (salt, after) = rest.split_first_chunk::<16>().ok_or(PartsError::Truncated)?;
        rest = after;
        parts.push(SealedPart {
            name: std::str::from_utf8(name)
                .map_err(|_| PartsError::Name)?
                .to_owned(),
            salt: *salt,
            ciphertext: take_block(&mut rest)?.to_vec(),
        });
    }
    Ok(parts)
}

/// A block of 4 GiB cannot occur: a part is a field of one request.
fn push_block(out: &mut Vec<u8>, block: &[u8]) {
    out.extend_from_slice(&u32::try_from(block.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(block);
}

fn take_block<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], PartsError> {
    let (length, after) = rest.split_first_chunk::<4>().ok_or(PartsError::Truncated)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| PartsError::Truncated)?;
    let (block, after) = after.split_at_checked(length).ok_or(PartsError::Truncated)?;
    *rest = after;
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn parts() -> impl Strategy<Value = Vec<SealedPart>> {
        let part = (any::<String>(), any::<[u8; 16]>(), vec(any::<u8>(), 0..64)).prop_map(
            |(name, salt, ciphertext)| SealedPart {
                name,
                salt,
                ciphertext,
            },
        );
        vec(part, 0..5)
    }

    #[test]
    fn the_commitment_is_pinned() {
        let part = SealedPart {
            name: "source_ip".into(),
            salt: [7; 16],
            ciphertext: b"sealed".to_vec(),
        };
        // printf 'vutf/part/v1' + 16 × 0x07 + 'sealed' | sha256sum
        assert_eq!(
            part.commitment().map(|b| format!("{b:02x}")).concat(),
            "8d7fdf731281c692673eb0e5e31fda58d9e0fb6d148964e4a29e5affd725b227"
        );
    }

    #[test]
    fn a_claimed_length_is_not_believed() {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(decode_parts(&bytes), Err(PartsError::Truncated));
        assert_eq!(decode_parts(&[]), Err(PartsError::Truncated));
        assert_eq!(decode_parts(&[2]), Err(PartsError::Format));
    }

    proptest! {
        #[test]
        fn parts_round_trip(parts in parts()) {
            prop_assert_eq!(decode_parts(&encode_parts(&parts)).unwrap(), parts);
        }

        #[test]
        fn any_bytes_decode_to_what_encodes_to_them_or_to_an_error(mut bytes in vec(any::<u8>(), 0..256), known in any::<bool>()) {
            if let (true, Some(first)) = (known, bytes.first_mut()) {
                *first = FORMAT;
            }
            if let Ok(parts) = decode_parts(&bytes) {
                prop_assert_eq!(encode_parts(&parts), bytes);
            }
        }

        #[test]
        fn a_cut_encoding_is_never_taken_for_the_whole(parts in parts(), cut in any::<proptest::sample::Index>()) {
            let bytes = encode_parts(&parts);
            let short = &bytes[..cut.index(bytes.len())];
            prop_assert_ne!(decode_parts(short), Ok(parts));
        }

        #[test]
        fn the_commitment_depends_on_every_bit(salt in any::<[u8; 16]>(), ciphertext in vec(any::<u8>(), 1..40), at in any::<proptest::sample::Index>(), bit in 0_u8..8) {
            let whole = SealedPart { name: String::new(), salt, ciphertext };
            let mut changed = whole.clone();
            let at = at.index(16 + changed.ciphertext.len());
            if at < 16 { changed.salt[at] ^= 1 << bit } else { changed.ciphertext[at - 16] ^= 1 << bit }
            prop_assert_ne!(changed.commitment(), whole.commitment());
        }
    }
}
