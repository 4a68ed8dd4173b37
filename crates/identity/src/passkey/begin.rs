//! Begins the registration of a passkey.

use vutf_kernel::{Ctx, Secret};

use super::{CreationOptions, Purpose, options::Named, prove};
use crate::{
    Identity, RuleError, action,
    mfa::{
        InsufficientAuthentication, factors,
        freshness::{FRESH, FRESH_SECOND_FACTOR},
        own,
    },
    refusal::use_case_error,
    role::permission,
    work::Work,
};

use_case_error! {
    /// Why no registration was begun.
    BeginPasskeyError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// There are as many as there may be.
        TooMany => Conflict, "too_many_passkeys", "there are as many passkeys as there may be; remove one first";
    } {
        /// A permission is missing.
        Rule(RuleError);
        /// The last proof is too old; of whoever has a second factor, that factor is asked for.
        Fresh(InsufficientAuthentication);
    }
}

/// Says what the authenticator is to make.
pub async fn begin(ctx: &Ctx, id: &Identity) -> Result<CreationOptions, BeginPasskeyError> {
    let done = id.run(ctx, (), |work| Box::pin(apply(work))).await;
    id.audited(ctx, own(action::PASSKEY_BEGIN, ctx), done).await
}

async fn apply(mut work: Work<'_, ()>) -> Result<CreationOptions, BeginPasskeyError> {
    let user = work.signed_in().ok_or(BeginPasskeyError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let (now, organization) = (work.now(), work.ctx.organization_id);
    FRESH.check(&work.ctx, now)?;
    if factors(&mut work, user).await?.any() {
        FRESH_SECOND_FACTOR.check(&work.ctx, now)?;
    }
    let account = work.tx.users().find(organization, user).await?;
    let account = account.ok_or(BeginPasskeyError::NotSignedIn)?;
    let passkeys = work.tx.passkeys().of_user(organization, user).await?;
    let policy = work.id.settings.passkeys.clone();
    if passkeys.len() >= usize::try_from(policy.per_user).unwrap_or(usize::MAX) {
        return Err(BeginPasskeyError::TooMany);
    }
    let challenge = prove::open(&mut work, Purpose::Register).await?;
    work.done(&own(action::PASSKEY_BEGIN, &work.ctx)).await?;
    Ok(CreationOptions {
        challenge,
        rp_id: policy.rp_id,
        rp_name: policy.rp_name,
        user,
        username: Secret::new(account.username.expose().to_owned()),
        exclude: passkeys.iter().map(Named::from).collect(),
    })
}
