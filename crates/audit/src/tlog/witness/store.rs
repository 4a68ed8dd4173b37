//! What a witness remembers, and the one thing that it does.

use async_trait::async_trait;
use vutf_kernel::{Clock, Fault, PortError};

use super::{KnownLogs, Refusal, Submission};
use crate::tlog::{Checkpoint, Cosigner, KeyName, Note, VerifierKey, checkpoint::Head, policy::cosigned_at};

/// Races that a request may lose before it is given up; each means that another one was cosigned.
const RACES: u32 = 16;

/// The last checkpoint of a log that was cosigned. As text it is a signed note: the log's signatures, then the cosignature. It
/// vouches for itself, so that what somebody else wrote is not taken for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    checkpoint: Checkpoint,
    note: Note,
    time: u64,
}

/// A note that is not what this witness keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint that this witness has cosigned")]
pub struct CosignedError;

impl Cosigned {
    /// Reads [`Self::note`], and verifies that it was cosigned by this key.
    pub fn read(note: &str, witness: &VerifierKey) -> Result<Self, CosignedError> {
        let note = Note::parse(note).map_err(|_| CosignedError)?;
        let time = cosigned_at(&note, witness).map_err(|_| CosignedError)?;
        let head = Head::parse(note.text()).ok_or(CosignedError)?;
        let checkpoint = head.checkpoint().ok_or(CosignedError)?;
        let time = time.ok_or(CosignedError)?;
        Ok(Self {
            checkpoint,
            note,
            time,
        })
    }

    /// What was cosigned.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// When: POSIX seconds.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// The signed note.
    pub fn note(&self) -> &Note {
        &self.note
    }
}

/// Two checkpoints of one log, both signed by it, of which the second does not continue the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// Which log.
    pub origin: KeyName,
    /// What was cosigned.
    pub cosigned: Note,
    /// What was refused.
    pub refused: Note,
    /// Whether the two alone prove it: they have one size and two roots. Otherwise the proof that came with the second did not
    /// verify, for which there may be other reasons.
    pub proves_fork: bool,
}

/// Where a witness keeps what it must not forget.
#[async_trait]
pub trait WitnessStore: Send + Sync {
    /// What was cosigned last for this log.
    async fn last(&self, origin: &KeyName) -> Result<Option<Cosigned>, PortError>;

    /// Puts `next` in the place of `last`, for good when this returns; `false`, and nothing done, when something else than
    /// `last` is there.
    async fn replace(&self, last: Option<&Cosigned>, next: &Cosigned) -> Result<bool, PortError>;

    /// Keeps evidence, each only once. Anybody can make requests whose proof does not verify, the log alone those that prove a fork:
    /// where there is a bound, each kind has its own.
    async fn keep_evidence(&self, evidence: &Contradiction) -> Result<(), PortError>;
}

/// A witness at work.
#[derive(Clone, Copy)]
pub struct Witness<'a> {
    /// Whom it follows.
    pub logs: &'a KnownLogs,
    /// Its key.
    pub signer: &'a Cosigner,
    /// Its memory.
    pub store: &'a dyn WitnessStore,
    /// For the time in cosignatures.
    pub clock: &'a dyn Clock,
}

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The request is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be remembered, so it is not cosigned.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Witness<'_> {
    /// The request `add-checkpoint`: answers what is cosigned now, which is remembered already.
    pub async fn add_checkpoint(&self, body: &[u8]) -> Result<Cosigned, WitnessError> {
        let submission = Submission::read(self.logs, body)?;
        for _ in 0..RACES {
            let last = self.store.last(submission.origin()).await?;
            if let Err(refusal) = submission.judge(last.as_ref()) {
                self.keep_evidence(&submission, last.as_ref(), &refusal).await?;
                return Err(refusal.into());
            }
            let next = self.cosign(&submission, last.as_ref());
            if self.store.replace(last.as_ref(), &next).await? {
                return Ok(next);
            }
        }
        let cause = "others were cosigned all the time";
        Err(PortError::new("witness.replace", Fault::Contention, cause).into())
    }

    /// A cosignature says that nothing larger was seen at its time: a clock that steps back must not make it precede the last one.
    fn cosign(&self, submission: &Submission, last: Option<&Cosigned>) -> Cosigned {
        let now = u64::try_from(self.clock.now().as_secs()).unwrap_or(0).max(1);
        let time = last.map_or(now, |last| now.max(last.time));
        let mut note = submission.note.clone();
        note.sign(self.signer.cosign(time, note.text()));
        Cosigned {
            checkpoint: submission.checkpoint.clone(),
            note,
            time,
        }
    }

    async fn keep_evidence(
        &self,
        submission: &Submission,
        last: Option<&Cosigned>,
        refusal: &Refusal,
    ) -> Result<(), PortError> {
        let Some(last) = last else { return Ok(()) };
        let proves_fork = submission.contradicts(last);
        if !proves_fork && !matches!(refusal, Refusal::Inconsistent(_)) {
            return Ok(());
        }
        let evidence = Contradiction {
            origin: submission.origin().clone(),
            cosigned: last.note.clone(),
            refused: submission.note.clone(),
            proves_fork,
        };
        self.store.keep_evidence(&evidence).await
    }
}
