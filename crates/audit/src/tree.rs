//! The Merkle tree over the log as a store keeps it: which tiles an answer needs, and what follows from them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use vutf_kernel::{Fault, PortError, Timestamp};

use crate::{
    merkle::{
        Frontier, Hash, Node, Nodes, ProofError, TileId, Tiles, consistency_nodes, inclusion_nodes,
        prove_consistency, prove_inclusion, root_nodes, root_of, verify_consistency,
    },
    tlog::{Checkpoint, KeyName, Note, NoteSignature, VerifierKey},
};

/// A node on the lowest level of a tile, above the leaf hashes: what a store keeps so that nothing has to be hashed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeNode {
    /// The level of its tile: 1 for the roots of 256 entries, 2 for those of 65,536, …
    pub level: u8,
    /// Counted from the left, within its level.
    pub index: u64,
    /// It.
    pub hash: Hash,
}

/// A checkpoint with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// How many entries the tree has. A copy, by which it is found: what counts stands in the note.
    pub size: u64,
    /// The signed note, as it is served.
    pub note: String,
    /// When.
    pub signed_at: Timestamp,
    /// Of a kept one: its number among those, from 1. Of the newest: how many are kept.
    pub kept: u64,
}

/// The tree as its readers see it. Nothing here writes.
#[async_trait]
pub trait TreeReader: Send + Sync {
    /// The hashes of a tile from the left, as many as there are: at most 256.
    async fn tile(&self, id: TileId) -> Result<Vec<Hash>, PortError>;
    /// The newest checkpoint; `None` before the first.
    async fn latest(&self) -> Result<Option<SignedCheckpoint>, PortError>;
    /// At most `limit` of the checkpoints that are kept for good, with a size of at least `from_size`, ordered by size.
    async fn checkpoints(&self, from_size: u64, limit: u32) -> Result<Vec<SignedCheckpoint>, PortError>;
    /// At most `limit` nodes of a level (1 or above), from `from_index` on, in their order.
    async fn nodes(&self, level: u8, from_index: u64, limit: u32) -> Result<Vec<TreeNode>, PortError>;
}

/// Signs checkpoints with a key that the store does not hold.
pub trait CheckpointSigner: Send + Sync {
    /// The log's name, which is the first line of every checkpoint.
    fn origin(&self) -> &KeyName;
    /// Signs a note's text; with several keys while one succeeds another.
    ///
    /// # Errors
    /// No key is at hand.
    fn sign(&self, text: &str) -> Result<Vec<NoteSignature>, PortError>;
    /// The public keys whose signatures are believed.
    ///
    /// # Errors
    /// The keys cannot be read.
    fn verifiers(&self) -> Result<Vec<VerifierKey>, PortError>;
}

/// Why the tree gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// What was asked for cannot be shown, or the tree does not hold together.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The end of the tree of `size` entries.
///
/// # Errors
/// [`ProofError::Missing`] when the store lacks a node.
pub async fn frontier(reader: &dyn TreeReader, size: u64) -> Result<Frontier, TreeError> {
    let wanted = root_nodes(size);
    let tiles = gather(reader, &wanted).await?;
    Ok(frontier_of(&tiles, size)?)
}

/// The same from tiles that are at hand.
///
/// # Errors
/// [`ProofError::Missing`].
pub fn frontier_of(tiles: &dyn Nodes, size: u64) -> Result<Frontier, ProofError> {
    let peaks = root_nodes(size)
        .into_iter()
        .map(|node| tiles.node(node).ok_or(ProofError::Missing(node)))
        .collect::<Result<_, _>>()?;
    // One peak for each bit of the size, by construction.
    Ok(Frontier::from_parts(size, peaks).unwrap_or_default())
}

/// The root of the tree of `size` entries.
///
/// # Errors
/// [`ProofError::Missing`] when the store lacks a node.
pub async fn root(reader: &dyn TreeReader, size: u64) -> Result<Hash, TreeError> {
    let tiles = gather(reader, &root_nodes(size)).await?;
    Ok(root_of(&tiles, size)?)
}

/// That the entry `index` is in the tree of `size` entries.
///
/// # Errors
/// [`ProofError::Beyond`], or a node is missing.
pub async fn inclusion_proof(reader: &dyn TreeReader, index: u64, size: u64) -> Result<Vec<Hash>, TreeError> {
    let wanted = inclusion_nodes(index, size)?.concat();
    let tiles = gather(reader, &wanted).await?;
    Ok(prove_inclusion(&tiles, index, size)?)
}

/// That the tree of `new` entries begins with the tree of `old` entries.
///
/// # Errors
/// [`ProofError::Sizes`], or a node is missing.
pub async fn consistency_proof(reader: &dyn TreeReader, old: u64, new: u64) -> Result<Vec<Hash>, TreeError> {
    let wanted = consistency_nodes(old, new)?.concat();
    let tiles = gather(reader, &wanted).await?;
    Ok(prove_consistency(&tiles, old, new)?)
}

/// Whether the tree that ends with `new` goes on from the one that ended with `old`, by the store's own nodes.
///
/// # Errors
/// It does not, or a node is missing.
pub async fn follows(reader: &dyn TreeReader, old: &Checkpoint, new: &Checkpoint) -> Result<(), TreeError> {
    if old.size == 0 {
        return Ok(());
    }
    let proof = consistency_proof(reader, old.size, new.size).await?;
    Ok(verify_consistency(
        old.size, new.size, &proof, &old.root, &new.root,
    )?)
}

/// The tiles that hold these nodes.
async fn gather(reader: &dyn TreeReader, nodes: &[Node]) -> Result<Tiles, PortError> {
    let ids: BTreeSet<TileId> = nodes.iter().map(|node| TileId::holding(*node)).collect();
    let mut tiles = Tiles::default();
    for id in ids {
        tiles.insert(id, reader.tile(id).await?);
    }
    Ok(tiles)
}

/// Signs the head of a tree; with it so many checkpoints are kept.
///
/// # Errors
/// The signer's.
pub fn sign_checkpoint(
    signer: &dyn CheckpointSigner,
    size: u64,
    root: Hash,
    kept: u64,
    now: Timestamp,
) -> Result<SignedCheckpoint, PortError> {
    let checkpoint = Checkpoint {
        origin: signer.origin().clone(),
        size,
        root,
    };
    let text = checkpoint.text();
    let signatures = signer.sign(&text)?;
    let note = Note::new(text, signatures)
        .map_err(|error| PortError::new("audit.checkpoint", Fault::Other, error))?;
    Ok(SignedCheckpoint {
        size,
        note: note.to_string(),
        signed_at: now,
        kept,
    })
}

/// The checkpoint in a note that one of `keys` has signed, or why it is not believed.
///
/// # Errors
/// Not signed by any of them, or no checkpoint of that log.
pub fn open_checkpoint(note: &str, keys: &[VerifierKey]) -> Result<Checkpoint, crate::tlog::TrustError> {
    let mut refusal = None;
    for key in keys {
        match crate::tlog::TrustPolicy::of(key.clone()).verify(note) {
            Ok(trusted) => return Ok(trusted.checkpoint),
            Err(error) => refusal = Some(error),
        }
    }
    Err(refusal.unwrap_or(crate::tlog::TrustError::NoKey))
}
