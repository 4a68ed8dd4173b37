//! An administrator has somebody choose another password: the next sign-in leads to a session in which nothing else can be done.

use vutf_kernel::{Ctx, UserId};

use super::{
    User,
    reach::{not_self, reach, save_and_end_sessions},
};
use crate::{
    Identity, RuleError, action,
    guard::GuardKey,
    refusal::use_case_error,
    repo::PasswordRecord,
    role::permission,
    work::{About, Work},
};

/// Has somebody choose another password.
#[derive(Clone, Copy, Debug)]
pub struct RequirePasswordChange {
    /// Whom.
    pub user_id: UserId,
}

use_case_error! {
    /// Why nobody has to.
    RequirePasswordChangeError {
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
        /// A program, or somebody who never set one.
        NoPassword => Conflict, "no_password", "the account has no password";
    } {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// Has somebody choose another password; their sessions end at once. API keys go on: they were not made with the password. One's own is
/// changed, not required to be.
pub async fn require_password_change(
    ctx: &Ctx,
    id: &Identity,
    command: RequirePasswordChange,
) -> Result<User, RequirePasswordChangeError> {
    let about = About::user(action::USER_REQUIRE_PASSWORD_CHANGE, command.user_id);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let user = id.audited(ctx, about, done).await?;
    id.sessions.forget_user(user.id);
    Ok(user)
}

pub(super) async fn apply(
    mut work: Work<'_, RequirePasswordChange>,
) -> Result<User, RequirePasswordChangeError> {
    let user_id = work.command.user_id;
    let permission = &permission::USERS_LOCK;
    let target = reach::<_, RequirePasswordChangeError>(&mut work, permission, user_id, false).await?;
    let target = target.ok_or(RequirePasswordChangeError::NotFound)?;
    not_self(&work, user_id)?;
    mark(&mut work, &target.user).await?;
    let user = target.user.changed(work.by(), work.now()).end_sessions();
    let about = About::written(action::USER_REQUIRE_PASSWORD_CHANGE, &user);
    save_and_end_sessions(&mut work, &about, &user).await?;
    Ok(user)
}

/// One at a time with sign-ins and changes of the password, by the counter's row.
async fn mark(
    work: &mut Work<'_, RequirePasswordChange>,
    user: &User,
) -> Result<(), RequirePasswordChangeError> {
    let (now, by, organization) = (work.now(), work.by(), user.organization_id);
    let key = GuardKey::password_of(user.id);
    work.tx.guards().lock(organization, &key, now).await?;
    let record = work.tx.passwords().find(organization, user.id).await?;
    let record = record.ok_or(RequirePasswordChangeError::NoPassword)?;
    let marked = PasswordRecord {
        must_change_at: Some(now),
        stamps: record.stamps.clone().changed(by, now),
        ..record
    };
    work.tx.passwords().put(&marked).await?;
    Ok(())
}
