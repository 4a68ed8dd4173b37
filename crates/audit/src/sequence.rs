//! The sequencer: one holder of a lease gives committed entries their place in the log.
//!
//! Numbers are given after the commit, so writers never wait for one another; the price is that an entry is pending for a
//! moment, and [`crate::Report::pending`] says how many are.

use std::time::Duration;

use async_trait::async_trait;
use vutf_kernel::{EventId, Fault, Lease, Leases, PortError, Timestamp, Transaction};

use crate::{
    Anchor, CheckpointSigner, Edge, Finding, Leaf, NotedHead, Pending, SignedCheckpoint, Standing, TreeNode,
    merkle::{Hash, TileId},
    place::sequence_after,
};

/// The name of the lease that a sequencer holds.
pub const SEQUENCER_LEASE: &str = "audit-sequencer";

/// The store as the sequencer sees it.
#[async_trait]
pub trait SequencerStore: Leases {
    /// A transaction under `lease`. Its commit fails with [`vutf_kernel::Fault::Stale`] once the lease's epoch was
    /// overtaken.
    async fn begin(&self, lease: &Lease) -> Result<Box<dyn SequencerTx>, PortError>;
}

/// One batch.
#[async_trait]
pub trait SequencerTx: Transaction {
    /// The last leaf; `None` while the log is empty.
    async fn head(&mut self) -> Result<Option<Leaf>, PortError>;
    /// How the intake row of an event stands; `None` without such a row.
    async fn standing(&mut self, event: EventId) -> Result<Option<Standing>, PortError>;
    /// At most `limit` intake rows without a leaf, in the order of [`crate::Cursor`], and only such that no row with a
    /// smaller cursor can still commit.
    async fn pending(&mut self, limit: u32) -> Result<Vec<Pending>, PortError>;
    /// The hashes of a tile from the left, as many as there are.
    async fn tile(&mut self, id: TileId) -> Result<Vec<Hash>, PortError>;
    /// The newest checkpoint; `None` before the first.
    async fn latest(&mut self) -> Result<Option<SignedCheckpoint>, PortError>;
    /// Inserts leaves and the nodes that they complete. There is no way to change one.
    async fn append(&mut self, leaves: &[Leaf], nodes: &[TreeNode]) -> Result<(), PortError>;
    /// Puts the newest checkpoint in the place of the one before; `keep` it among those that are kept for good, too.
    async fn publish(&mut self, checkpoint: &SignedCheckpoint, keep: bool) -> Result<(), PortError>;
}

/// How a batch is placed.
#[derive(Clone, Copy)]
pub struct Sequencing<'a> {
    /// Events at most.
    pub limit: u32,
    /// The head that was noted outside of the store; without one, whatever head there is counts.
    pub noted: Option<Anchor>,
    /// Signs the new head. Without one no checkpoint is made.
    pub signer: Option<&'a dyn CheckpointSigner>,
    /// How far apart checkpoints are that are kept for good.
    pub keep_every: Duration,
    /// The time.
    pub now: Timestamp,
}

impl Sequencing<'_> {
    /// Whatever head there is, and without a checkpoint.
    pub const fn unsigned(limit: u32) -> Self {
        Self {
            limit,
            noted: None,
            signer: None,
            keep_every: Duration::ZERO,
            now: Timestamp::from_micros(0),
        }
    }
}

/// What a batch came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Batch {
    /// So many events have their places now, and this is the head, unless the log is empty.
    Placed(u32, Option<NotedHead>),
    /// Somebody else has placed events since the head was noted: [`crate::advance`] first.
    Behind,
}

/// Why a batch was not placed.
#[derive(Debug, thiserror::Error)]
pub enum SequenceError {
    /// The log is not the one that was noted, or not as it was written: to go on would seal what was done to it.
    #[error("{0}")]
    Tampered(Finding),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// [`sequence_after`] whatever head there is, without a checkpoint; answers how many events were placed.
///
/// # Errors
/// The store's; [`Fault::Other`] when the log is not as it was written.
pub async fn sequence_batch(store: &dyn SequencerStore, lease: &Lease, limit: u32) -> Result<u32, PortError> {
    let how = Sequencing::unsigned(limit);
    match sequence_after(store, lease, &how, &mut Edge::default()).await {
        Ok(Batch::Placed(placed, _)) => Ok(placed),
        Ok(Batch::Behind) => Ok(0),
        Err(SequenceError::Port(error)) => Err(error),
        Err(found @ SequenceError::Tampered(_)) => Err(PortError::new("audit.sequence", Fault::Other, found)),
    }
}
