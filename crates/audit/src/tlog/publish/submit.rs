//! One checkpoint to one witness.

use async_trait::async_trait;
use vutf_kernel::PortError;

use super::{KeptCosignature, PublishedLog};
use crate::tlog::{
    Checkpoint, MAX_SIGNATURES, Note, NoteSignature, VerifierKey, checkpoint::parse_decimal,
    witness::AddCheckpoint,
};

/// Bytes of an answer that are read at most.
pub const MAX_ANSWER: usize = 64 * 1024;

/// What a witness answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Not more than [`MAX_ANSWER`] bytes.
    pub body: Vec<u8>,
}

/// The way to a witness.
#[async_trait]
pub trait WitnessCall: Send + Sync {
    /// `POST <submission prefix>/add-checkpoint`. Every answer is one, whatever its status.
    async fn add_checkpoint(&self, request: String) -> Result<WitnessAnswer, PortError>;
}

/// A signed checkpoint of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// The signed note.
    pub note: String,
    /// What it says.
    pub checkpoint: Checkpoint,
    text: String,
}

impl SignedHead {
    /// Reads a signed note of our own. `None` when it is none.
    pub fn read(note: &str) -> Option<Self> {
        let parsed = Note::parse(note).ok()?;
        Some(Self {
            checkpoint: Checkpoint::parse(parsed.text()).ok()?,
            text: parsed.text().to_owned(),
            note: note.to_owned(),
        })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// What a witness says against the log, or does against its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// It cosigned a larger tree than this log ever signed: this log was rolled back, or somebody else signs with its key.
    Ahead {
        /// How large.
        size: u64,
    },
    /// It cosigned another tree of this size: a fork.
    Fork {
        /// Where the proof began that it refused.
        size: u64,
    },
    /// It has forgotten what it cosigned: an older state was put back. Its cosignatures are worth less than they say.
    Forgot {
        /// What it had cosigned.
        cosigned: u64,
        /// What it says now.
        says: u64,
    },
}

impl Conflict {
    /// A stable word: `ahead`, `fork`, `forgot`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ahead { .. } => "ahead",
            Self::Fork { .. } => "fork",
            Self::Forgot { .. } => "forgot",
        }
    }

    /// The size that the witness names, or where it refused the proof.
    pub fn size(self) -> u64 {
        match self {
            Self::Ahead { size } | Self::Fork { size } | Self::Forgot { says: size, .. } => size,
        }
    }
}

/// A cosignature that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// To be kept.
    pub cosignature: KeptCosignature,
    /// The witness had forgotten what it cosigned before.
    pub forgot: Option<Conflict>,
}

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// What the witness cosigned is not what this log is.
    #[error("the witness contradicts the log: {}", .0.as_str())]
    Conflict(Conflict),
    /// It has cosigned a newer one of ours meanwhile.
    #[error("the witness has cosigned a newer checkpoint already")]
    Superseded,
    /// It does not follow this log, or does not know its key.
    #[error("the witness refuses with {0}: does it follow this log, by its present key?")]
    Refused(u16),
    /// It does not keep to the protocol.
    #[error("the answer of the witness is of no use: {0}")]
    Answer(&'static str),
    /// It did not answer, or could not.
    #[error("the witness cannot be reached")]
    Away(#[source] PortError),
    /// The witness has trouble of its own.
    #[error("the witness answers {0}")]
    Failing(u16),
    /// Our own log could not be read.
    #[error(transparent)]
    Log(PortError),
}

/// Sends `head` to a witness and verifies what it answers. `known` is what it cosigned last as far as is known, or 0; if it says
/// otherwise, one proof is made from there.
pub async fn submit(
    log: &dyn PublishedLog,
    head: &SignedHead,
    witness: &VerifierKey,
    known: u64,
    call: &dyn WitnessCall,
) -> Result<Submitted, SubmitError> {
    let size = head.checkpoint.size;
    // More than we have: our own memory of it says so, and the log says less.
    if known > size {
        return Err(ahead(log, known).await);
    }
    let mut forgot = None;
    let mut answer = ask(log, head, known, call).await?;
    let mut old = known;
    if answer.status == 409 {
        let says = size_in(&answer.body).ok_or(SubmitError::Answer("a 409 without a size"))?;
        if says > size {
            return Err(ahead(log, says).await);
        }
        if says < known {
            forgot = Some(Conflict::Forgot {
                cosigned: known,
                says,
            });
        }
        old = says;
        answer = ask(log, head, old, call).await?;
    }
    match answer.status {
        200 => {
            let cosignature = cosignature_in(&answer.body, head, witness);
            let cosignature = cosignature.ok_or(SubmitError::Answer(
                "no cosignature of the key that is configured",
            ))?;
            Ok(Submitted { cosignature, forgot })
        }
        // A proof from nothing is empty, and refused by no fork.
        422 if old > 0 => Err(SubmitError::Conflict(Conflict::Fork { size: old })),
        409 => Err(SubmitError::Answer(
            "it cosigns for somebody else at the same time",
        )),
        status @ (400 | 401 | 403 | 404 | 422) => Err(SubmitError::Refused(status)),
        status => Err(SubmitError::Failing(status)),
    }
}

async fn ask(
    log: &dyn PublishedLog,
    head: &SignedHead,
    old: u64,
    call: &dyn WitnessCall,
) -> Result<WitnessAnswer, SubmitError> {
    let new = head.checkpoint.size;
    let proof = match old {
        0 => Vec::new(),
        // The tree is the same, and so are the roots.
        _ if old == new => Vec::new(),
        _ => log.consistency(old, new).await.map_err(SubmitError::Log)?,
    };
    let checkpoint = head.note.clone();
    let request = AddCheckpoint {
        old,
        proof,
        checkpoint,
    };
    call.add_checkpoint(request.to_string())
        .await
        .map_err(SubmitError::Away)
}

/// What a witness cosigned may have been signed while its answer was under way.
async fn ahead(log: &dyn PublishedLog, says: u64) -> SubmitError {
    let latest = match log.newest_checkpoint().await {
        Ok(latest) => latest,
        Err(error) => return SubmitError::Log(error),
    };
    let latest = latest.and_then(|note| SignedHead::read(&note));
    match latest {
        Some(latest) if latest.checkpoint.size >= says => SubmitError::Superseded,
        _ => SubmitError::Conflict(Conflict::Ahead { size: says }),
    }
}

/// A decimal number and a line feed.
fn size_in(body: &[u8]) -> Option<u64> {
    parse_decimal(std::str::from_utf8(body).ok()?.strip_suffix('\n')?)
}

/// The first line that is a cosignature of this key. Those of keys that are not known are passed over.
fn cosignature_in(body: &[u8], head: &SignedHead, witness: &VerifierKey) -> Option<KeptCosignature> {
    let text = std::str::from_utf8(body).ok()?.strip_suffix('\n')?;
    let mut lines = text
        .split('\n')
        .take(MAX_SIGNATURES)
        .filter_map(NoteSignature::parse);
    lines.find_map(|line| KeptCosignature::of(head, &line, witness))
}
