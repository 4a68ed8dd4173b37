//! A person takes it back that they asked to be erased. It takes no new proof: it can only keep what is there.

use vutf_kernel::Ctx;

use super::ask::in_session;
use crate::{
    Identity, RuleError, action,
    mail::{self, MailKind},
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

use_case_error! {
    /// Why nothing was taken back.
    CancelErasureError {
        /// The caller is in no session, or the account is gone.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// It was not asked for.
        NotAsked => NotFound, "erasure_not_requested", "nobody asked to erase this account";
    } {
        /// A permission is missing.
        Rule(RuleError);
    }
}

/// Takes the caller's request back.
pub async fn cancel(ctx: &Ctx, id: &Identity) -> Result<(), CancelErasureError> {
    let about = match ctx.actor.user_id() {
        Some(user) => About::user(action::ERASURE_CANCEL, user),
        None => About::kind(action::ERASURE_CANCEL),
    };
    let done = id.run(ctx, (), |work| Box::pin(apply(work))).await;
    id.audited(ctx, about, done).await
}

async fn apply(mut work: Work<'_, ()>) -> Result<(), CancelErasureError> {
    let user = in_session(&work.ctx.actor).ok_or(CancelErasureError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let organization = work.ctx.organization_id;
    let user = work.tx.users().find(organization, user).await?;
    let user = user.ok_or(CancelErasureError::NotSignedIn)?;
    if !work.tx.erasure_requests().remove(organization, user.id).await? {
        return Err(CancelErasureError::NotAsked);
    }
    mail::notify(&mut work, &user, MailKind::ErasureCancelled, &user.email).await?;
    work.done(&About::user(action::ERASURE_CANCEL, user.id)).await?;
    Ok(())
}
