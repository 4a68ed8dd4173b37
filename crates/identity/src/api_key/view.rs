//! Shows one key, without its secret.

use vutf_kernel::{ApiKeyId, Ctx, Question};

use super::{
    ApiKey,
    owner::{Whose, about, oneself, unowned},
};
use crate::{Identity, RuleError, action, refusal::use_case_error, role::permission, work::Work};

/// Shows a key.
#[derive(Clone, Copy, Debug)]
pub struct ViewApiKey {
    /// Which.
    pub key_id: ApiKeyId,
    /// Whose it may be.
    pub whose: Whose,
}

use_case_error! {
    /// Why nothing is shown.
    ViewApiKeyError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// No such key, or somebody else's.
        NotFound => NotFound, "api_key_not_found", "there is no such API key";
    } {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

unowned!(ViewApiKeyError);

/// Shows a key, ended or not.
pub async fn view(ctx: &Ctx, id: &Identity, command: ViewApiKey) -> Result<ApiKey, ViewApiKeyError> {
    let about = about(action::API_KEY_READ, command.key_id, None);
    let done = id.look(ctx, command, |work| Box::pin(apply(work))).await;
    id.audited(ctx, about, done).await
}

async fn apply(mut work: Work<'_, ViewApiKey>) -> Result<ApiKey, ViewApiKeyError> {
    let ViewApiKey { key_id, whose } = *work.command;
    let own = match whose {
        Whose::Own => Some(oneself(&mut work).await?.id),
        Whose::Others => {
            work.require(&permission::API_KEYS_READ)?;
            None
        }
    };
    let organization = work.ctx.organization_id;
    let found = work.tx.api_keys().find(organization, key_id).await?;
    let key = found
        .filter(|key| own.is_none_or(|own| key.user_id == own))
        .ok_or(ViewApiKeyError::NotFound)?;
    let id = key_id.as_uuid();
    let question = Question::all(action::API_KEY_READ).with("id", Some(id));
    let about = about(action::API_KEY_READ, key_id, Some(key.user_id));
    work.shown(&about, &question, &[id]).await?;
    Ok(key)
}
