//! A person sees whether they are to be erased.

use vutf_kernel::{Ctx, Question};

use super::{ErasureRequest, ask::in_session};
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

use_case_error! {
    /// Why nothing is shown.
    ViewErasureError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
    } {
        /// A permission is missing.
        Rule(RuleError);
    }
}

/// The caller's request, if there is one.
pub async fn view(ctx: &Ctx, id: &Identity) -> Result<Option<ErasureRequest>, ViewErasureError> {
    let about = match ctx.actor.user_id() {
        Some(user) => About::user(action::ERASURE_READ, user),
        None => About::kind(action::ERASURE_READ),
    };
    let done = id.look(ctx, (), |work| Box::pin(show(work))).await;
    id.audited(ctx, about, done).await
}

async fn show(mut work: Work<'_, ()>) -> Result<Option<ErasureRequest>, ViewErasureError> {
    let user = in_session(&work.ctx.actor).ok_or(ViewErasureError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let organization = work.ctx.organization_id;
    let found = work.tx.erasure_requests().find(organization, user).await?;
    let about = About::user(action::ERASURE_READ, user);
    let question = Question::all(action::ERASURE_READ).with("id", Some(user.as_uuid()));
    let shown: Vec<_> = found.iter().map(|request| request.user_id.as_uuid()).collect();
    work.shown(&about, &question, &shown).await?;
    Ok(found)
}
