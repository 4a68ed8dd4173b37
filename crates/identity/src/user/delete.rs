//! Deletes an account softly.

use vutf_kernel::{Ctx, UserId};

use super::{
    User,
    reach::{not_last_super_admin, not_self, reach, save_and_end_sessions},
};
use crate::{
    Identity, RuleError, VersionError, action,
    api_key::revoke::end_all,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

/// Deletes an account.
#[derive(Clone, Copy, Debug)]
pub struct DeleteUser {
    /// Whose.
    pub user_id: UserId,
    /// The version that the caller read.
    pub expected_version: Option<i64>,
}

use_case_error! {
    /// Why the account was not deleted.
    DeleteError {
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// No version, or one that has moved on.
        Version(VersionError);
    }
}

/// Deletes an account softly; its sessions and API keys end at once. Neither one's own nor the last active super administrator's.
pub async fn delete(ctx: &Ctx, id: &Identity, command: DeleteUser) -> Result<User, DeleteError> {
    let about = About::user(action::USER_DELETE, command.user_id);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let user = id.audited(ctx, about, done).await?;
    id.sessions.forget_user(user.id);
    Ok(user)
}

pub(super) async fn apply(mut work: Work<'_, DeleteUser>) -> Result<User, DeleteError> {
    let DeleteUser {
        user_id,
        expected_version,
    } = *work.command;
    let target = reach::<_, DeleteError>(&mut work, &permission::USERS_DELETE, user_id, false).await?;
    let target = target.ok_or(DeleteError::NotFound)?;
    VersionError::check(expected_version, target.user.stamps.version)?;
    not_self(&work, user_id)?;
    not_last_super_admin::<_, DeleteError>(&mut work, &target).await?;
    let user = target.user.delete(work.by(), work.now());
    let about = About::written(action::USER_DELETE, &user);
    save_and_end_sessions(&mut work, &about, &user).await?;
    end_all(&mut work, &user).await?;
    Ok(user)
}
