//! Proves anew, within a session, who is in it: RFC 9470. Whoever has a second factor does it with that, and whoever has none
//! with the password.

use std::time::Duration;

use vutf_kernel::{Aal, Actor, Assurance, Ctx, Outcome, Secret, SessionId, UserId};

use super::{
    Ends, cookie,
    grant::{self, Rights},
    login::{Attempt, Counter, Loss, Proof, check, settle},
    place,
};
use crate::{
    Identity, User, action,
    guard::{Barred, GuardKey, count},
    mfa::{Presented, factors, freshness::raised, prove},
    passkey::{self, Assertion, Purpose, RequestOptions, prove::Demanded},
    password::HashError,
    refusal::use_case_error,
    work::{About, Work},
};

const ACTION: vutf_kernel::Action = action::SESSION_STEP_UP;

/// What somebody proves themself with.
#[derive(Debug)]
pub enum StepUp {
    /// As typed.
    Password(Secret<String>),
    /// The second factor.
    SecondFactor(Presented),
    /// The answer of an authenticator to the challenge of [`begin`].
    Passkey(Assertion),
}

/// The new proof, and by what the session is held from now on. A refresh token stays as it is.
#[derive(Clone, Debug)]
pub struct SteppedUp {
    /// What tells of it.
    pub credential: Credential,
    /// The session.
    pub session_id: SessionId,
    /// What the session has proved now.
    pub assurance: Assurance,
}

/// By what a session is held after a new proof.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An access token that tells of it.
    Token {
        /// PASETO v4.public.
        access_token: Secret<String>,
        /// Its life.
        expires_in: Duration,
    },
    /// A new cookie; the one from before is worth nothing.
    Cookie {
        /// The secret.
        cookie: Secret<String>,
        /// When the session ends.
        ends: Ends,
    },
}

use_case_error! {
    /// Why nothing was proved.
    StepUpError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// Wrong, used before, or tried too often: the answer does not say which.
        Refused => Unauthenticated, "reauthentication_refused", "this does not prove who you are";
        /// A password alone would let whoever stole it change the factor that guards against that.
        FactorDemanded => Conflict, "second_factor_demanded", "this account proves itself with its second factor";
    } {
        /// No hash can be computed now.
        Hash(HashError);
    }
}

use_case_error! {
    /// Why nothing is asked of an authenticator.
    BeginStepUpError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// There is nothing to ask.
        NoPasskey => Conflict, "no_passkey", "this account has no passkey";
    } {}
}

/// Why nothing was proved, for the log. It is committed: the attempt counts.
type Reason = &'static str;

/// Proves it, and moves the session's time and level.
pub async fn step_up(ctx: &Ctx, id: &Identity, command: StepUp) -> Result<SteppedUp, StepUpError> {
    let done = match command {
        StepUp::Password(password) => by_password(ctx, id, password).await,
        StepUp::SecondFactor(presented) => {
            let done = id.run(ctx, presented, |work| Box::pin(by_factor(work)));
            done.await
                .and_then(|done| done.map_err(|_recorded| StepUpError::Refused))
        }
        StepUp::Passkey(assertion) => {
            let done = id.run(ctx, assertion, |work| Box::pin(by_passkey(work)));
            done.await
                .and_then(|done| done.map_err(|_recorded| StepUpError::Refused))
        }
    };
    let stepped_up = match done {
        // Recorded already, with the reason.
        Err(StepUpError::Refused) => return Err(StepUpError::Refused),
        other => id.audited(ctx, about(ctx), other).await?,
    };
    id.sessions.forget(stepped_up.session_id);
    Ok(stepped_up)
}

fn about(ctx: &Ctx) -> About {
    match ctx.actor {
        Actor::User { user_id, session_id } => About::session(ACTION, session_id).of(user_id),
        _ => About::kind(ACTION),
    }
}

async fn by_factor(mut work: Work<'_, Presented>) -> Result<Result<SteppedUp, Reason>, StepUpError> {
    let Actor::User { user_id, session_id } = work.ctx.actor else {
        return Err(StepUpError::NotSignedIn);
    };
    let presented = work.command.clone();
    if let Err(reason) = prove::prove(&mut work, user_id, &presented).await? {
        let about = about(&work.ctx);
        work.raise(&about, Outcome::refused(reason), |event| event)
            .await?;
        return Ok(Err(reason));
    }
    raise(&mut work, session_id, Aal::Aal2, prove::AMR).await.map(Ok)
}

async fn by_passkey(mut work: Work<'_, Assertion>) -> Result<Result<SteppedUp, Reason>, StepUpError> {
    let Actor::User { user_id, session_id } = work.ctx.actor else {
        return Err(StepUpError::NotSignedIn);
    };
    if let Err(reason) = assertion_holds(&mut work, user_id).await? {
        let about = about(&work.ctx);
        work.raise(&about, Outcome::refused(reason), |event| event)
            .await?;
        return Ok(Err(reason));
    }
    raise(&mut work, session_id, Aal::Aal2, passkey::AMR)
        .await
        .map(Ok)
}

async fn assertion_holds(
    work: &mut Work<'_, Assertion>,
    user: UserId,
) -> Result<Result<(), Reason>, StepUpError> {
    let presented = work.command.clone();
    let closed = passkey::prove::close(work, Purpose::StepUp, &presented.client_data).await?;
    let challenge = match closed {
        Ok(challenge) => challenge,
        Err(reason) => return Ok(Err(reason)),
    };
    let demanded = Demanded {
        challenge,
        user: Some(user),
        user_verification: must_verify(&work.ctx),
        beside: None,
    };
    let proved = passkey::prove::prove(work, &presented, &demanded).await?;
    Ok(proved.map(|_| ()).map_err(|(_, reason)| reason))
}

