//! What is sent to a witness.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    merkle::Hash,
    tlog::checkpoint::{parse_decimal, parse_hash},
};

/// Bytes of a request at most: 63 hashes, and a checkpoint with 16 signatures of 5 kB, which is the largest that a witness has to
/// read.
pub const MAX_REQUEST: usize = 128 * 1024;

/// Hashes of the proof of consistency at most.
pub const MAX_CONSISTENCY: usize = 63;

/// A checkpoint, and that it continues the one of size `old`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// How large the tree was that the witness cosigned last; 0 for none.
    pub old: u64,
    /// See [`crate::merkle::verify_consistency`]; empty for `old` 0.
    pub proof: Vec<Hash>,
    /// The signed note.
    pub checkpoint: String,
}

/// Bytes that are no such request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Longer than [`MAX_REQUEST`].
    #[error("the request is longer than 128 KiB")]
    TooLong,
    /// Not UTF-8.
    #[error("the request is not UTF-8")]
    Text,
    /// No `old N` in the first line.
    #[error("the first line is not `old` and a size without leading zeroes")]
    Old,
    /// Nothing separates the proof from the checkpoint.
    #[error("no empty line before the checkpoint")]
    Separator,
    /// A line of the proof is no hash.
    #[error("a line of the proof is not a hash in base64")]
    Hash,
    /// More than [`MAX_CONSISTENCY`] hashes.
    #[error("more than 63 hashes")]
    TooMany,
}

impl AddCheckpoint {
    /// Reads the request; there is one way to write each. The checkpoint is not looked at.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        if body.len() > MAX_REQUEST {
            return Err(RequestError::TooLong);
        }
        let text = std::str::from_utf8(body).map_err(|_| RequestError::Text)?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(RequestError::Separator)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(parse_decimal).ok_or(RequestError::Old)?;
        let proof: Option<Vec<Hash>> = lines.by_ref().take(MAX_CONSISTENCY).map(parse_hash).collect();
        if lines.next().is_some() {
            return Err(RequestError::TooMany);
        }
        Ok(Self {
            old,
            proof: proof.ok_or(RequestError::Hash)?,
            checkpoint: checkpoint.to_owned(),
        })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", STANDARD.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
