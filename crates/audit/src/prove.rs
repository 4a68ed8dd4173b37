//! What a caller can be shown so that a stranger believes it: proofs, and the tree that they come from.
//!
//! Hashes and signatures tell nothing about anybody, so that to look at them is no event; a proof names an event, and is one.

use vutf_kernel::{Class, Ctx, EventId, PortError, UseCaseError};

use crate::{
    Access, AccessError, Record,
    access::{action, entry_for},
    merkle::{Hash, ProofError, TILE_WIDTH, TileId},
    tlog::{
        Checkpoint, Note, TlogProof, VerifierKey,
        publish::{Cosignatures, cosigned_checkpoint, quorum_size},
    },
    tree::{TreeError, consistency_proof, inclusion_proof},
};

/// Why nothing is proved.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The caller may not see it, or there is no such event.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The event has no place yet, or the head that covers it is not signed yet.
    #[error("the event has no place in a signed tree yet; try again in a moment")]
    NotSequenced,
    /// Nothing is signed yet, or by too few witnesses.
    #[error("there is no such checkpoint yet; try again in a moment")]
    NoCheckpoint,
    /// The tree has no such tile, or not as wide.
    #[error("the tree has no such tile yet")]
    NoTile,
    /// Sizes between which nothing can be proved.
    #[error("take sizes from 1 up to the newest checkpoint's, {size}, the smaller one first")]
    Sizes {
        /// The newest checkpoint's.
        size: u64,
    },
    /// The tree does not hold together.
    #[error("the tree is not what was signed")]
    Tree(#[source] ProofError),
}

impl ProveError {
    /// Which status it becomes.
    pub fn class(&self) -> Class {
        match self {
            Self::Access(error) => error.class(),
            Self::NotSequenced => Class::Conflict,
            Self::NoCheckpoint | Self::NoTile => Class::NotFound,
            Self::Sizes { .. } => Class::Invalid,
            Self::Tree(_) => Class::Internal,
        }
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Access(error) => error.code(),
            Self::NotSequenced => "not_sequenced",
            Self::NoCheckpoint | Self::NoTile => "not_found",
            Self::Sizes { .. } => "tree_sizes",
            Self::Tree(_) => "internal",
        }
    }
}

impl UseCaseError for ProveError {
    fn port(&self) -> Option<&PortError> {
        match self {
            Self::Access(error) => error.port(),
            _ => None,
        }
    }
}

impl From<PortError> for ProveError {
    fn from(error: PortError) -> Self {
        Self::Access(error.into())
    }
}

impl From<TreeError> for ProveError {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::Port(error) => error.into(),
            TreeError::Proof(error) => Self::Tree(error),
        }
    }
}

/// Under which checkpoint something is shown.
#[derive(Clone, Copy)]
pub enum Under<'a> {
    /// The newest that the log signed.
    Newest,
    /// The newest that enough witnesses have cosigned, with their cosignatures.
    Witnessed(Witnesses<'a>),
}

/// Who has to have seen a checkpoint.
#[derive(Clone, Copy)]
pub struct Witnesses<'a> {
    /// Where cosignatures are kept.
    pub kept: &'a dyn Cosignatures,
    /// Their keys.
    pub keys: &'a [VerifierKey],
    /// How many of them.
    pub quorum: usize,
}

/// Checkpoints looked at, for each witness: far more than lie between two that all of them have seen.
const LOOKED_AT: u32 = 16;

/// An event, and the proof that it is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventProof {
    /// The event.
    pub record: Record,
    /// Verifies with [`crate::leaf_hash`] of the record's body and the log's public key, and nothing else.
    pub proof: TlogProof,
}

/// That one tree begins with another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeConsistency {
    /// The smaller size.
    pub from: u64,
    /// The larger one.
    pub to: u64,
    /// RFC 9162, section 2.1.4.
    pub hashes: Vec<Hash>,
}

