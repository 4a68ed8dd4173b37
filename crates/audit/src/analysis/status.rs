//! What people do about a finding.

use std::fmt;

use vutf_kernel::{Actor, EventId, FindingId, OrganizationId, Timestamp};

use super::Detection;

/// Where a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Nobody has taken it on.
    New,
    /// Somebody has.
    Acknowledged,
    /// It was real, and is dealt with.
    Resolved,
    /// It was nothing.
    FalsePositive,
}

impl Status {
    /// All, in their order.
    pub const ALL: [Self; 4] = [Self::New, Self::Acknowledged, Self::Resolved, Self::FalsePositive];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::FalsePositive => "false_positive",
        }
    }

    /// The status of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether `next` may come after it: a finding is taken on once, and what is over stays over.
    pub const fn admits(self, next: Self) -> bool {
        matches!(
            (self, next),
            (
                Self::New,
                Self::Acknowledged | Self::Resolved | Self::FalsePositive
            ) | (Self::Acknowledged, Self::Resolved | Self::FalsePositive)
        )
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a finding ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It was real, and is dealt with.
    Resolved,
    /// It was nothing.
    FalsePositive,
}

impl From<Resolution> for Status {
    fn from(resolution: Resolution) -> Self {
        match resolution {
            Resolution::Resolved => Self::Resolved,
            Resolution::FalsePositive => Self::FalsePositive,
        }
    }
}

/// A step in the life of a finding. Steps are added, never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// The finding.
    pub finding_id: FindingId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// 1 for the first step of a finding, then one more each.
    pub number: u32,
    /// What it is now.
    pub to: Status,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// Why, about the finding and not about a person.
    pub note: Option<String>,
    /// The event that tells it.
    pub event_id: EventId,
}

/// A finding and what was done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub detection: Detection,
    /// The event that tells it.
    pub event_id: EventId,
    /// When it was raised, by the clock of the process.
    pub raised_at: Timestamp,
    /// What was done, in its order.
    pub changes: Vec<StatusChange>,
}

impl Finding {
    /// Where it stands.
    pub fn status(&self) -> Status {
        self.changes.last().map_or(Status::New, |change| change.to)
    }
}
