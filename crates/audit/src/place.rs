//! A batch: what is pending gets its numbers, its nodes in the tree, and a signed head, in one transaction.

use std::collections::BTreeSet;

use vutf_kernel::{Lease, PortError, Timestamp};

use crate::{
    Batch, Finding, FindingKind, Leaf, NotedHead, Pending, SequenceError, SequencerStore, SequencerTx,
    Sequencing, SignedCheckpoint, TreeNode, Voucher,
    chain::link,
    merkle::{EMPTY_ROOT, Frontier, TILE_HEIGHT, TileId, Tiles, root_nodes},
    tree::{frontier_of, open_checkpoint, sign_checkpoint},
};

/// The end of the tree, remembered from one batch to the next; empty at first and after a failure.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    tree: Option<Frontier>,
    signed: Option<SignedCheckpoint>,
    kept_at: Option<Timestamp>,
}

/// Gives at most `how.limit` pending entries their numbers, puts them into the tree and signs its head, in one transaction, if
/// the log still ends with the head that was noted outside of the store, and everything that is pending was written by this
/// service.
///
/// # Errors
/// The store's and the signer's, or what was found.
pub async fn sequence_after(
    store: &dyn SequencerStore,
    lease: &Lease,
    how: &Sequencing<'_>,
    edge: &mut Edge,
) -> Result<Batch, SequenceError> {
    let remembered = std::mem::take(edge);
    let mut tx = store.begin(lease).await?;
    let head = tx.head().await?;
    let same = how
        .noted
        .map_or(Ok(true), |noted| noted.hold_against(head.as_ref()));
    if !same.map_err(SequenceError::Tampered)? {
        tx.rollback().await?;
        return Ok(Batch::Behind);
    }
    let vouched = check_head(&mut *tx, head.as_ref()).await?;
    let mut end = recall(&mut *tx, head.as_ref(), how, remembered).await?;
    let pending = tx.pending(how.limit).await?;
    check_vouchers(head.as_ref(), vouched, &pending)?;
    let leaves = link(head.as_ref(), &pending);
    if !leaves.is_empty() {
        let nodes = end.grow(&leaves);
        tx.append(&leaves, &nodes).await?;
    }
    if end.sign(&mut *tx, how).await? || !leaves.is_empty() {
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    let note = end.signed.as_ref().map(|signed| signed.note.clone());
    *edge = end;
    let placed = u32::try_from(leaves.len()).unwrap_or(u32::MAX);
    let last = leaves.last().or(head.as_ref());
    Ok(Batch::Placed(placed, last.map(|leaf| NotedHead::of(leaf, note))))
}

/// Whether the head's event was vouched for, after it was found where the leaf says.
async fn check_head(tx: &mut dyn SequencerTx, head: Option<&Leaf>) -> Result<bool, SequenceError> {
    let Some(head) = head else {
        return Ok(false);
    };
    match tx.standing(head.event_id).await? {
        Some(standing) if standing.cursor == head.cursor => Ok(standing.vouched),
        _ => {
            let detail = "leaf and event differ in xid or ord, or the event is gone";
            Err(tampered(head.seq, FindingKind::CursorChanged, detail))
        }
    }
}

/// Whoever can write to the store could otherwise add an event that never happened. Events without a voucher are those from
/// before there were keys: none follows one that has it.
fn check_vouchers(head: Option<&Leaf>, mut vouched: bool, pending: &[Pending]) -> Result<(), SequenceError> {
    let mut seq = head.map_or(0, |leaf| leaf.seq.saturating_add(1));
    for entry in pending {
        let known = match entry.voucher {
            Voucher::Service => true,
            Voucher::Nobody => !vouched,
            Voucher::Forged => false,
        };
        if !known {
            let detail = format!("event {} was not written by this service", entry.event_id);
            return Err(tampered(seq, FindingKind::Forged, &detail));
        }
        vouched |= entry.voucher == Voucher::Service;
        seq = seq.saturating_add(1);
    }
    Ok(())
}

/// The end of the tree over the log that ends with `head`: as it is remembered, or else from the store's nodes, which then must
/// be those that were signed.
async fn recall(
    tx: &mut dyn SequencerTx,
    head: Option<&Leaf>,
    how: &Sequencing<'_>,
    remembered: Edge,
) -> Result<Edge, SequenceError> {
    let size = head
        .and_then(|leaf| u64::try_from(leaf.seq).ok())
        .map_or(0, |seq| seq + 1);
    if remembered.tree.as_ref().is_some_and(|tree| tree.size() == size) {
        return Ok(remembered);
    }
    let mut tiles = Tiles::default();
    let wanted: BTreeSet<TileId> = root_nodes(size).into_iter().map(TileId::holding).collect();
    for id in wanted {
        tiles.insert(id, tx.tile(id).await?);
    }
    let seq = head.map_or(0, |leaf| leaf.seq);
    let tree = frontier_of(&tiles, size)
        .map_err(|error| tampered(seq, FindingKind::NodeChanged, &error.to_string()))?;
    let signed = tx.latest().await?;
    if let (Some(signed), Some(signer)) = (&signed, how.signer) {
        let keys = signer.verifiers()?;
        let believed = open_checkpoint(&signed.note, &keys)
            .map_err(|error| tampered(seq, FindingKind::CheckpointChanged, &error.to_string()))?;
        let root = if believed.size == 0 {
            EMPTY_ROOT
        } else {
            tree.root()
        };
        if believed.size > size || (believed.size == size && believed.root != root) {
            let detail = format!("the checkpoint of size {} is of another log", believed.size);
            return Err(tampered(seq, FindingKind::CheckpointChanged, &detail));
        }
    }
    Ok(Edge {
        tree: Some(tree),
        signed,
        kept_at: None,
    })
}

impl Edge {
    /// Appends to the tree; answers the nodes that a store keeps of it.
    fn grow(&mut self, leaves: &[Leaf]) -> Vec<TreeNode> {
        let mut nodes = Vec::new();
        let tree = self.tree.get_or_insert_default();
        for leaf in leaves {
            tree.append(leaf.leaf_hash, |level, index, hash| {
                if level > 0 && level.is_multiple_of(TILE_HEIGHT) {
                    let level = level / TILE_HEIGHT;
                    nodes.push(TreeNode {
                        level,
                        index,
                        hash: *hash,
                    });
                }
            });
        }
        nodes
    }

    /// Signs the head, unless it is signed already. Whether it did.
    async fn sign(&mut self, tx: &mut dyn SequencerTx, how: &Sequencing<'_>) -> Result<bool, PortError> {
        let (Some(signer), Some(tree)) = (how.signer, &self.tree) else {
            return Ok(false);
        };
        let size = tree.size();
        let stands = |signed: &SignedCheckpoint| signed.size == size;
        if size == 0 || self.signed.as_ref().is_some_and(stands) {
            return Ok(false);
        }
        let keep = self
            .kept_at
            .is_none_or(|kept| how.now.since(kept) >= how.keep_every);
        let kept = self.signed.as_ref().map_or(0, |signed| signed.kept) + u64::from(keep);
        let checkpoint = sign_checkpoint(signer, size, tree.root(), kept, how.now)?;
        tx.publish(&checkpoint, keep).await?;
        if keep {
            self.kept_at = Some(how.now);
        }
        self.signed = Some(checkpoint);
        Ok(true)
    }
}

fn tampered(seq: i64, kind: FindingKind, detail: &str) -> SequenceError {
    SequenceError::Tampered(Finding::new(seq, kind, detail))
}
