//! Whether a checkpoint may be cosigned: a function of the request, the keys of the logs, and what was cosigned before.

use std::collections::BTreeMap;

use super::{AddCheckpoint, Cosigned, RequestError};
use crate::{
    merkle::{EMPTY_ROOT, Hash, ProofError, verify_consistency},
    tlog::{Checkpoint, KeyKind, KeyName, Note, NoteError, NoteSignature, VerifierKey, checkpoint::Head},
};

/// The logs that a witness follows. A log is known by its origin, which is the name of its keys; it may have several.
#[derive(Clone, Debug, Default)]
pub struct KnownLogs(BTreeMap<KeyName, Vec<VerifierKey>>);

/// A key by which no log can be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is the key of a witness (0x04); logs sign with keys of type 0x01")]
pub struct LogKeyError(pub KeyName);

impl KnownLogs {
    /// The logs whose keys these are.
    pub fn new(keys: impl IntoIterator<Item = VerifierKey>) -> Result<Self, LogKeyError> {
        let mut logs: BTreeMap<KeyName, Vec<VerifierKey>> = BTreeMap::new();
        for key in keys {
            if key.kind() != KeyKind::Note {
                return Err(LogKeyError(key.name().clone()));
            }
            logs.entry(key.name().clone()).or_default().push(key);
        }
        Ok(Self(logs))
    }

    /// Whose checkpoints these are, in alphabetical order.
    pub fn origins(&self) -> impl Iterator<Item = &KeyName> {
        self.0.keys()
    }
}

/// Why a checkpoint is not cosigned, or not by this request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not of the form.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// What follows is no signed note.
    #[error("the checkpoint is {0}")]
    Note(NoteError),
    /// The note is no checkpoint.
    #[error("not a checkpoint: origin, size and root in base64, a line each")]
    Checkpoint,
    /// The proof would lead backwards.
    #[error("the old size is larger than that of the checkpoint")]
    Backwards,
    /// Nobody follows this log.
    #[error("this witness does not follow that log")]
    UnknownLog,
    /// Not signed by the log, or also wrongly.
    #[error("the checkpoint is not signed by that log: {0}")]
    Forbidden(NoteError),
    /// The proof begins somewhere else than at what was cosigned last.
    #[error("the last cosigned checkpoint has the size {size}")]
    Conflict {
        /// Where it has to begin.
        size: u64,
    },
    /// A tree without entries has one root.
    #[error("the root is not that of a tree without entries")]
    Empty,
    /// The checkpoint does not continue what was cosigned last.
    #[error("it does not continue the last cosigned checkpoint: {0}")]
    Inconsistent(ProofError),
}

impl Refusal {
    /// The status that the specification gives it.
    pub fn status(&self) -> u16 {
        match self {
            Self::Request(_) | Self::Note(_) | Self::Checkpoint | Self::Backwards => 400,
            Self::Forbidden(_) => 403,
            Self::UnknownLog => 404,
            Self::Conflict { .. } => 409,
            Self::Empty | Self::Inconsistent(_) => 422,
        }
    }
}

/// A request whose checkpoint is signed by a log that is known. Whether it continues that log is not said yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    pub(super) old: u64,
    pub(super) proof: Vec<Hash>,
    pub(super) checkpoint: Checkpoint,
    /// The text, with the signatures of the log that verify and none beside.
    pub(super) note: Note,
}

impl Submission {
    /// Reads a request, and verifies by whom its checkpoint is signed.
    pub fn read(logs: &KnownLogs, body: &[u8]) -> Result<Self, Refusal> {
        let AddCheckpoint {
            old,
            proof,
            checkpoint,
        } = AddCheckpoint::parse(body)?;
        let note = Note::parse(&checkpoint).map_err(Refusal::Note)?;
        let head = Head::parse(note.text()).ok_or(Refusal::Checkpoint)?;
        // An origin that no key can be named after is one that nobody follows.
        let checkpoint = head.checkpoint().ok_or(Refusal::UnknownLog)?;
        let keys = logs.0.get(&checkpoint.origin).ok_or(Refusal::UnknownLog)?;
        let signatures = signatures_of(&note, keys)?;
        if old > checkpoint.size {
            return Err(Refusal::Backwards);
        }
        let note = Note::new(note.text().to_owned(), signatures).map_err(Refusal::Note)?;
        Ok(Self {
            old,
            proof,
            checkpoint,
            note,
        })
    }

    /// Which log it is about.
    pub fn origin(&self) -> &KeyName {
        &self.checkpoint.origin
    }

    /// Whether it continues what was cosigned last for this log.
    pub fn judge(&self, last: Option<&Cosigned>) -> Result<(), Refusal> {
        let size = last.map_or(0, |last| last.checkpoint().size);
        if self.old != size {
            return Err(Refusal::Conflict { size });
        }
        let new = &self.checkpoint;
        if new.size == 0 && new.root != EMPTY_ROOT {
            return Err(Refusal::Empty);
        }
        match last.filter(|_| size > 0) {
            // Every tree begins with the one without entries.
            None if self.proof.is_empty() => Ok(()),
            None => Err(Refusal::Inconsistent(ProofError::Length)),
            Some(last) => {
                let old_root = &last.checkpoint().root;
                verify_consistency(size, new.size, &self.proof, old_root, &new.root)
                    .map_err(Refusal::Inconsistent)
            }
        }
    }

    /// Whether both say something else of a tree of one size: proof, by the log's own signatures, that it is not append-only.
    pub fn contradicts(&self, last: &Cosigned) -> bool {
        let (old, new) = (last.checkpoint(), &self.checkpoint);
        old.origin == new.origin && old.size == new.size && old.root != new.root
    }
}

/// The signatures of the log's keys, of which there is one at least. A wrong one of a key that is known spoils the note.
fn signatures_of(note: &Note, keys: &[VerifierKey]) -> Result<Vec<NoteSignature>, Refusal> {
    let mut unsigned = None;
    let mut signed = Vec::new();
    for key in keys {
        match note.verify(key) {
            Ok(()) => signed.extend(note.signatures().iter().find(|s| s.claims(key)).cloned()),
            Err(error @ NoteError::Unsigned(_)) => unsigned = Some(error),
            Err(error) => return Err(Refusal::Forbidden(error)),
        }
    }
    match unsigned {
        Some(error) if signed.is_empty() => Err(Refusal::Forbidden(error)),
        _ => Ok(signed),
    }
}
