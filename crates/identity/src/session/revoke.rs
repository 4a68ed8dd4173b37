//! Ends sessions of the caller: one by its id, or all but the present one.

use vutf_kernel::{Actor, Ctx, Detail, Outcome, SessionId};

use crate::{
    Identity, action,
    link::{self, LinkPurpose},
    refusal::{RuleError, use_case_error},
    role::permission,
    work::{About, Work},
};

const REASON: &str = "revoked";

/// Ends one of the caller's own sessions.
#[derive(Clone, Copy, Debug)]
pub struct RevokeSession {
    /// Which.
    pub session_id: SessionId,
}

use_case_error! {
    /// Why no session was ended.
    RevokeSessionError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// No such session, ended already, or somebody else's.
        NotFound => NotFound, "session_not_found", "there is no such session";
    } {
        /// A permission is missing.
        Rule(RuleError);
    }
}

/// Ends one of the caller's own sessions and its refresh tokens.
pub async fn revoke(ctx: &Ctx, id: &Identity, command: RevokeSession) -> Result<(), RevokeSessionError> {
    let about = About::session(action::SESSION_REVOKE, command.session_id);
    let done = id.run(ctx, command, |work| Box::pin(one(work))).await;
    id.audited(ctx, about, done).await?;
    id.sessions.forget(command.session_id);
    Ok(())
}

/// Ends all of the caller's own sessions but the present one; answers which.
pub async fn revoke_others(ctx: &Ctx, id: &Identity) -> Result<Vec<SessionId>, RevokeSessionError> {
    let done = id.run(ctx, (), |work| Box::pin(others(work))).await;
    let about = About::kind(action::SESSION_REVOKE_OTHERS);
    let ended = id.audited(ctx, about, done).await?;
    for session in &ended {
        id.sessions.forget(*session);
    }
    Ok(ended)
}

async fn one(mut work: Work<'_, RevokeSession>) -> Result<(), RevokeSessionError> {
    let user = work.signed_in().ok_or(RevokeSessionError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let session_id = work.command.session_id;
    let session = work.tx.sessions().find(organization, session_id).await?;
    session
        .filter(|session| session.user_id == user)
        .ok_or(RevokeSessionError::NotFound)?;
    let ended = work
        .tx
        .sessions()
        .revoke(organization, session_id, REASON, Some(user), now)
        .await?;
    if !ended {
        return Err(RevokeSessionError::NotFound);
    }
    work.tx.refresh().revoke_of_session(session_id, now).await?;
    let about = About::session(action::SESSION_REVOKE, session_id).of(user);
    Ok(work.done(&about).await?)
}

async fn others(mut work: Work<'_, ()>) -> Result<Vec<SessionId>, RevokeSessionError> {
    let Actor::User { user_id, session_id } = work.ctx.actor else {
        return Err(RevokeSessionError::NotSignedIn);
    };
    work.require(&permission::SELF_MANAGE)?;
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let ended = work
        .tx
        .sessions()
        .revoke_all(
            organization,
            user_id,
            Some(session_id),
            REASON,
            Some(user_id),
            now,
        )
        .await?;
    // Whoever is ended may have asked for another address.
    link::end(&mut work, user_id, &[LinkPurpose::ChangeEmail]).await?;
    let about = About::kind(action::SESSION_REVOKE_OTHERS).of(user_id);
    let count = i64::try_from(ended.len()).unwrap_or(i64::MAX);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("sessions_ended", Detail::Number(count))
    })
    .await?;
    Ok(ended)
}
