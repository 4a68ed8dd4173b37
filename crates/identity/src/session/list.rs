//! The caller's own sessions.

use vutf_kernel::{Actor, Ctx, PortError, Question};

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

/// How many other sessions of the caller are not over; 100 stands for as many or more.
pub(crate) async fn others<C>(work: &mut Work<'_, C>) -> Result<usize, PortError> {
    let Actor::User { user_id, session_id } = work.ctx.actor else {
        return Ok(0);
    };
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let all = work.tx.sessions().beyond(organization, user_id, 0, now).await?;
    Ok(all.into_iter().filter(|session| *session != session_id).count())
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
