//! Proofs of one entry, in a file of their own: `.tlog-proof`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Trust, TrustError, Trusted,
    checkpoint::{parse_decimal, parse_hash},
};
use crate::merkle::{Hash, MAX_PROOF, ProofError, verify_inclusion};

/// Bytes of the extra data at most.
pub const MAX_EXTRA: usize = 1 << 20;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// That an entry is in a log, with the signed checkpoint of that log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Nothing vouches for it: what the verifier may need to find the entry.
    pub extra: Option<Vec<u8>>,
    /// The entry's number, from 0.
    pub index: u64,
    /// From the entry's sibling upward.
    pub hashes: Vec<Hash>,
    /// The signed note.
    pub checkpoint: String,
}

/// Why a proof is none, or is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Not of the format.
    #[error("not a C2SP tlog-proof: {0}")]
    Form(&'static str),
    /// Its checkpoint is not believed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// It does not lead from the entry to the checkpoint.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl TlogProof {
    /// Reads the file; judges its form only.
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        let form = TlogProofError::Form;
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(form("no empty line before the checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(form("the first line is not c2sp.org/tlog-proof@v1"));
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(extra) if extra.len() <= MAX_EXTRA * 4 / 3 + 4 => {
                lines.next();
                Some(
                    STANDARD
                        .decode(extra)
                        .map_err(|_| form("the extra data is not base64"))?,
                )
            }
            Some(_) => return Err(form("more than 1 MiB of extra data")),
            None => None,
        };
        let index = lines
            .next()
            .and_then(|line| parse_decimal(line.strip_prefix("index ")?));
        let hashes: Option<Vec<Hash>> = lines.by_ref().take(MAX_PROOF).map(parse_hash).collect();
        if lines.next().is_some() {
            return Err(form("more than 65 hashes"));
        }
        Ok(Self {
            extra,
            index: index.ok_or(form("no line with the index"))?,
            hashes: hashes.ok_or(form("a line of the proof is not a hash in base64"))?,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Shows that the entry with this [`crate::leaf_hash`] is in the log that the policy believes.
    pub fn verify(&self, leaf: &Hash, policy: &(impl Trust + ?Sized)) -> Result<Trusted, TlogProofError> {
        let trusted = policy.verify(&self.checkpoint)?;
        let tree = &trusted.checkpoint;
        verify_inclusion(leaf, self.index, tree.size, &self.hashes, &tree.root)?;
        Ok(trusted)
    }
}

impl std::fmt::Display for TlogProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", STANDARD.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
