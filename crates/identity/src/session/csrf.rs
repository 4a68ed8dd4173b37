//! Somebody asks for the token that a browser needs beside its cookie. What it is made of is the edge's matter; that it was handed out is
//! an event.

use vutf_kernel::{Actor, Ctx};

use super::SessionKind;
use crate::{Identity, action, refusal::use_case_error, work::About};

use_case_error! {
    /// Why no token is handed out.
    CsrfError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// An access token is sent on purpose and needs nothing beside it.
        NoCookie => Conflict, "no_cookie_session", "only a request that is signed in by its cookie needs such a token";
    } {}
}

/// Whether the caller is to have one.
pub async fn hand_out(ctx: &Ctx, id: &Identity, kind: SessionKind) -> Result<(), CsrfError> {
    let Actor::User { user_id, session_id } = ctx.actor else {
        let nobody: Result<(), _> = Err(CsrfError::NotSignedIn);
        return id.audited(ctx, About::kind(action::SESSION_CSRF), nobody).await;
    };
    let about = About::session(action::SESSION_CSRF, session_id).of(user_id);
    match kind {
        SessionKind::Cookie => Ok(id.shown(ctx, about).await?),
        SessionKind::Token => id.audited(ctx, about, Err(CsrfError::NoCookie)).await,
    }
}
