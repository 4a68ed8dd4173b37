//! Takes a soft delete back.

use vutf_kernel::{Ctx, UserId};

use super::{
    TransitionError, User,
    reach::{reach, save_names},
};
use crate::{
    Identity, IdentityTaken, RuleError, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

/// Takes a delete back.
#[derive(Clone, Copy, Debug)]
pub struct RestoreUser {
    /// Whose.
    pub user_id: UserId,
}

use_case_error! {
    /// Why the account was not restored.
    RestoreError {
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// It is not deleted.
        State(TransitionError);
        /// Another account has taken a name meanwhile.
        Taken(IdentityTaken);
    }
}

/// Takes a soft delete back. Sessions that ended stay ended.
pub async fn restore(ctx: &Ctx, id: &Identity, command: RestoreUser) -> Result<User, RestoreError> {
    let about = About::user(action::USER_RESTORE, command.user_id);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let user = id.audited(ctx, about, done).await?;
    id.sessions.forget_user(user.id);
    Ok(user)
}

pub(super) async fn apply(mut work: Work<'_, RestoreUser>) -> Result<User, RestoreError> {
    let user_id = work.command.user_id;
    let target = reach::<_, RestoreError>(&mut work, &permission::USERS_DELETE, user_id, true).await?;
    let user = target.ok_or(RestoreError::NotFound)?.user;
    let user = user.restore(work.by(), work.now())?;
    save_names::<_, RestoreError>(&mut work, &user).await?;
    work.tx.presence().forgive(user.organization_id, user.id).await?;
    work.done(&About::written(action::USER_RESTORE, &user)).await?;
    Ok(user)
}
