//! Removes the second factor of somebody who lost it.

use vutf_kernel::{Ctx, UserId};

use super::{InsufficientAuthentication, Method, confirm::forget_failures, freshness::FRESH};
use crate::{
    Identity, RuleError, User, action,
    mail::MailKind,
    refusal::use_case_error,
    role::permission,
    user::reach::{not_self, reach, save_and_end_sessions},
    work::{About, Work},
};

/// Removes a user's second factor.
#[derive(Clone, Copy, Debug)]
pub struct ResetMfa {
    /// Whose.
    pub user_id: UserId,
}

use_case_error! {
    /// Why nothing was removed.
    ResetMfaError {
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
        /// They have none.
        NotEnrolled => Conflict, "mfa_not_enrolled", "there is no second factor";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// The caller's last proof is too old.
        Fresh(InsufficientAuthentication);
    }
}

/// Removes the app, all passkeys, the backup codes and sign-ins under way, and ends all sessions: whoever comes next has the password at
/// least. Nobody does it to themself, which would be a way around [`super::remove`].
pub async fn reset(ctx: &Ctx, id: &Identity, command: ResetMfa) -> Result<User, ResetMfaError> {
    let about = About::user(action::MFA_RESET, command.user_id);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let user = id.audited(ctx, about, done).await?;
    id.sessions.forget_user(user.id);
    Ok(user)
}

async fn apply(mut work: Work<'_, ResetMfa>) -> Result<User, ResetMfaError> {
    let (user_id, organization) = (work.command.user_id, work.ctx.organization_id);
    let target = reach::<_, ResetMfaError>(&mut work, &permission::USERS_RESET_MFA, user_id, false).await?;
    let user = target.ok_or(ResetMfaError::NotFound)?.user;
    not_self(&work, user_id)?;
    FRESH.check(&work.ctx, work.now())?;
    let removed = work.tx.mfa().remove_of(organization, user_id).await?;
    let passkeys = work.tx.passkeys().remove_of(organization, user_id).await?;
    if removed.factors == 0 && passkeys == 0 {
        return Err(ResetMfaError::NotEnrolled);
    }
    forget_failures(&mut work, user_id, &Method::GUESSABLE).await?;
    super::notify(&mut work, user_id, MailKind::FactorReset).await?;
    let user = user.changed(work.by(), work.now()).end_sessions();
    save_and_end_sessions(&mut work, &About::written(action::MFA_RESET, &user), &user).await?;
    Ok(user)
}