/// Beside a password that this session proved, it is enough that somebody has the authenticator. Who signed in with a passkey
/// alone shows again that it is they who have it.
fn must_verify(ctx: &Ctx) -> bool {
    let proved = ctx.assurance.as_ref().map(|assurance| &assurance.amr);
    !proved.is_some_and(|amr| amr.iter().any(|method| method == "pwd"))
}

/// Says what an authenticator is to sign for [`StepUp::Passkey`].
pub async fn begin(ctx: &Ctx, id: &Identity) -> Result<RequestOptions, BeginStepUpError> {
    let done = id.run(ctx, (), |work| Box::pin(ask(work))).await;
    let about = match ctx.actor {
        Actor::User { user_id, session_id } => {
            About::session(action::PASSKEY_CHALLENGE, session_id).of(user_id)
        }
        _ => About::kind(action::PASSKEY_CHALLENGE),
    };
    id.audited(ctx, about, done).await
}

async fn ask(mut work: Work<'_, ()>) -> Result<RequestOptions, BeginStepUpError> {
    let Actor::User { user_id, session_id } = work.ctx.actor else {
        return Err(BeginStepUpError::NotSignedIn);
    };
    let organization = work.ctx.organization_id;
    let passkeys = work.tx.passkeys().of_user(organization, user_id).await?;
    if passkeys.is_empty() {
        return Err(BeginStepUpError::NoPasskey);
    }
    let challenge = passkey::prove::open(&mut work, Purpose::StepUp).await?;
    let about = About::session(action::PASSKEY_CHALLENGE, session_id).of(user_id);
    work.done(&about).await?;
    let verify = must_verify(&work.ctx);
    Ok(RequestOptions::of(
        &work.id.settings.passkeys,
        challenge,
        &passkeys,
        verify,
    ))
}

/// As a sign-in: counted before the slow check, which is outside any transaction, and looked at again after it.
async fn by_password(ctx: &Ctx, id: &Identity, password: Secret<String>) -> Result<SteppedUp, StepUpError> {
    let permit = id.hasher.permit().await?;
    let attempt = id.run(ctx, (), |work| Box::pin(admit(work))).await?;
    let reason = match check(id, &*permit, attempt, &password).await? {
        Ok(proof) => {
            drop(permit);
            match id.run(ctx, proof, |work| Box::pin(accept(work))).await? {
                Ok(stepped_up) => return Ok(stepped_up),
                Err(reason) => reason,
            }
        }
        Err(reason) => reason,
    };
    id.refused(ctx, about(ctx), reason).await?;
    Err(StepUpError::Refused)
}

async fn admit(mut work: Work<'_, ()>) -> Result<Attempt, StepUpError> {
    let user = work.signed_in().ok_or(StepUpError::NotSignedIn)?;
    let organization = work.ctx.organization_id;
    if factors(&mut work, user).await?.any() {
        return Err(StepUpError::FactorDemanded);
    }
    let found = find(&mut work, user).await?;
    let barred = count(&mut work, &GuardKey::password_of(user)).await?;
    let password = work.tx.passwords().find(organization, user).await?;
    Ok(Attempt {
        user: Some(found),
        password,
        barred: barred.map(Barred::reason),
        counter: Counter::Session,
        bars: false,
    })
}

async fn accept(mut work: Work<'_, Proof>) -> Result<Result<SteppedUp, Reason>, StepUpError> {
    let Actor::User { user_id, session_id } = work.ctx.actor else {
        return Err(StepUpError::NotSignedIn);
    };
    let user = find(&mut work, user_id).await?;
    match settle(&mut work, &user).await {
        Ok(_changed_at) => {}
        Err(Loss::Refused(reason)) => return Ok(Err(reason)),
        Err(Loss::Port(error)) => return Err(error.into()),
    }
    raise(&mut work, session_id, Aal::Aal1, "pwd").await.map(Ok)
}

async fn find<C>(work: &mut Work<'_, C>, user: UserId) -> Result<User, StepUpError> {
    let organization = work.ctx.organization_id;
    let found = work.tx.users().find(organization, user).await?;
    found.ok_or(StepUpError::NotSignedIn)
}

/// Notes the proof, and hands out a token that tells of it.
async fn raise<C>(
    work: &mut Work<'_, C>,
    session: SessionId,
    aal: Aal,
    method: &'static str,
) -> Result<SteppedUp, StepUpError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let found = work.tx.sessions().find(organization, session).await?;
    let mut session = found.ok_or(StepUpError::NotSignedIn)?;
    session.assurance = raised(&session.assurance, aal, method, now);
    let ends = work
        .id
        .settings
        .ends(session.stamps.created_at, &session.assurance, now);
    let session = session.until(ends);
    let noted = work
        .tx
        .sessions()
        .reauthenticate(organization, session.id, &session.assurance, ends, now)
        .await?;
    if !noted {
        return Err(StepUpError::NotSignedIn);
    }
    place::settle(work, session.id).await?;
    let about = about(&work.ctx);
    work.done(&about).await?;
    let credential = if let Some(cookie) = cookie::renew(work, session.id).await? {
        Credential::Cookie { cookie, ends }
    } else {
        let rights = Rights::of(work, session.user_id).await?;
        let (access_token, expires_in) = grant::access(&work.id, &mut work.env, &session, rights)?;
        Credential::Token {
            access_token,
            expires_in,
        }
    };
    Ok(SteppedUp {
        credential,
        session_id: session.id,
        assurance: session.assurance,
    })
}
