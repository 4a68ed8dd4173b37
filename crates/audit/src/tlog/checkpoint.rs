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
        let head = Head::parse(text).ok_or(CheckpointError::Form)?;
        if head.extended {
            return Err(CheckpointError::Extended);
        }
        let found = head.checkpoint().ok_or(CheckpointError::Form)?;
        if found.size == 0 && found.root != EMPTY_ROOT {
            return Err(CheckpointError::Empty);
        }
        Ok(found)
    }
}

/// The three lines with which every checkpoint begins, those of foreign logs included.
pub(super) struct Head<'a> {
    /// Any text: only what a key is named after can be a [`KeyName`].
    pub(super) origin: &'a str,
    pub(super) size: u64,
    pub(super) root: Hash,
    /// Whether lines follow. The specification allows them, and that they are not empty.
    pub(super) extended: bool,
}

impl<'a> Head<'a> {
    /// `None` unless the three lines are there, and whatever follows has no empty line.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let mut extension = lines.peekable();
        let extended = extension.peek().is_some();
        if origin.is_empty() || extension.any(str::is_empty) {
            return None;
        }
        Some(Self {
            origin,
            size: parse_decimal(size)?,
            root: parse_hash(root)?,
            extended,
        })
    }

    pub(super) fn checkpoint(&self) -> Option<Checkpoint> {
        Some(Checkpoint {
            origin: KeyName::parse(self.origin)?,
            size: self.size,
            root: self.root,
        })
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
