//! What a wrapped key looks like: `version 1 ‖ nonce 12 ‖ ciphertext 32 ‖ tag 16`, 61 bytes.

pub(super) const NONCE_BYTES: usize = 12;
pub(super) const TAG_BITS: u64 = 128;

const VERSION: u8 = 1;
/// A 256-bit key and its tag.
const CIPHERTEXT_BYTES: usize = 32 + 16;

/// A wrapped key, taken apart.
#[derive(Debug)]
pub(super) struct Blob {
    pub(super) nonce: [u8; NONCE_BYTES],
    pub(super) ciphertext: Vec<u8>,
}

impl Blob {
    /// `None` when the token answered with anything but a ciphertext and its tag.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        (self.ciphertext.len() == CIPHERTEXT_BYTES)
            .then(|| [&[VERSION][..], &self.nonce, &self.ciphertext].concat())
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (nonce, ciphertext) = rest.split_first_chunk()?;
        (*version == VERSION && ciphertext.len() == CIPHERTEXT_BYTES).then(|| Self {
            nonce: *nonce,
            ciphertext: ciphertext.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_form_is_read() {
        let blob = Blob {
            nonce: [7; NONCE_BYTES],
            ciphertext: vec![9; CIPHERTEXT_BYTES],
        };
        let bytes = blob.encode().unwrap();
        assert_eq!(bytes.len(), 61);
        let parsed = Blob::parse(&bytes).unwrap();
        assert_eq!((parsed.nonce, parsed.ciphertext), (blob.nonce, blob.ciphertext));
        assert!((0..bytes.len()).all(|end| Blob::parse(&bytes[..end]).is_none()));
        assert!(Blob::parse(&[&bytes[..], &[0]].concat()).is_none());
        assert!(Blob::parse(&[&[2], &bytes[1..]].concat()).is_none());
    }
}
