//! Bars an account until it is unlocked.

use vutf_kernel::{Ctx, UserId};

use super::{TransitionError, User, reach::bar};
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    work::{About, Work},
};

/// Bars an account.
#[derive(Clone, Copy, Debug)]
pub struct Lock {
    /// Whom.
    pub user_id: UserId,
}

use_case_error! {
    /// Why the account was not locked.
    LockError {
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// The present state does not allow it.
        State(TransitionError);
    }
}

/// Bars an account; its sessions end at once. Neither one's own nor the last active super administrator's.
pub async fn lock(ctx: &Ctx, id: &Identity, command: Lock) -> Result<User, LockError> {
    let about = About::user(action::USER_LOCK, command.user_id);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let user = id.audited(ctx, about, done).await?;
    id.sessions.forget_user(user.id);
    Ok(user)
}

pub(super) async fn apply(mut work: Work<'_, Lock>) -> Result<User, LockError> {
    let user = work.command.user_id;
    let barred = bar::<_, LockError>(&mut work, action::USER_LOCK, user, User::lock).await?;
    barred.ok_or(LockError::NotFound)
}
