//! How a noted head moves on: by what was signed since, or entry by entry.

use vutf_kernel::PortError;

use crate::{
    Advance, Anchor, Finding, FindingKind, Leaf, LogReader, NotedHead, SignedCheckpoint, advance,
    merkle::ProofError,
    tlog::{Checkpoint, VerifierKey},
    tree::{TreeError, follows, open_checkpoint, root},
};

/// Where a noted head has moved to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdvanceHead {
    /// The newest checkpoint is signed, and its tree begins with the one that was noted; `None` in an empty log.
    To(Option<NotedHead>),
    /// Something does not fit.
    Found(Finding),
}

/// Moves a noted head to the newest checkpoint, when that is signed by one of `keys` and its tree begins with the noted one: a
/// few hashes, however many entries lie between. Where there is no checkpoint yet, [`advance`] does it entry by entry.
///
/// # Errors
/// The reader's.
pub async fn advance_signed(
    reader: &dyn LogReader,
    noted: Option<&NotedHead>,
    keys: &[VerifierKey],
) -> Result<AdvanceHead, PortError> {
    let Some(latest) = reader.latest().await? else {
        return by_entries(reader, noted).await;
    };
    let judged = match judge(reader, noted, &latest, keys).await? {
        Ok(checkpoint) => checkpoint,
        Err(found) => return Ok(AdvanceHead::Found(found)),
    };
    let Some(leaf) = last_leaf(reader, judged.size).await? else {
        let detail = "the entry that the newest checkpoint ends with is gone";
        return Ok(found(judged.size, FindingKind::LeafMissing, detail));
    };
    let moved = NotedHead::of(&leaf, Some(latest.note));
    match noted {
        Some(noted) if noted.anchor.seq == leaf.seq && noted.anchor.chain != leaf.chain => {
            Ok(AdvanceHead::Found(noted.anchor.mismatch()))
        }
        _ => Ok(AdvanceHead::To(Some(moved))),
    }
}

async fn by_entries(reader: &dyn LogReader, noted: Option<&NotedHead>) -> Result<AdvanceHead, PortError> {
    let from = match noted {
        Some(noted) if noted.note.is_some() => {
            let detail = "there is no checkpoint any more, though one was noted outside the database";
            let found = Finding::new(noted.anchor.seq, FindingKind::CheckpointChanged, detail);
            return Ok(AdvanceHead::Found(found));
        }
        Some(noted) => Some(noted.anchor),
        None => reader.head().await?.as_ref().map(Anchor::of),
    };
    let Some(from) = from else {
        return Ok(AdvanceHead::To(None));
    };
    Ok(match advance(reader, from).await? {
        Advance::To(anchor) => AdvanceHead::To(Some(NotedHead { anchor, note: None })),
        Advance::Found(found) => AdvanceHead::Found(found),
    })
}

/// The newest checkpoint, when it is believed and goes on from the noted one.
async fn judge(
    reader: &dyn LogReader,
    noted: Option<&NotedHead>,
    latest: &SignedCheckpoint,
    keys: &[VerifierKey],
) -> Result<Result<Checkpoint, Finding>, PortError> {
    let wrong = |detail: String| finding(latest.size, FindingKind::CheckpointChanged, detail);
    let new = match open_checkpoint(&latest.note, keys) {
        Ok(new) => new,
        Err(error) => return Ok(Err(wrong(format!("the newest checkpoint: {error}")))),
    };
    match root(reader, new.size).await {
        Ok(root) if root == new.root => {}
        Err(TreeError::Port(error)) => return Err(error),
        _ => {
            return Ok(Err(wrong(
                "the newest checkpoint is not that of the log at its size".into(),
            )));
        }
    }
    let Some(old) = noted.and_then(|noted| noted.note.as_deref()) else {
        return Ok(Ok(new));
    };
    let old = match open_checkpoint(old, keys) {
        Ok(old) => old,
        Err(error) => return Ok(Err(wrong(format!("the checkpoint that was noted: {error}")))),
    };
    match follows(reader, &old, &new).await {
        Ok(()) => Ok(Ok(new)),
        Err(TreeError::Port(error)) => Err(error),
        Err(TreeError::Proof(ProofError::Sizes { .. })) => {
            let detail = format!(
                "the log ends here, though a tree of {} entries was noted",
                old.size
            );
            Ok(Err(finding(
                new.size.saturating_add(1),
                FindingKind::LeafMissing,
                detail,
            )))
        }
        Err(TreeError::Proof(error)) => {
            let detail = format!("the newest checkpoint does not go on from the one that was noted: {error}");
            Ok(Err(finding(old.size, FindingKind::AnchorMismatch, detail)))
        }
    }
}

async fn last_leaf(reader: &dyn LogReader, size: u64) -> Result<Option<Leaf>, PortError> {
    let Some(seq) = size.checked_sub(1).and_then(|seq| i64::try_from(seq).ok()) else {
        return Ok(None);
    };
    let entries = reader.entries(seq, 1).await?;
    Ok(entries
        .into_iter()
        .map(|entry| entry.leaf)
        .find(|leaf| leaf.seq == seq))
}

/// At the last entry that a checkpoint covers.
fn finding(size: u64, kind: FindingKind, detail: String) -> Finding {
    let seq = i64::try_from(size.saturating_sub(1)).unwrap_or(i64::MAX);
    Finding::new(seq, kind, detail)
}

fn found(size: u64, kind: FindingKind, detail: &str) -> AdvanceHead {
    AdvanceHead::Found(finding(size, kind, detail.to_owned()))
}
