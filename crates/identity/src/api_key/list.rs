//! Shows keys, without their secrets.

use vutf_kernel::{Ctx, Outcome, Page, PageRequest, Question, UserId};

use super::{
    ApiKey,
    owner::{Unowned, Whose, oneself},
};
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

/// Shows a part of a list of keys.
#[derive(Clone, Debug)]
pub struct ListApiKeys {
    /// One's own, or those of others.
    pub whose: Whose,
    /// Of others, only those of this account.
    pub owner: Option<UserId>,
    /// Which part; the limit is brought into 1 to [`PageRequest::MAX_LIMIT`].
    pub page: PageRequest,
}

use_case_error! {
    /// Why nothing is shown.
    ListApiKeysError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
    } {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

impl From<Unowned> for ListApiKeysError {
    fn from(unowned: Unowned) -> Self {
        match unowned {
            Unowned::NotSignedIn | Unowned::NotFound => Self::NotSignedIn,
            Unowned::Rule(error) => Self::Rule(error),
            Unowned::Port(error) => Self::Port(error),
        }
    }
}

/// Shows keys, ended ones included, oldest first. They hold addresses: to see them is an event that names everybody whose they are.
pub async fn list(ctx: &Ctx, id: &Identity, command: ListApiKeys) -> Result<Page<ApiKey>, ListApiKeysError> {
    let done = id.look(ctx, command, |work| Box::pin(apply(work))).await;
    id.audited(ctx, About::kind(action::API_KEY_LIST), done).await
}

async fn apply(mut work: Work<'_, ListApiKeys>) -> Result<Page<ApiKey>, ListApiKeysError> {
    let command = work.command.clone();
    let owner = match command.whose {
        Whose::Own => Some(oneself(&mut work).await?.id),
        Whose::Others => {
            work.require(&permission::API_KEYS_READ)?;
            command.owner
        }
    };
    let request = PageRequest {
        after: command.page.after,
        limit: command.page.limit.clamp(1, PageRequest::MAX_LIMIT),
    };
    let organization = work.ctx.organization_id;
    let page = work.tx.api_keys().list(organization, owner, &request).await?;
    let ids: Vec<_> = page.items.iter().map(|key| key.id.as_uuid()).collect();
    let mut owners: Vec<_> = page.items.iter().map(|key| key.user_id).collect();
    owners.sort_unstable();
    owners.dedup();
    let question = Question::all(action::API_KEY_LIST).with("owner", owner);
    let about = About::kind(action::API_KEY_LIST);
    work.raise(&about, Outcome::Success, |event| {
        event.shows(&question, &ids).about_all(owners)
    })
    .await?;
    Ok(page)
}
