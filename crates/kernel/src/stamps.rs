//! The audit mixin of every stored thing: who made, changed and deleted it and when, and which version it is.

use crate::{Timestamp, UserId};

/// Created, updated and deleted at and by; `version` starts at 1 and grows by one with each change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom; `None` for the service itself, an operator, or a person who registers.
    pub created_by: Option<UserId>,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: Option<UserId>,
    /// When it was deleted (softly).
    pub deleted_at: Option<Timestamp>,
    /// By whom.
    pub deleted_by: Option<UserId>,
    /// For optimistic locking; the `ETag` of a resource.
    pub version: i64,
}

impl Stamps {
    /// A new thing.
    pub fn new(by: Option<UserId>, now: Timestamp) -> Self {
        Self {
            created_at: now,
            created_by: by,
            updated_at: now,
            updated_by: by,
            deleted_at: None,
            deleted_by: None,
            version: 1,
        }
    }
    /// After a change.
    #[must_use]
    pub fn changed(self, by: Option<UserId>, now: Timestamp) -> Self {
        Self {
            updated_at: now,
            updated_by: by,
            version: self.version.saturating_add(1),
            ..self
        }
    }
    /// After a soft delete.
    #[must_use]
    pub fn deleted(self, by: Option<UserId>, now: Timestamp) -> Self {
        Self {
            deleted_at: Some(now),
            deleted_by: by,
            ..self.changed(by, now)
        }
    }
    /// After a soft delete was taken back.
    #[must_use]
    pub fn restored(self, by: Option<UserId>, now: Timestamp) -> Self {
        Self {
            deleted_at: None,
            deleted_by: None,
            ..self.changed(by, now)
        }
    }
    /// Whether it counts as gone.
    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }
}
