//! Ends everything that was issued to a user.

use vutf_kernel::{Ctx, UserId};

use super::{
    User,
    reach::{reach, save_and_end_sessions},
};
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

/// Ends all sessions of a user.
#[derive(Clone, Copy, Debug)]
pub struct RevokeSessions {
    /// Whose.
    pub user_id: UserId,
}

use_case_error! {
    /// Why no sessions were ended.
    RevokeSessionsError {
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
    } {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// Ends all sessions and refresh tokens of a user, the ones under way included.
pub async fn revoke_sessions(
    ctx: &Ctx,
    id: &Identity,
    command: RevokeSessions,
) -> Result<User, RevokeSessionsError> {
    let about = About::user(action::USER_REVOKE_SESSIONS, command.user_id);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let user = id.audited(ctx, about, done).await?;
    id.sessions.forget_user(user.id);
    Ok(user)
}

pub(super) async fn apply(mut work: Work<'_, RevokeSessions>) -> Result<User, RevokeSessionsError> {
    let user_id = work.command.user_id;
    let target = reach::<_, RevokeSessionsError>(&mut work, &permission::USERS_LOCK, user_id, false).await?;
    let user = target.ok_or(RevokeSessionsError::NotFound)?.user;
    let user = user.changed(work.by(), work.now()).end_sessions();
    let about = About::written(action::USER_REVOKE_SESSIONS, &user);
    save_and_end_sessions(&mut work, &about, &user).await?;
    Ok(user)
}
