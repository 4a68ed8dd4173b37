//! Ends the caller's own session.

use vutf_kernel::{Actor, Ctx, Detail, Event, Outcome, SessionId};

use crate::{
    Identity, action,
    refusal::use_case_error,
    work::{About, Work},
};

use_case_error! {
    /// Why no session was ended.
    LogoutError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "there is no session to end";
    } {}
}

/// Ends the session that the call belongs to, and its refresh tokens. Doing it again changes nothing, and is recorded.
pub async fn logout(ctx: &Ctx, id: &Identity) -> Result<(), LogoutError> {
    let done = id.run(ctx, (), |work| Box::pin(apply(work))).await;
    let session = id.audited(ctx, About::kind(action::SESSION_LOGOUT), done).await?;
    id.sessions.forget(session);
    Ok(())
}

async fn apply(mut work: Work<'_, ()>) -> Result<SessionId, LogoutError> {
    let Actor::User { user_id, session_id } = work.ctx.actor else {
        return Err(LogoutError::NotSignedIn);
    };
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let ended = work
        .tx
        .sessions()
        .revoke(organization, session_id, "logout", Some(user_id), now)
        .await?;
    let about = About::session(action::SESSION_LOGOUT, session_id).of(user_id);
    if ended {
        work.tx.refresh().revoke_of_session(session_id, now).await?;
        work.done(&about).await?;
    } else {
        let repeated = |event: Event| event.detail("repeated", Detail::Bool(true));
        work.raise(&about, Outcome::Success, repeated).await?;
    }
    Ok(session_id)
}
