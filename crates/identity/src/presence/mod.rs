//! Who has not been there for long. An account that nobody uses is one that nobody misses when somebody else does
//! (NIST SP 800-53, AC-2(3)).

pub mod sweep;

use std::time::Duration;

use async_trait::async_trait;
use vutf_kernel::{OrganizationId, PortError, Timestamp, UserId};

/// When accounts are switched off that nobody uses. Defaults and sources: docs/configuration.md, section `identity.inactivity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InactivityPolicy {
    /// Whether any is.
    pub enabled: bool,
    /// After so long without a sign-in or a use of a session; default 90 d.
    pub after: Duration,
    /// Its person is told so long before; default 14 d.
    pub warning: Duration,
}

impl Default for InactivityPolicy {
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            enabled: false,
            after: DAY * 90,
            warning: DAY * 14,
        }
    }
}

impl InactivityPolicy {
    /// Who was last seen at or before this is told.
    pub(crate) fn told_before(&self, now: Timestamp) -> Timestamp {
        now.minus(self.after.saturating_sub(self.warning))
    }
    /// Who was last seen at or before this, and was told long enough ago, is switched off.
    pub(crate) fn over_before(&self, now: Timestamp) -> Timestamp {
        now.minus(self.after)
    }
}

/// Active accounts of persons, of all tenants, that nobody uses. Somebody who was never there counts from when their account was
/// made; accounts of programs are never idle: their keys have ends of their own.
#[async_trait]
pub trait PresenceRepo: Send {
    /// Who was last seen at or before `before`, the longest first: of those who were told at or before `told`, or of those who were
    /// not told.
    async fn idle(
        &mut self,
        before: Timestamp,
        told: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<(OrganizationId, UserId)>, PortError>;
    /// Notes that somebody was told.
    async fn note_told(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        at: Timestamp,
    ) -> Result<(), PortError>;
    /// Forgets that somebody was told: they are here again.
    async fn forgive(&mut self, organization: OrganizationId, user: UserId) -> Result<(), PortError>;
}
