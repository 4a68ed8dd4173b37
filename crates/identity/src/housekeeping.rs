//! What nobody needs any more is removed: counters against guessing, and sessions with all that hangs on them. Anybody on
//! the network can make the former, so without this they would grow without bound.
//!
//! Data minimisation: GDPR Art. 5 (1) (e); sessions hold addresses and browsers.

use std::time::Duration;

use async_trait::async_trait;
use vutf_kernel::{Ctx, Detail, Outcome, PortError, Timestamp};

use crate::{
    Identity, action,
    refusal::use_case_error,
    work::{About, Work},
};

/// How long an idle counter or an ended session is kept: 30 days.
pub const KEPT: Duration = Duration::from_hours(24 * 30);

/// Removes what is old, some rows of each kind at a time. It belongs to the whole installation, not to a tenant.
#[async_trait]
pub trait HousekeepingRepo: Send {
    /// Removes counters that nobody touched since `before` and that bar nobody at `now`; how many, and at most `limit`.
    ///
    /// Failures of an account stay until it is proved right, whatever their age (SP 800-63B-4 §3.2.2 limits *consecutive*
    /// ones): of accounts only counters that count nothing go. There are no more of them than accounts. Counters of known browsers
    /// go with age: the browser is a stranger by then.
    async fn remove_guards(
        &mut self,
        before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, PortError>;
    /// Removes spent and unspent refresh tokens of sessions that ended or expired before `before`; how many, and at most
    /// `limit`.
    async fn remove_tokens(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError>;
    /// Removes sign-ins that waited for a second factor until before `before`; how many, and at most `limit`.
    async fn remove_challenges(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError>;
    /// Removes ceremonies of passkeys that were over before `before`; how many, and at most `limit`.
    async fn remove_ceremonies(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError>;
    /// Removes API keys that ended or expired before `before`; how many, and at most `limit`.
    async fn remove_api_keys(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError>;
    /// Removes links that were over before `before`; how many, and at most `limit`.
    async fn remove_links(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError>;
    /// Removes invitations that were over before `before`; how many, and at most `limit`.
    async fn remove_invitations(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError>;
    /// Removes sessions that ended or expired before `before` and have no refresh tokens, with their families; how many, and
    /// at most `limit`.
    async fn remove_sessions(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError>;
}

/// Removes what has been of no use for [`KEPT`].
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// Rows of each kind at most; 0 counts as 1.
    pub limit: u32,
}

impl Default for Sweep {
    fn default() -> Self {
        Self { limit: 500 }
    }
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Counters against guessing.
    pub guards: u64,
    /// Refresh tokens.
    pub tokens: u64,
    /// Sessions.
    pub sessions: u64,
    /// Sign-ins that waited for a second factor in vain.
    pub challenges: u64,
    /// Ceremonies of passkeys that nobody finished.
    pub ceremonies: u64,
    /// API keys.
    pub api_keys: u64,
    /// Mailed links that nobody used in time.
    pub links: u64,
    /// Invitations that nobody accepted in time.
    pub invitations: u64,
    /// Whether a limit was reached: there may be more.
    pub more: bool,
}

use_case_error! {
    /// Why nothing was removed.
    SweepError {
        /// Only the service and the operator of the machine may do this.
        NotAllowed => Forbidden, "operator_only", "only the service itself and its operator may do this";
    } {}
}

/// Removes one batch in one transaction, with one event if anything was removed.
pub async fn sweep(ctx: &Ctx, id: &Identity, command: Sweep) -> Result<Swept, SweepError> {
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    id.audited(ctx, About::kind(action::HOUSEKEEPING), done).await
}

async fn apply(mut work: Work<'_, Sweep>) -> Result<Swept, SweepError> {
    if !work.ctx.is_trusted() {
        return Err(SweepError::NotAllowed);
    }
    let (now, limit) = (work.now(), work.command.limit.max(1));
    let before = now.minus(KEPT);
    let repo = work.tx.housekeeping();
    let guards = repo.remove_guards(before, now, limit).await?;
    let tokens = repo.remove_tokens(before, limit).await?;
    let sessions = repo.remove_sessions(before, limit).await?;
    // They live for minutes, and tell nothing that their events do not.
    let challenges = repo.remove_challenges(now, limit).await?;
    let ceremonies = repo.remove_ceremonies(now, limit).await?;
    let api_keys = repo.remove_api_keys(before, limit).await?;
    let links = repo.remove_links(now, limit).await?;
    let invitations = repo.remove_invitations(now, limit).await?;
    let counted = [
        guards,
        tokens,
        sessions,
        challenges,
        ceremonies,
        api_keys,
        links,
        invitations,
    ];
    let swept = Swept {
        guards,
        tokens,
        sessions,
        challenges,
        ceremonies,
        api_keys,
        links,
        invitations,
        more: counted.contains(&u64::from(limit)),
    };
    let counts = [
        ("api_keys", api_keys),
        ("ceremonies", ceremonies),
        ("challenges", challenges),
        ("guards", guards),
        ("invitations", invitations),
        ("links", links),
        ("refresh_tokens", tokens),
        ("sessions", sessions),
    ];
    if counts.iter().any(|(_, count)| *count > 0) {
        let about = About::kind(action::HOUSEKEEPING);
        work.raise(&about, Outcome::Success, |event| {
            counts.into_iter().fold(event, |event, (name, count)| {
                event.detail(name, Detail::Number(i64::try_from(count).unwrap_or(i64::MAX)))
            })
        })
        .await?;
    }
    Ok(swept)
}