/// Shows that an event of the caller's tenant is in the log.
///
/// # Errors
/// The caller may not, or there is no such event; it has no place yet, or none under a checkpoint as `under` asks for; a port
/// failed.
pub async fn prove(
    ctx: &Ctx,
    log: Access<'_>,
    id: EventId,
    under: Under<'_>,
) -> Result<EventProof, ProveError> {
    let record = entry_for(ctx, log, id, action::PROVE).await?;
    let leaf = record.leaf.as_ref().ok_or(ProveError::NotSequenced)?;
    let index = u64::try_from(leaf.seq).map_err(|_| ProveError::NotSequenced)?;
    let (checkpoint, note) = head(log, under).await?;
    if checkpoint.size <= index {
        return Err(ProveError::NotSequenced);
    }
    let proof = TlogProof {
        extra: None,
        index,
        hashes: inclusion_proof(log.reader, index, checkpoint.size).await?,
        checkpoint: note,
    };
    Ok(EventProof { record, proof })
}

/// The newest signed checkpoint, as a note.
///
/// # Errors
/// The caller may not; there is no checkpoint as `under` asks for; a port failed.
pub async fn checkpoint(ctx: &Ctx, log: Access<'_>, under: Under<'_>) -> Result<String, ProveError> {
    log.admit(ctx, action::CHECKPOINT, action::CHECKPOINT.none())
        .await?;
    Ok(head(log, under).await?.1)
}

/// The first `width` hashes of a tile, one after another; only of what is under the newest checkpoint.
///
/// # Errors
/// The caller may not; there is no checkpoint, or not so much of this tile under it; a port failed.
pub async fn tile(ctx: &Ctx, log: Access<'_>, id: TileId, width: u64) -> Result<Vec<u8>, ProveError> {
    log.admit(ctx, action::TILE, action::TILE.none()).await?;
    let (checkpoint, _) = newest(log).await?;
    if width > id.width(checkpoint.size).min(TILE_WIDTH) {
        return Err(ProveError::NoTile);
    }
    let hashes = log.reader.tile(id).await?;
    let hashes = usize::try_from(width).ok().and_then(|width| hashes.get(..width));
    Ok(hashes.ok_or(ProveError::NoTile)?.concat())
}

/// Shows that the tree of `to` entries, by default the newest, begins with the tree of `from` entries.
///
/// # Errors
/// The caller may not; there is no checkpoint, or no two such sizes under it; a port failed.
pub async fn consistency(
    ctx: &Ctx,
    log: Access<'_>,
    from: u64,
    to: Option<u64>,
) -> Result<TreeConsistency, ProveError> {
    log.admit(ctx, action::CONSISTENCY, action::CONSISTENCY.none())
        .await?;
    let size = newest(log).await?.0.size;
    let to = to.unwrap_or(size);
    if from == 0 || from > to || to > size {
        return Err(ProveError::Sizes { size });
    }
    let hashes = consistency_proof(log.reader, from, to).await?;
    Ok(TreeConsistency { from, to, hashes })
}

async fn head(log: Access<'_>, under: Under<'_>) -> Result<(Checkpoint, String), ProveError> {
    let Under::Witnessed(witnesses) = under else {
        return newest(log).await;
    };
    let keys = u32::try_from(witnesses.keys.len()).unwrap_or(u32::MAX);
    let recent = witnesses.kept.newest(LOOKED_AT.saturating_mul(keys)).await?;
    let size =
        quorum_size(&recent, witnesses.keys, witnesses.quorum.max(1)).ok_or(ProveError::NoCheckpoint)?;
    let note = cosigned_checkpoint(witnesses.kept, size, witnesses.keys).await?;
    let note = note.ok_or(ProveError::NoCheckpoint)?;
    Ok((read(&note).ok_or(ProveError::NoCheckpoint)?, note))
}

fn read(note: &str) -> Option<Checkpoint> {
    Checkpoint::parse(Note::parse(note).ok()?.text()).ok()
}

async fn newest(log: Access<'_>) -> Result<(Checkpoint, String), ProveError> {
    let latest = log.reader.latest().await?.ok_or(ProveError::NoCheckpoint)?;
    Ok((read(&latest.note).ok_or(ProveError::NoCheckpoint)?, latest.note))
}
