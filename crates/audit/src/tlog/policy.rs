//! Whom a verifier believes.

use super::{Checkpoint, CheckpointError, Cosignature, KeyKind, Note, NoteError, VerifierKey};

/// The keys that a verifier was given by a way that the log does not control.
#[derive(Clone, Debug)]
pub struct TrustPolicy {
    /// The log's own. Its name is the origin that checkpoints must have.
    pub log: VerifierKey,
    /// Witnesses.
    pub witnesses: Vec<VerifierKey>,
    /// How many of them must have cosigned.
    pub quorum: usize,
}

/// A checkpoint whose signatures were verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// When each witness of the policy that cosigned did so, in the order of the policy: POSIX seconds.
    pub cosigned: Vec<(super::KeyName, u64)>,
}

/// Why a checkpoint is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Not signed by the log's key, or wrongly.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Signed, and no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint of another log.
    #[error("the checkpoint is of {found}, not of {wanted}")]
    Origin {
        /// The log whose key it is.
        wanted: super::KeyName,
        /// What the checkpoint says.
        found: super::KeyName,
    },
    /// Nobody is believed.
    #[error("no key of the log is known")]
    NoKey,
    /// Too few witnesses.
    #[error("{found} of the {wanted} witnesses needed have cosigned")]
    Quorum {
        /// How many must.
        wanted: usize,
        /// How many have.
        found: usize,
    },
}

impl TrustPolicy {
    /// Believes a log without witnesses.
    pub fn of(log: VerifierKey) -> Self {
        Self {
            log,
            witnesses: Vec::new(),
            quorum: 0,
        }
    }

    /// Verifies a signed checkpoint.
    pub fn verify(&self, note: &str) -> Result<Trusted, TrustError> {
        let note = Note::parse(note)?;
        note.verify(&self.log)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin != *self.log.name() {
            return Err(TrustError::Origin {
                wanted: self.log.name().clone(),
                found: checkpoint.origin,
            });
        }
        let mut cosigned = Vec::new();
        for witness in &self.witnesses {
            if let Some(time) = cosigned_at(&note, witness)? {
                cosigned.push((witness.name().clone(), time));
            }
        }
        if cosigned.len() < self.quorum {
            return Err(TrustError::Quorum {
                wanted: self.quorum,
                found: cosigned.len(),
            });
        }
        Ok(Trusted { checkpoint, cosigned })
    }
}

/// When a witness cosigned; a wrong cosignature of a witness that is known is refused.
fn cosigned_at(note: &Note, witness: &VerifierKey) -> Result<Option<u64>, NoteError> {
    let mut time = None;
    for signature in note.signatures().iter().filter(|s| s.claims(witness)) {
        let cosignature = Cosignature::parse(&signature.bytes).filter(|cosignature| {
            witness.kind() == KeyKind::Cosignature && cosignature.verifies(witness, note.text())
        });
        let cosignature = cosignature.ok_or_else(|| NoteError::Signature(witness.name().clone()))?;
        time = time.max(Some(cosignature.time));
    }
    Ok(time)
}
