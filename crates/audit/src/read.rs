//! Reading the log: in its own order, by id, by search.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;
use vutf_kernel::{EventId, OrganizationId, Page, PageRequest, PortError, Timestamp, UserId};

use crate::{Cursor, Leaf, Misfit, StoredIntake, TreeReader};

/// How much earlier than the last event with a place one without may have happened. Far more than any transaction takes: what
/// waits in PostgreSQL for an older transaction holds the later ones back as well.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A place in the log and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The place.
    pub leaf: Leaf,
    /// The event, found by `leaf.event_id`; `None` when the row is gone, which is a finding.
    pub intake: Option<StoredIntake>,
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

/// How an event ended, without the reason: what [`vutf_kernel::Outcome::as_str`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was done.
    Success,
    /// A rule refused it.
    Refused,
    /// It failed for a technical reason.
    Failed,
}

impl Ending {
    /// The stable word, as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// What a search asks for. Absent parts do not restrict it; the tenant always does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFilter {
    /// The tenant.
    pub organization_id: OrganizationId,
    /// Exactly this action.
    pub action: Option<String>,
    /// Events by this user.
    pub actor_id: Option<Uuid>,
    /// Events that touched this person's data.
    pub subject: Option<UserId>,
    /// Events that ended so.
    pub outcome: Option<Ending>,
    /// At this instant or later.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
}

impl EventFilter {
    /// Every event of a tenant.
    pub fn within(organization_id: OrganizationId) -> Self {
        Self {
            organization_id,
            action: None,
            actor_id: None,
            subject: None,
            outcome: None,
            from: None,
            until: None,
        }
    }
    /// What the filter means; a store's query must select the same rows.
    pub fn matches(&self, intake: &StoredIntake) -> bool {
        self.organization_id == intake.organization_id
            && self.action.as_ref().is_none_or(|action| *action == intake.action)
            && self.actor_id.is_none_or(|actor| intake.actor_id == Some(actor))
            && self
                .subject
                .is_none_or(|subject| intake.subjects.contains(&subject))
            && self
                .outcome
                .is_none_or(|ending| ending.as_str() == intake.outcome)
            && self.from.is_none_or(|from| intake.occurred_at >= from)
            && self.until.is_none_or(|until| intake.occurred_at < until)
    }
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
    /// The events that `filter` matches, in ascending order of id, which is the order in which they happened to the
    /// millisecond.
    async fn search(&self, filter: &EventFilter, page: &PageRequest) -> Result<Page<Record>, PortError>;
}
