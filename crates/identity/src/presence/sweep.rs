//! Tells persons that their account will be switched off, and switches off those that nobody came back to.
//!
//! Each account is a transaction of its own, which looks again: whoever signs in meanwhile is left alone.

use vutf_kernel::{Ctx, Detail, OrganizationId, Outcome, Timestamp, UserId};

use super::InactivityPolicy;
use crate::{
    Identity, RuleError, User, UserKind, UserStatus, action,
    mail::{self, MailKind},
    refusal::use_case_error,
    user::{
        TransitionError,
        reach::{Target, not_last_super_admin, save_and_end_sessions},
    },
    work::{About, Work},
};

/// Accounts of a round.
const BATCH: u32 = 100;

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Persons who were told.
    pub warned: u64,
    /// Accounts that were switched off.
    pub disabled: u64,
    /// Whether there may be more.
    pub more: bool,
}

use_case_error! {
    /// Why nothing was switched off.
    SweepIdleError {
        /// Only the service and the operator of the machine may do this.
        NotAllowed => Forbidden, "operator_only", "only the service itself and its operator may do this";
    } {
        /// A rule forbids it.
        Rule(RuleError);
        /// The present state does not allow it.
        State(TransitionError);
    }
}

/// What becomes of an account.
#[derive(Clone, Copy)]
enum Fate {
    Told,
    Off,
}

type Somebody = (OrganizationId, UserId);

/// One round: at most 100 persons are told, and at most 100 accounts are switched off. The last active super administrator stays.
pub async fn sweep_idle(ctx: &Ctx, id: &Identity) -> Result<Swept, SweepIdleError> {
    let about = About::kind(action::USER_DISABLE);
    if !ctx.is_trusted() {
        let refused = Err(SweepIdleError::NotAllowed);
        return id.audited(ctx, about, refused).await;
    }
    let policy = id.settings.inactivity;
    if !policy.enabled {
        return Ok(Swept::default());
    }
    let (to_tell, to_end) = id.run(ctx, policy, |work| Box::pin(due(work))).await?;
    let full = |found: &[Somebody]| u32::try_from(found.len()).is_ok_and(|length| length == BATCH);
    let mut swept = Swept {
        more: full(&to_tell) || full(&to_end),
        ..Swept::default()
    };
    for somebody in to_tell {
        swept.warned += u64::from(decide(ctx, id, somebody, Fate::Told).await?);
    }
    for somebody in to_end {
        swept.disabled += u64::from(decide(ctx, id, somebody, Fate::Off).await?);
    }
    Ok(swept)
}

async fn due(work: Work<'_, InactivityPolicy>) -> Result<(Vec<Somebody>, Vec<Somebody>), SweepIdleError> {
    let (policy, now) = (*work.command, work.now());
    let presence = work.tx.presence();
    let to_tell = presence.idle(policy.told_before(now), None, BATCH).await?;
    let told = now.minus(policy.warning);
    let to_end = presence.idle(policy.over_before(now), Some(told), BATCH).await?;
    Ok((to_tell, to_end))
}

/// Whether it was done.
async fn decide(ctx: &Ctx, id: &Identity, somebody: Somebody, fate: Fate) -> Result<bool, SweepIdleError> {
    let (organization_id, user) = somebody;
    let ctx = Ctx {
        organization_id,
        ..ctx.clone()
    };
    match fate {
        Fate::Told => id.run(&ctx, user, |work| Box::pin(tell(work))).await,
        Fate::Off => {
            let done = id.run(&ctx, user, |work| Box::pin(switch_off(work))).await?;
            id.sessions.forget_user(user);
            Ok(done)
        }
    }
}

/// The account, if nobody has been there since `before`.
async fn still_idle(work: &mut Work<'_, UserId>, before: Timestamp) -> Result<Option<User>, SweepIdleError> {
    let (organization, user) = (work.ctx.organization_id, *work.command);
    work.tx.roles().lock_organization(organization).await?;
    let found = work.tx.users().find(organization, user).await?;
    Ok(found.filter(|user| {
        let seen = user.last_seen_at.unwrap_or(user.stamps.created_at);
        user.kind == UserKind::Person && user.status == UserStatus::Active && seen <= before
    }))
}

async fn tell(mut work: Work<'_, UserId>) -> Result<bool, SweepIdleError> {
    let (policy, now) = (work.id.settings.inactivity, work.now());
    let Some(user) = still_idle(&mut work, policy.told_before(now)).await? else {
        return Ok(false);
    };
    work.tx
        .presence()
        .note_told(user.organization_id, user.id, now)
        .await?;
    mail::notify(&mut work, &user, MailKind::InactivityWarning, &user.email).await?;
    work.done(&About::user(action::USER_INACTIVITY_WARN, user.id))
        .await?;
    Ok(true)
}

async fn switch_off(mut work: Work<'_, UserId>) -> Result<bool, SweepIdleError> {
    let (policy, now) = (work.id.settings.inactivity, work.now());
    let Some(user) = still_idle(&mut work, policy.over_before(now)).await? else {
        return Ok(false);
    };
    let roles = work.tx.roles().of_user(user.organization_id, user.id).await?;
    let target = Target { user, roles };
    match not_last_super_admin::<_, SweepIdleError>(&mut work, &target).await {
        Err(SweepIdleError::Rule(rule)) => spare(&mut work, &target.user, rule.code()).await,
        Err(error) => Err(error),
        Ok(()) => {
            let user = target.user.disable(None, now)?;
            let about = About::written(action::USER_DISABLE, &user);
            save_and_end_sessions(&mut work, &about, &user).await?;
            Ok(true)
        }
    }
}

/// The log says that somebody is left alone, and again after another warning's time: not with each round.
async fn spare(
    work: &mut Work<'_, UserId>,
    user: &User,
    reason: &'static str,
) -> Result<bool, SweepIdleError> {
    let now = work.now();
    work.tx
        .presence()
        .note_told(user.organization_id, user.id, now)
        .await?;
    let about = About::user(action::USER_DISABLE, user.id);
    let seen = user
        .last_seen_at
        .map_or_else(|| "never".to_owned(), Timestamp::rfc3339);
    work.raise(&about, Outcome::refused(reason), |event| {
        event.detail("last_seen", Detail::Text(seen))
    })
    .await?;
    Ok(false)
}
