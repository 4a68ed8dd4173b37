//! The second step of a sign-in: the challenge that a right password gave, and a second factor.

use vutf_kernel::{Aal, Ctx, Outcome, PortError, Secret};

use super::{
    login::{Client, obstacle},
    open::{Opened, Proved, open},
};
use crate::{
    Identity, User, action, device,
    guard::GuardKey,
    mfa::{Factor, MfaChallenge, prove},
    passkey::{self, Challenge, prove::Demanded},
    refresh::TokenHash,
    refusal::use_case_error,
    work::{About, Work},
};

const ACTION: vutf_kernel::Action = action::SESSION_LOGIN;
const BY_CODE: Proved = Proved {
    aal: Aal::Aal2,
    amr: &["pwd", prove::AMR],
};
const BY_PASSKEY: Proved = Proved {
    aal: Aal::Aal2,
    amr: &["pwd", passkey::AMR],
};

/// Somebody presents their second factor.
#[derive(Debug)]
pub struct Verify {
    /// As the first step gave it.
    pub challenge: Secret<String>,
    /// The factor.
    pub factor: Factor,
    /// With what.
    pub client: Client,
}

use_case_error! {
    /// Why nobody was signed in.
    VerifyError {
        /// Unknown, used or over, or the account has changed since: sign in from the start.
        Challenge => Unauthenticated, "invalid_challenge", "the challenge is not valid; sign in again";
        /// Wrong, used before, or tried too often: the answer does not say which.
        Code => Unauthenticated, "invalid_mfa_code", "the code is not right";
    } {}
}

/// Why a round ended without a session. It is committed: the attempt counts.
enum Loss {
    Challenge(About, &'static str),
    Code(About, &'static str),
}

/// Signs in. A challenge outlives a wrong code, which counts against the factor; it ends with the first that is right.
pub async fn verify(ctx: &Ctx, id: &Identity, command: Verify) -> Result<Opened, VerifyError> {
    let opened = id.run(ctx, command, |work| Box::pin(round(work))).await??;
    id.forget(opened.ended());
    Ok(opened)
}

/// The outer error rolls back; the inner one is committed with its event.
async fn round(mut work: Work<'_, Verify>) -> Result<Result<Opened, VerifyError>, VerifyError> {
    let (about, reason, error) = match apply(&mut work).await? {
        Ok(opened) => return Ok(Ok(opened)),
        Err(Loss::Challenge(about, reason)) => (about, reason, VerifyError::Challenge),
        Err(Loss::Code(about, reason)) => (about, reason, VerifyError::Code),
    };
    let outcome = Outcome::refused(reason);
    work.raise(&about, outcome, |event| event).await?;
    Ok(Err(error))
}

async fn apply(work: &mut Work<'_, Verify>) -> Result<Result<Opened, Loss>, PortError> {
    let organization = work.ctx.organization_id;
    let hash = TokenHash::of(work.command.challenge.expose());
    let stranger = About::kind(ACTION);
    let Some(waiting) = work.tx.mfa().find_challenge(organization, &hash).await? else {
        return Ok(Err(Loss::Challenge(stranger, "unknown_challenge")));
    };
    let about = stranger.of(waiting.user_id);
    let user = match still_open(work, &waiting).await? {
        Ok(user) => user,
        Err(reason) => return Ok(Err(Loss::Challenge(about, reason))),
    };
    let proved = match factor_holds(work, &user, &waiting).await? {
        Ok(proved) => proved,
        Err(reason) => return Ok(Err(Loss::Code(about, reason))),
    };
    if !work.tx.mfa().close_challenge(organization, &hash).await? {
        return Ok(Err(Loss::Challenge(about, "used_challenge")));
    }
    let client = work.command.client.clone();
    let opened = open(work, ACTION, &user, proved, client.kind).await?;
    let (proved, presented) = (waiting.password_changed_at, client.device.as_ref());
    let device = device::recognise(work, &user, proved, presented).await?;
    Ok(Ok(opened.known_by(device)))
}

/// What was proved by it, or why nothing.
async fn factor_holds(
    work: &mut Work<'_, Verify>,
    user: &User,
    waiting: &MfaChallenge,
) -> Result<Result<&'static Proved, &'static str>, PortError> {
    match work.command.factor.clone() {
        Factor::Code(presented) => {
            let proved = prove::prove(work, user.id, &presented).await?;
            Ok(proved.map(|()| &BY_CODE))
        }
        Factor::Passkey(assertion) => {
            let demanded = Demanded {
                challenge: Challenge::of_sign_in(&work.command.challenge),
                user: Some(user.id),
                user_verification: false,
                beside: Some(waiting.password_changed_at),
            };
            let proved = passkey::prove::prove(work, &assertion, &demanded).await?;
            Ok(proved.map(|_| &BY_PASSKEY).map_err(|(_, reason)| reason))
        }
    }
}

/// The account, if what the first step found is still so; else why not.
async fn still_open(
    work: &mut Work<'_, Verify>,
    waiting: &MfaChallenge,
) -> Result<Result<User, &'static str>, PortError> {
    let organization = waiting.organization_id;
    if work.now() >= waiting.expires_at {
        return Ok(Err("expired_challenge"));
    }
    let Some(user) = work.tx.users().find(organization, waiting.user_id).await? else {
        return Ok(Err("deleted"));
    };
    if let Some(reason) = obstacle(&user) {
        return Ok(Err(reason));
    }
    // After a change of the password that is under way, as at the first step.
    let (key, now) = (GuardKey::password_of(user.id), work.now());
    work.tx.guards().lock(organization, &key, now).await?;
    let password = work.tx.passwords().find(organization, user.id).await?;
    let same = password.is_some_and(|record| record.changed_at == waiting.password_changed_at);
    Ok(match (user.epoch == waiting.epoch, same) {
        (true, true) => Ok(user),
        (false, _) => Err("sessions_ended"),
        (_, false) => Err("password_changed"),
    })
}
