//! Switches an account off.

use vutf_kernel::{Ctx, UserId};

use super::{TransitionError, User, reach::bar};
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    work::{About, Work},
};

/// Switches an account off.
#[derive(Clone, Copy, Debug)]
pub struct Disable {
    /// Whom.
    pub user_id: UserId,
}

use_case_error! {
    /// Why the account was not disabled.
    DisableError {
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// The present state does not allow it.
        State(TransitionError);
    }
}

/// Switches an account off; its sessions end at once. Neither one's own nor the last active super administrator's.
pub async fn disable(ctx: &Ctx, id: &Identity, command: Disable) -> Result<User, DisableError> {
    let about = About::user(action::USER_DISABLE, command.user_id);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let user = id.audited(ctx, about, done).await?;
    id.sessions.forget_user(user.id);
    Ok(user)
}

pub(super) async fn apply(mut work: Work<'_, Disable>) -> Result<User, DisableError> {
    let user = work.command.user_id;
    let barred = bar::<_, DisableError>(&mut work, action::USER_DISABLE, user, User::disable).await?;
    barred.ok_or(DisableError::NotFound)
}
