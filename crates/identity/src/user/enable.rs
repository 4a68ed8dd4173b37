//! Switches an account on again.

use vutf_kernel::{Ctx, UserId};

use super::{
    TransitionError, User,
    reach::{reach, save},
};
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

/// Switches an account on again.
#[derive(Clone, Copy, Debug)]
pub struct Enable {
    /// Whom.
    pub user_id: UserId,
}

use_case_error! {
    /// Why the account was not enabled.
    EnableError {
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// The present state does not allow it.
        State(TransitionError);
    }
}

/// Switches an account on again. Sessions that ended stay ended.
pub async fn enable(ctx: &Ctx, id: &Identity, command: Enable) -> Result<User, EnableError> {
    let about = About::user(action::USER_ENABLE, command.user_id);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let user = id.audited(ctx, about, done).await?;
    id.sessions.forget_user(user.id);
    Ok(user)
}

pub(super) async fn apply(mut work: Work<'_, Enable>) -> Result<User, EnableError> {
    let user_id = work.command.user_id;
    let target = reach::<_, EnableError>(&mut work, &permission::USERS_LOCK, user_id, false).await?;
    let target = target.ok_or(EnableError::NotFound)?;
    let user = target.user.enable(work.by(), work.now())?;
    let about = About::written(action::USER_ENABLE, &user);
    save(&mut work, &user).await?;
    // Who comes back after a long time is warned again first.
    work.tx.presence().forgive(user.organization_id, user.id).await?;
    work.done(&about).await?;
    Ok(user)
}
