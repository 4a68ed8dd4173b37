//! Lifts the delays after wrong passwords by a mailed link, so that strangers who guess cannot keep the owner out.

use vutf_kernel::{Ctx, Secret, UserId};

use super::UserStatus;
use crate::{
    Identity, action,
    guard::{GuardKey, GuardState},
    link::{self, LinkInvalid, LinkPurpose},
    refusal::use_case_error,
    work::{About, Work},
};

/// A link.
#[derive(Debug)]
pub struct SelfUnlock {
    /// From the mail.
    pub token: Secret<String>,
}

use_case_error! {
    /// Why the delays stay.
    SelfUnlockError {
    } {
        /// The link is not good.
        Link(LinkInvalid);
    }
}

/// Forgets the failures. Neither an administrator's lock nor a password that was disabled after too many of them is lifted: the
/// latter must be set anew (NIST SP 800-63B-4 §3.2.2).
pub async fn self_unlock(ctx: &Ctx, id: &Identity, command: SelfUnlock) -> Result<(), SelfUnlockError> {
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let link = match &done {
        Err(SelfUnlockError::Link(link)) => Some(*link),
        _ => None,
    };
    id.audited_link(ctx, action::USER_SELF_UNLOCK, link, done).await?;
    Ok(())
}

async fn apply(mut work: Work<'_, SelfUnlock>) -> Result<UserId, SelfUnlockError> {
    let token = work.command.token.clone();
    let purpose = LinkPurpose::Unlock;
    let (link, user) = link::look_up::<_, SelfUnlockError>(&mut work, &token, purpose).await?;
    if matches!(user.status, UserStatus::Locked | UserStatus::Disabled) {
        return Err(LinkInvalid::of(user.id, user.status.as_str()).into());
    }
    let (now, organization) = (work.now(), user.organization_id);
    let key = GuardKey::password_of(user.id);
    let state = work.tx.guards().lock(organization, &key, now).await?;
    if state.failures >= work.id.settings.guard.disable_at {
        return Err(LinkInvalid::of(user.id, "authenticator_disabled").into());
    }
    link::spend::<_, SelfUnlockError>(&mut work, &link).await?;
    let clear = GuardState::CLEAR;
    work.tx.guards().put(organization, &key, &clear, now).await?;
    work.done(&About::user(action::USER_SELF_UNLOCK, user.id)).await?;
    Ok(user.id)
}
