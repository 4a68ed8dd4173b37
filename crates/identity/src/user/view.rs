//! Shows one account to an administrator.

use vutf_kernel::{Ctx, PortError, Question, UserId};

use super::{Profile, User};
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

/// Shows an account.
#[derive(Clone, Copy, Debug)]
pub struct ViewUser {
    /// Whose.
    pub user_id: UserId,
}

use_case_error! {
    /// Why nothing is shown.
    ViewError {
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
    } {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// Shows an account. Seeing personal data is an event of its own.
pub async fn view(ctx: &Ctx, id: &Identity, command: ViewUser) -> Result<Profile, ViewError> {
    let about = About::user(action::USER_READ, command.user_id);
    let done = id.look(ctx, command, |work| Box::pin(apply(work))).await;
    id.audited(ctx, about, done).await
}

async fn apply(mut work: Work<'_, ViewUser>) -> Result<Profile, ViewError> {
    work.require(&permission::USERS_READ)?;
    let (organization, user_id) = (work.ctx.organization_id, work.command.user_id);
    let user = work.tx.users().find(organization, user_id).await?;
    let user = user.ok_or(ViewError::NotFound)?;
    let roles = work.tx.roles().of_user(organization, user_id).await?;
    shown(&mut work, &user).await?;
    Ok(Profile { user, roles })
}

/// Raises the event of one account that is shown.
pub(super) async fn shown<C>(work: &mut Work<'_, C>, user: &User) -> Result<(), PortError> {
    let id = user.id.as_uuid();
    let question = Question::all(action::USER_READ).with("id", Some(id));
    let about = About::user(action::USER_READ, user.id);
    work.shown(&about, &question, &[id]).await
}
