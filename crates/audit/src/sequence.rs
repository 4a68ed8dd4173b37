//! The sequencer: one holder of a lease gives committed entries their place in the log.
//!
//! Numbers are given after the commit, so writers never wait for one another; the price is that an entry is pending for a
//! moment, and [`crate::Report::pending`] says how many are.

use async_trait::async_trait;
use vutf_kernel::{EventId, Fault, Lease, Leases, PortError, Transaction};

use crate::{Anchor, Cursor, Finding, FindingKind, Leaf, Pending, chain::link};

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
    /// Where the intake row of an event stands in the order of commits; `None` without such a row.
    async fn cursor_of(&mut self, event: EventId) -> Result<Option<Cursor>, PortError>;
    /// At most `limit` intake rows without a leaf, in the order of [`crate::Cursor`], and only such that no row with a
    /// smaller cursor can still commit.
    async fn pending(&mut self, limit: u32) -> Result<Vec<Pending>, PortError>;
    /// Inserts leaves. There is no way to change one.
    async fn append(&mut self, leaves: &[Leaf]) -> Result<(), PortError>;
}

/// What a batch came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// So many events have their places now, and this is the head, unless the log is empty.
    Placed(u32, Option<Anchor>),
    /// Somebody else has placed events since the head was noted: [`crate::advance`] first.
    Behind,
}

/// Why a batch was not placed.
#[derive(Debug, thiserror::Error)]
pub enum SequenceError {
    /// The log is not the one that was noted, or its head not as it was written: to go on would seal what was done to it.
    #[error("{0}")]
    Tampered(Finding),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Gives at most `limit` pending entries their numbers, in one transaction, if the log still ends with the head that was
/// `noted` outside of the database. Without one, whatever head there is counts.
///
/// # Errors
/// The store's, or what was found.
pub async fn sequence_after(
    store: &dyn SequencerStore,
    lease: &Lease,
    limit: u32,
    noted: Option<Anchor>,
) -> Result<Batch, SequenceError> {
    let mut tx = store.begin(lease).await?;
    let head = tx.head().await?;
    let same = noted.map_or(Ok(true), |noted| noted.hold_against(head.as_ref()));
    if !same.map_err(SequenceError::Tampered)? {
        tx.rollback().await?;
        return Ok(Batch::Behind);
    }
    if let Some(head) = &head
        && tx.cursor_of(head.event_id).await? != Some(head.cursor)
    {
        let detail = "leaf and event differ in xid or ord, or the event is gone";
        let found = Finding::new(head.seq, FindingKind::CursorChanged, detail);
        return Err(SequenceError::Tampered(found));
    }
    let pending = tx.pending(limit).await?;
    if pending.is_empty() {
        tx.rollback().await?;
        return Ok(Batch::Placed(0, head.as_ref().map(Anchor::of)));
    }
    let leaves = link(head.as_ref(), &pending);
    tx.append(&leaves).await?;
    tx.commit().await?;
    let placed = u32::try_from(leaves.len()).unwrap_or(u32::MAX);
    Ok(Batch::Placed(placed, leaves.last().map(Anchor::of)))
}

/// [`sequence_after`] whatever head there is; answers how many events were placed.
///
/// # Errors
/// The store's; [`Fault::Other`] when the head is not as it was written.
pub async fn sequence_batch(store: &dyn SequencerStore, lease: &Lease, limit: u32) -> Result<u32, PortError> {
    match sequence_after(store, lease, limit, None).await {
        Ok(Batch::Placed(placed, _)) => Ok(placed),
        Ok(Batch::Behind) => Ok(0),
        Err(SequenceError::Port(error)) => Err(error),
        Err(found @ SequenceError::Tampered(_)) => Err(PortError::new("audit.sequence", Fault::Other, found)),
    }
}
