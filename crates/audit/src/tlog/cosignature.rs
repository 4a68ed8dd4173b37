//! Cosignatures: a witness says that it saw this head, and none that contradicts it.

use super::{KeyKind, NoteSignature, VerifierKey};

/// The statement of a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// When it was made: POSIX seconds.
    pub time: u64,
    /// Ed25519 over [`cosigned_message`].
    pub signature: [u8; 64],
}

/// What a witness signs: `text` is that of the checkpoint, without signatures.
pub fn cosigned_message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

impl Cosignature {
    /// The line below the checkpoint.
    pub fn note_signature(&self, key: &VerifierKey) -> NoteSignature {
        let mut bytes = self.time.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.signature);
        NoteSignature::by(key, bytes)
    }

    /// Reads the bytes of a line: 8 of the time, 64 of the signature.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (time, signature) = bytes.split_first_chunk()?;
        let time = u64::from_be_bytes(*time);
        let signature = <[u8; 64]>::try_from(signature).ok()?;
        i64::try_from(time).ok().map(|_| Self { time, signature })
    }

    /// Whether it is of this witness, over a checkpoint with this text.
    pub fn verifies(&self, key: &VerifierKey, text: &str) -> bool {
        let message = cosigned_message(self.time, text);
        key.kind() == KeyKind::Cosignature && key.verifies(message.as_bytes(), &self.signature)
    }
}
