//! Puts a new secret in the place of a key, and lets the old one live on for a while.

use std::time::Duration;

use vutf_kernel::{ApiKeyId, Ctx, Detail, Outcome};

use super::{
    ApiKey, MadeApiKey,
    create::{Plan, facts, make},
    owner::{Whose, about, held, is_program, proved, unowned},
};
use crate::{
    Identity, RuleError, action, mfa::InsufficientAuthentication, refusal::use_case_error, role::permission,
    user::UserStatus, work::Work,
};

/// Makes the successor of a key.
#[derive(Clone, Copy, Debug)]
pub struct RotateApiKey {
    /// Which.
    pub key_id: ApiKeyId,
    /// Whose it may be.
    pub whose: Whose,
    /// How long the old one lives on; `None`: as long as the settings say; zero: not at all.
    pub overlap: Option<Duration>,
}

use_case_error! {
    /// Why the key stays as it is.
    RotateApiKeyError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// No such key, or somebody else's.
        NotFound => NotFound, "api_key_not_found", "there is no such API key";
        /// It would let one person act as another.
        OfAPerson => Forbidden, "owner_is_a_person", "a person makes their keys themself; others make those of service accounts";
        /// The account is locked, disabled or deleted.
        OwnerBarred => Conflict, "account_state", "the account may not be used";
        /// It is over.
        Ended => Conflict, "api_key_ended", "the key has ended; make another";
        /// It has a successor.
        Rotated => Conflict, "api_key_rotated", "the key was rotated before; rotate its successor";
        /// Longer than the settings allow.
        Overlap => Invalid, "api_key_overlap", "the old key would live on for too long";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// The last proof is too old, or was not of a second factor.
        Fresh(InsufficientAuthentication);
    }
}

unowned!(RotateApiKeyError);

/// What was done to the keys before.
struct Rotated {
    made: MadeApiKey,
    before: ApiKey,
    ended: Option<ApiKey>,
}

/// Makes the successor: same name, scopes and networks, and as long a life as its predecessor was given. Of any number of
/// rotations at once one succeeds. A chain has two live keys at most: what the predecessor itself had replaced ends now.
pub async fn rotate(
    ctx: &Ctx,
    id: &Identity,
    command: RotateApiKey,
) -> Result<MadeApiKey, RotateApiKeyError> {
    let about = about(action::API_KEY_ROTATE, command.key_id, None);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let rotated = id.audited(ctx, about, done).await?;
    for key in [Some(&rotated.before), rotated.ended.as_ref()]
        .into_iter()
        .flatten()
    {
        id.sessions.forget_key(key.lookup);
    }
    Ok(rotated.made)
}

async fn apply(mut work: Work<'_, RotateApiKey>) -> Result<Rotated, RotateApiKeyError> {
    let command = *work.command;
    if command.whose == Whose::Others && !work.ctx.is_trusted() && work.signed_in().is_none() {
        return Err(RotateApiKeyError::NotSignedIn);
    }
    let permission = &permission::SERVICE_ACCOUNTS_MANAGE;
    let (owner, before) = held(&mut work, command.whose, permission, command.key_id).await?;
    if command.whose == Whose::Others && !is_program(&owner) {
        return Err(RotateApiKeyError::OfAPerson);
    }
    proved::<_, RotateApiKeyError>(&mut work).await?;
    let now = work.now();
    if owner.status != UserStatus::Active || owner.stamps.is_deleted() {
        return Err(RotateApiKeyError::OwnerBarred);
    }
    if !before.is_head() {
        return Err(RotateApiKeyError::Rotated);
    }
    if !before.is_live(now) {
        return Err(RotateApiKeyError::Ended);
    }
    let policy = &work.id.settings.api_keys;
    let overlap = command.overlap.unwrap_or(policy.overlap);
    if overlap > policy.max_overlap {
        return Err(RotateApiKeyError::Overlap);
    }
    let life = before
        .expires_at
        .since(before.stamps.created_at)
        .min(policy.max_ttl);
    let ended = end_predecessor(&mut work, &before).await?;
    let plan = Plan {
        organization_id: before.organization_id,
        user_id: before.user_id,
        name: before.name.clone(),
        scopes: before.scopes.clone(),
        networks: before.networks.clone(),
        expires_at: now.plus(life),
    };
    let made = make(&mut work, plan).await?;
    let before = before.hand_over(made.key.id, overlap, work.by(), now);
    work.tx.api_keys().end(&before).await?;
    let rotated = Rotated { made, before, ended };
    tell(&mut work, &rotated).await?;
    Ok(rotated)
}

async fn end_predecessor(
    work: &mut Work<'_, RotateApiKey>,
    key: &ApiKey,
) -> Result<Option<ApiKey>, RotateApiKeyError> {
    let (now, by) = (work.now(), work.by());
    let found = work
        .tx
        .api_keys()
        .predecessor(key.organization_id, key.id)
        .await?;
    let Some(found) = found.filter(|key| key.is_live(now)) else {
        return Ok(None);
    };
    let ended = found.revoke(by, now);
    work.tx.api_keys().end(&ended).await?;
    Ok(Some(ended))
}

async fn tell(work: &mut Work<'_, RotateApiKey>, rotated: &Rotated) -> Result<(), RotateApiKeyError> {
    let Rotated { made, before, .. } = rotated;
    let about = about(action::API_KEY_ROTATE, before.id, Some(before.user_id));
    let facts = facts(&made.key);
    let until = if before.revoked_at.is_some() {
        work.now()
    } else {
        before.expires_at
    };
    let successor = made.key.id.to_string();
    work.raise(&about, Outcome::Success, |event| {
        let event = facts
            .into_iter()
            .fold(event, |event, (name, fact)| event.detail(name, fact));
        event
            .detail("successor", Detail::Text(successor))
            .detail("old_lives_until", Detail::Text(until.rfc3339()))
    })
    .await?;
    Ok(())
}
