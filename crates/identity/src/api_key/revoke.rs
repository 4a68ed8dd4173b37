//! Ends keys: one by its id, or all of an account that goes.

use vutf_kernel::{ApiKeyId, Ctx, Detail, Outcome, PortError};

use super::{
    ApiKey,
    owner::{Whose, about, held, unowned},
};
use crate::{
    Identity, RuleError, User, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

/// Ends a key.
#[derive(Clone, Copy, Debug)]
pub struct RevokeApiKey {
    /// Which.
    pub key_id: ApiKeyId,
    /// Whose it may be.
    pub whose: Whose,
}

use_case_error! {
    /// Why the key was not ended.
    RevokeApiKeyError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// No such key, or somebody else's.
        NotFound => NotFound, "api_key_not_found", "there is no such API key";
    } {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

unowned!(RevokeApiKeyError);

/// Ends a key. Once it answers, no request passes with it; other replicas follow within a second. To end one that has ended is no
/// fault.
pub async fn revoke(ctx: &Ctx, id: &Identity, command: RevokeApiKey) -> Result<(), RevokeApiKeyError> {
    let about = about(action::API_KEY_REVOKE, command.key_id, None);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let key = id.audited(ctx, about, done).await?;
    id.sessions.forget_key(key.lookup);
    Ok(())
}

async fn apply(mut work: Work<'_, RevokeApiKey>) -> Result<ApiKey, RevokeApiKeyError> {
    let command = *work.command;
    let (_, key) = held(
        &mut work,
        command.whose,
        &permission::API_KEYS_REVOKE,
        command.key_id,
    )
    .await?;
    let about = about(action::API_KEY_REVOKE, key.id, Some(key.user_id));
    let lookup = key.lookup.as_str().to_owned();
    let repeated = key.revoked_at.is_some();
    let key = if repeated {
        key
    } else {
        let ended = key.revoke(work.by(), work.now());
        work.tx.api_keys().end(&ended).await?;
        ended
    };
    work.raise(&about, Outcome::Success, |event| {
        let event = event.detail("lookup", Detail::Text(lookup));
        if repeated {
            event.detail("repeated", Detail::Bool(true))
        } else {
            event
        }
    })
    .await?;
    Ok(key)
}

/// Ends every key of an account that is deleted: to take the delete back gives none of them back.
pub(crate) async fn end_all<C>(work: &mut Work<'_, C>, owner: &User) -> Result<(), PortError> {
    let (organization, now, by) = (owner.organization_id, work.now(), work.by());
    work.tx.api_keys().lock_owner(organization, owner.id).await?;
    let live = work.tx.api_keys().live_of(organization, owner.id, now).await?;
    if live.is_empty() {
        return Ok(());
    }
    let lookups = live.iter().map(|key| key.lookup.as_str().to_owned()).collect();
    for key in live {
        work.tx.api_keys().end(&key.revoke(by, now)).await?;
    }
    let about = About::kind(action::API_KEY_REVOKE).of(owner.id);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("lookups", Detail::List(lookups))
    })
    .await
}
