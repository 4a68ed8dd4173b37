//! The caller's own sessions.

use vutf_kernel::{Ctx, Question};

use super::Session;
use crate::{
    Identity, action,
    refusal::{RuleError, use_case_error},
    role::permission,
    work::{About, Work},
};

use_case_error! {
    /// Why no sessions are shown.
    ListSessionsError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
    } {
        /// A permission is missing.
        Rule(RuleError);
    }
}

/// The caller's sessions that are not ended, newest first, at most 100. They hold addresses: to see them is an event.
pub async fn list(ctx: &Ctx, id: &Identity) -> Result<Vec<Session>, ListSessionsError> {
    let done = id.look(ctx, (), |work| Box::pin(apply(work))).await;
    id.audited(ctx, About::kind(action::SESSION_LIST), done).await
}

async fn apply(mut work: Work<'_, ()>) -> Result<Vec<Session>, ListSessionsError> {
    let user = work.signed_in().ok_or(ListSessionsError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let sessions = work.tx.sessions().live_of(organization, user, now).await?;
    let ids: Vec<_> = sessions.iter().map(|session| session.id.as_uuid()).collect();
    let about = About::kind(action::SESSION_LIST).of(user);
    work.shown(&about, &Question::all(action::SESSION_LIST), &ids)
        .await?;
    Ok(sessions)
}
