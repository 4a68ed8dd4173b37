//! Confirms a new authenticator app with a code that it shows.

use vutf_kernel::{Aal, Ctx, Detail, Outcome, PortError, Secret, SessionId, UserId};

use super::{
    BackupCode, InsufficientAuthentication, Method, factors,
    freshness::{FRESH, FRESH_SECOND_FACTOR, raised},
    own, prove,
};
use crate::{
    Identity, RuleError, action,
    guard::{GuardKey, GuardState},
    mail::MailKind,
    refusal::use_case_error,
    role::permission,
    session::{Ends, cookie, list::others},
    work::Work,
};

/// A code from the new app.
#[derive(Debug)]
pub struct Confirm {
    /// As typed.
    pub code: Secret<String>,
}

/// A factor that counts.
#[derive(Clone, Debug)]
pub struct Confirmed {
    /// New backup codes.
    pub codes: Vec<BackupCode>,
    /// The new cookie of a browser's session, which may do more now, and when that ends.
    pub cookie: Option<(Secret<String>, Ends)>,
    /// Sessions from before, which have not proved the factor.
    pub other_sessions: usize,
}

use_case_error! {
    /// Why the factor does not count yet.
    ConfirmError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// None waits to be confirmed, or it has waited too long.
        NoEnrolment => Conflict, "no_mfa_enrolment", "no second factor waits to be confirmed";
        /// The app's clock is wrong, or the code was mistyped.
        WrongCode => Invalid, "wrong_mfa_code", "the code is not right";
    } {
        /// A permission is missing.
        Rule(RuleError);
        /// The last proof is too old.
        Fresh(InsufficientAuthentication);
    }
}

/// Confirms the factor that waits, in the place of the one before; answers new backup codes. The code is used up by it, and the
/// session has proved two factors with it.
pub async fn confirm(ctx: &Ctx, id: &Identity, command: Confirm) -> Result<Confirmed, ConfirmError> {
    let about = own(action::MFA_CONFIRM, ctx);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    if matches!(done, Err(ConfirmError::WrongCode)) {
        id.refused(ctx, about.clone(), "wrong_mfa_code").await?;
    }
    let (confirmed, session) = id.audited(ctx, about, done).await?;
    id.sessions.forget(session);
    Ok(confirmed)
}

async fn apply(mut work: Work<'_, Confirm>) -> Result<(Confirmed, SessionId), ConfirmError> {
    let vutf_kernel::Actor::User { user_id, session_id } = work.ctx.actor else {
        return Err(ConfirmError::NotSignedIn);
    };
    work.require(&permission::SELF_MANAGE)?;
    let (now, organization) = (work.now(), work.ctx.organization_id);
    FRESH.check(&work.ctx, now)?;
    let before = factors(&mut work, user_id).await?;
    if before.any() {
        FRESH_SECOND_FACTOR.check(&work.ctx, now)?;
    }
    let pending = work.tx.mfa().pending(organization, user_id).await?;
    let pending = pending.filter(|factor| !factor.is_overdue(now));
    let pending = pending.ok_or(ConfirmError::NoEnrolment)?;
    let step = pending.unused_step(&work.command.code, now);
    let factor = pending.confirm(step.map_err(|_| ConfirmError::WrongCode)?, now);
    if !work.tx.mfa().confirm(&factor).await? {
        return Err(ConfirmError::NoEnrolment);
    }
    let codes = BackupCode::generate_set(work.env.entropy);
    work.tx
        .mfa()
        .put_codes(organization, user_id, &codes, now)
        .await?;
    forget_failures(&mut work, user_id, &Method::GUESSABLE).await?;
    let ends = raise_session(&mut work, session_id, prove::AMR).await?;
    let ends = ends.ok_or(ConfirmError::NotSignedIn)?;
    let cookie = cookie::renew(&mut work, session_id).await?;
    let cookie = cookie.map(|cookie| (cookie, ends));
    super::notify(&mut work, user_id, MailKind::FactorEnrolled).await?;
    let replaced = Detail::Bool(before.totp);
    let about = own(action::MFA_CONFIRM, &work.ctx);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("replaced", replaced)
    })
    .await?;
    let confirmed = Confirmed {
        codes,
        cookie,
        other_sessions: others(&mut work).await?,
    };
    Ok((confirmed, session_id))
}

/// What is bound anew has not been guessed at yet.
pub(crate) async fn forget_failures<C>(
    work: &mut Work<'_, C>,
    user: UserId,
    methods: &[Method],
) -> Result<(), PortError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    for method in methods {
        let key = GuardKey::second_factor_of(user, *method);
        let clear = GuardState::CLEAR;
        work.tx.guards().put(organization, &key, &clear, now).await?;
    }
    Ok(())
}

/// The password was proved lately, and the factor just now. `None` when the session is over.
pub(crate) async fn raise_session<C>(
    work: &mut Work<'_, C>,
    session: SessionId,
    method: &str,
) -> Result<Option<Ends>, PortError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let Some(found) = work.tx.sessions().find(organization, session).await? else {
        return Ok(None);
    };
    let before = found.assurance;
    let after = raised(&before, Aal::Aal2, method, before.auth_time);
    let ends = work.id.settings.ends(found.stamps.created_at, &after, now);
    let live = work
        .tx
        .sessions()
        .reauthenticate(organization, session, &after, ends, now)
        .await?;
    Ok(live.then_some(ends))
}
