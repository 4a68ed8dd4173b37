//! Reading the log: in its own order, by id, by search.

use std::time::Duration;

use async_trait::async_trait;
use vutf_kernel::{EventId, Page, PageRequest, PortError};

use crate::{Cursor, EventFilter, Leaf, Misfit, StoredIntake, TreeReader};

/// How much earlier than the last event with a place one without may have happened. Far more than any transaction takes: what
/// waits in PostgreSQL for an older transaction holds the later ones back as well.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A place in the log and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The place.
    pub leaf: Leaf,
    /// The event, found by `leaf.event_id`; `None` when the row is gone, which is a finding unless it was pruned.
    pub intake: Option<StoredIntake>,
    /// The event that is said to have pruned it.
    pub pruned: Option<EventId>,
    /// Where the event's row stands now in the order of commits; the leaf says where it stood.
    pub cursor: Option<Cursor>,
    /// What the reader itself found: a row that cannot be read, a reference in another tenant.
    pub misfit: Option<Misfit>,
}

/// Rows that belong to no entry and should not be there; one of each kind, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// An event without a place, although a later one has its own.
    pub passed_over: Option<EventId>,
    /// An event that is not there, and that a reference to a subject names.
    pub orphan_reference: Option<EventId>,
    /// An event without a place that this service did not write, as far as its key is at hand.
    pub forged: Option<EventId>,
    /// A node or a checkpoint that lies where no tree has one, so that nothing else would meet it.
    pub outside_tree: Option<Misfit>,
}

/// What is missing of the database's own protection, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// Tables that are not there, or are something else.
    pub missing_tables: Vec<String>,
    /// Triggers that are not there or do not fire.
    pub missing_triggers: Vec<String>,
}

/// An event, whether it has its place already or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The event.
    pub intake: StoredIntake,
    /// Its place; `None` while it is pending.
    pub leaf: Option<Leaf>,
    /// Names of private parts that cannot be read any more, because the person who acted was erased. The entry and its
    /// commitments are as they were.
    pub erased: Vec<String>,
}

/// The log as its readers see it. Nothing here writes.
#[async_trait]
pub trait LogReader: TreeReader {
    /// At most `limit` entries with `seq >= from_seq`, ordered by `seq`. A gap stays a gap; empty only at the end.
    async fn entries(&self, from_seq: i64, limit: u32) -> Result<Vec<LogEntry>, PortError>;
    /// The last leaf; `None` while the log is empty.
    async fn head(&self) -> Result<Option<Leaf>, PortError>;
    /// How many intake rows have no leaf, counted by absence of the leaf and not from the last cursor, so that a row that
    /// was passed over shows.
    async fn pending_count(&self) -> Result<u64, PortError>;
    /// What should not be there beside a log that ends with `head`. An event is passed over when it stands before the head in
    /// the order of commits, or happened more than [`PATIENCE`] before the head's event.
    async fn strays(&self, head: Option<&Leaf>) -> Result<Strays, PortError>;
    /// What the database itself does against changes; nothing is missing where there is no such thing.
    async fn protection(&self) -> Result<Protection, PortError>;
    /// One event, of any tenant: the caller checks `intake.organization_id`.
    async fn entry(&self, id: EventId) -> Result<Option<Record>, PortError>;
    /// The events that `filter` matches, in its order of ids, which is the order in which they happened to the millisecond.
    /// [`PageRequest::after`] is what the page before gave as [`Page::next`], whichever the order. A page may hold fewer than were
    /// asked for, or none, and have a next one all the same: a store bounds what it looks at for one page.
    async fn search(&self, filter: &EventFilter, page: &PageRequest) -> Result<Page<Record>, PortError>;
}
