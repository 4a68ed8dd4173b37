//! Checkpoints: the size and the root of the tree, to be signed.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::KeyName;
use crate::merkle::{EMPTY_ROOT, Hash};

/// The head of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Names the log; by convention a URL without scheme.
    pub origin: KeyName,
    /// How many entries the tree has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// Why a text is no checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not the three lines.
    #[error("not a checkpoint: origin, size and root in base64, a line each")]
    Form,
    /// Lines that nobody else can check.
    #[error("a checkpoint with extension lines: this log writes none")]
    Extended,
    /// A tree without entries has one root.
    #[error("the root is not that of a tree without entries")]
    Empty,
}

impl Checkpoint {
    /// The text to be signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads [`Self::text`]; there is one way to write each.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Form)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(CheckpointError::Form);
        };
        if lines.next().is_some() {
            return Err(CheckpointError::Extended);
        }
        let found = Self {
            origin: KeyName::parse(origin).ok_or(CheckpointError::Form)?,
            size: parse_decimal(size).ok_or(CheckpointError::Form)?,
            root: parse_hash(root).ok_or(CheckpointError::Form)?,
        };
        if found.size == 0 && found.root != EMPTY_ROOT {
            return Err(CheckpointError::Empty);
        }
        Ok(found)
    }
}

/// A hash in base64, written the one way that there is.
pub(super) fn parse_hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// A number without sign and without leading zeroes.
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
