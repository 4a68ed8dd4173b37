//! Finds an account by the name that its user signs in with.

use vutf_kernel::{Ctx, Question};

use super::User;
use crate::{
    Identity, LoginName, RuleError, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

use_case_error! {
    /// Why nobody was found.
    FindError {
        /// No such user.
        NotFound => NotFound, "user_not_found", "there is no such user";
    } {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// The account that is not deleted with this name. To learn whose name it is, is an event.
pub async fn find(ctx: &Ctx, id: &Identity, name: LoginName) -> Result<User, FindError> {
    let done = id.run(ctx, name, |work| Box::pin(apply(work))).await;
    id.audited(ctx, About::kind(action::USER_FIND), done).await
}

async fn apply(mut work: Work<'_, LoginName>) -> Result<User, FindError> {
    work.require(&permission::USERS_READ)?;
    let (organization, name) = (work.ctx.organization_id, work.command.clone());
    let user = work.tx.users().find_by_login(organization, &name).await?;
    let user = user.ok_or(FindError::NotFound)?;
    // Without the name: a digest of it would tell whoever guesses it.
    let question = Question::all(action::USER_FIND);
    let about = About::user(action::USER_FIND, user.id);
    work.shown(&about, &question, &[user.id.as_uuid()]).await?;
    Ok(user)
}
