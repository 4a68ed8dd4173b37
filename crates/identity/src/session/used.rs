//! Notes that sessions are used, so that those that are not can end.
//!
//! A request never waits for it: whoever answers collects the uses and writes them from time to time. What is lost, in a crash or
//! because there was no room, ends a session earlier, never later.

use std::time::Duration;

use vutf_kernel::{Aal, Ctx, OrganizationId, PortError, SessionId, Timestamp};

use super::SessionStatus;
use crate::{Identity, Settings, work::Work};

/// A use within this of the last one that was noted is not noted: a session may end so much early, and costs a write a minute.
pub const GRAIN: Duration = Duration::from_mins(1);

/// A use of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// The tenant.
    pub organization_id: OrganizationId,
    /// The session.
    pub session_id: SessionId,
    /// Its level then: of another level the end would be another.
    pub aal: Aal,
    /// When.
    pub at: Timestamp,
    /// When it ends unless it is used again.
    pub idle_expires_at: Option<Timestamp>,
    /// Not noted if a later use than this is.
    pub unless_since: Timestamp,
}

impl Used {
    /// The use of a session at `now`, if it is to be noted.
    pub(super) fn of(status: &SessionStatus, settings: &Settings, now: Timestamp) -> Option<Self> {
        let unless_since = now.minus(GRAIN);
        (status.last_seen_at <= unless_since).then(|| Self {
            organization_id: status.organization_id,
            session_id: status.id,
            aal: status.assurance.aal,
            at: now,
            idle_expires_at: settings.idle_end(status.assurance.aal, now),
            unless_since,
        })
    }
}

/// Notes uses, in one transaction; answers how many sessions were still there to be noted. It is no event: each use is one.
pub async fn note(ctx: &Ctx, id: &Identity, uses: Vec<Used>) -> Result<u64, PortError> {
    id.run(ctx, uses, |work| Box::pin(write(work))).await
}

async fn write(work: Work<'_, Vec<Used>>) -> Result<u64, PortError> {
    let uses = work.command.clone();
    let mut noted = 0;
    for used in uses.iter() {
        noted += u64::from(work.tx.sessions().touch(used).await?);
    }
    Ok(noted)
}
