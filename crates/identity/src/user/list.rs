//! Shows accounts to an administrator.

use vutf_kernel::{Ctx, Outcome, Page, PageRequest, Question, UserId};

use super::{User, UserKind, UserStatus};
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    repo::UserFilter,
    role::permission,
    work::{About, Work},
};

/// Shows a part of the list of accounts.
#[derive(Clone, Debug, Default)]
pub struct ListUsers {
    /// Which accounts.
    pub filter: UserFilter,
    /// Which part; the limit is brought into 1 to [`PageRequest::MAX_LIMIT`].
    pub page: PageRequest,
}

use_case_error! {
    /// Why nothing is shown.
    ListError {} {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// Shows accounts that are not deleted, oldest first. Everybody whose data is shown is named in one event.
pub async fn list(ctx: &Ctx, id: &Identity, command: ListUsers) -> Result<Page<User>, ListError> {
    let done = id.look(ctx, command, |work| Box::pin(apply(work))).await;
    id.audited(ctx, About::kind(action::USER_LIST), done).await
}

async fn apply(mut work: Work<'_, ListUsers>) -> Result<Page<User>, ListError> {
    work.require(&permission::USERS_READ)?;
    let command = work.command.clone();
    let request = PageRequest {
        after: command.page.after,
        limit: command.page.limit.clamp(1, PageRequest::MAX_LIMIT),
    };
    let organization = work.ctx.organization_id;
    let page = work
        .tx
        .users()
        .list(organization, &command.filter, &request)
        .await?;
    let seen: Vec<_> = page.items.iter().map(|user| user.id).collect();
    let ids: Vec<_> = seen.iter().map(UserId::as_uuid).collect();
    let status = command.filter.status.map(UserStatus::as_str);
    let kind = command.filter.kind.map(UserKind::as_str);
    let question = Question::all(action::USER_LIST)
        .with("status", status)
        .with("kind", kind);
    let about = About::kind(action::USER_LIST);
    work.raise(&about, Outcome::Success, |event| {
        event.shows(&question, &ids).about_all(seen)
    })
    .await?;
    Ok(page)
}
