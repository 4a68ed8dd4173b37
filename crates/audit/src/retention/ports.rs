//! The store as retention sees it.

use async_trait::async_trait;
use vutf_kernel::{
    EventId, EventSink, HoldId, Lease, Leases, OrganizationId, PortError, PruneRunId, Timestamp, Transaction,
    Units,
};

use super::{Doer, Facts, Hold, Removal};
use crate::{LogEntry, SignedCheckpoint};

/// An entry that is to be removed, with what shows that it is as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The entry.
    pub entry: LogEntry,
    /// The chain hash of the entry before it; that of an empty log for the first.
    pub previous: [u8; 32],
}

/// How many events of an action there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// The action.
    pub action: String,
    /// How many.
    pub count: u64,
    /// When the oldest of them happened.
    pub oldest: Timestamp,
}

/// A run that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneRun {
    /// Its id.
    pub id: PruneRunId,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// By whom.
    pub requested_by: Doer,
    /// The version of the policy at that time.
    pub policy: String,
    /// Entries that it removed so far.
    pub removed: u64,
    /// How it ended; `None` while it is under way.
    pub end: Option<RunEnd>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// When.
    pub at: Timestamp,
    /// What stopped it; `None` when it came to its end.
    pub finding: Option<String>,
}

/// Runs and holds, and what may be removed.
#[async_trait]
pub trait RetentionStore: Units<dyn RetentionTx> + Leases {
    /// At most `limit` events with a place that happened before `before`, in the order of ids, after the id `after`. As columns
    /// tell them. Whose data they touched is told only if `with_subjects`.
    async fn scan(
        &self,
        after: Option<EventId>,
        before: Timestamp,
        limit: u32,
        with_subjects: bool,
    ) -> Result<Vec<Facts>, PortError>;
    /// The entries of these numbers, in their order; those that are there.
    async fn candidates(&self, seqs: &[i64]) -> Result<Vec<Candidate>, PortError>;
    /// Events by action.
    async fn census(&self) -> Result<Vec<Census>, PortError>;
    /// All holds, released ones too, oldest first; of one tenant, or of all.
    async fn holds(&self, placed_in: Option<OrganizationId>) -> Result<Vec<Hold>, PortError>;
    /// The bodies of all events about holds that the service itself has written, of every tenant, in the order of ids.
    async fn hold_events(&self) -> Result<Vec<Vec<u8>>, PortError>;
    /// The newest runs, newest first.
    async fn runs(&self, limit: u32) -> Result<Vec<PruneRun>, PortError>;
    /// The oldest run that has no end.
    async fn open_run(&self) -> Result<Option<PruneRun>, PortError>;
    /// Makes room for the events of the months ahead, where a store needs that; names what was made.
    async fn make_months(&self, now: Timestamp) -> Result<Vec<String>, PortError>;
    /// Gives the room of past months back that hold no event any more; names what was removed.
    async fn drop_empty_months(&self) -> Result<Vec<String>, PortError>;
}

/// A transaction of retention.
#[async_trait]
pub trait RetentionTx: Transaction {
    /// Takes events into this transaction.
    fn log(&mut self) -> &mut dyn EventSink;
    /// Fails with [`vutf_kernel::Fault::Stale`] once the lease was overtaken; nobody can overtake it before the end of the
    /// transaction.
    async fn fence(&mut self, lease: &Lease) -> Result<(), PortError>;
    /// The newest checkpoint.
    async fn checkpoint(&mut self) -> Result<Option<SignedCheckpoint>, PortError>;
    /// Adds a hold; `event` tells of it.
    async fn add_hold(&mut self, hold: &Hold, event: EventId) -> Result<(), PortError>;
    /// A hold of a tenant.
    async fn find_hold(&mut self, placed_in: OrganizationId, id: HoldId) -> Result<Option<Hold>, PortError>;
    /// Releases it. [`vutf_kernel::Fault::Duplicate`] when somebody was faster.
    async fn release_hold(
        &mut self,
        id: HoldId,
        at: Timestamp,
        by: &Doer,
        event: EventId,
    ) -> Result<(), PortError>;
    /// Adds a run without an end; `event` tells of it.
    async fn add_run(&mut self, run: &PruneRun, event: EventId) -> Result<(), PortError>;
    /// Ends a run.
    async fn end_run(&mut self, id: PruneRunId, end: &RunEnd) -> Result<(), PortError>;
    /// Removes the entries of `removal`; `event`, which tells of it, is in this transaction already. The database itself checks
    /// that they are old enough, that none is held, and that each is removed by this event.
    ///
    /// # Errors
    /// It refuses, or one of the entries is not there.
    async fn remove(&mut self, event: EventId, removal: &Removal, now: Timestamp) -> Result<(), PortError>;
}
