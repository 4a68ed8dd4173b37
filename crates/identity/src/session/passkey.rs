//! Signs in with a passkey and nothing else: possession of the key, and the PIN or the finger by which the authenticator gives it
//! free, are two factors. NIST SP 800-63B-4 §3.1.7.3.
//!
//! Nobody says who they are, so there is nothing to lock: guesses at an account's password, however many, do not come this way.

use vutf_kernel::{Aal, Ctx, Outcome, PortError, Timestamp};

use super::{
    login::{Client, obstacle},
    open::{Opened, Proved, open},
};
use crate::{
    Identity, User, action, consent, device,
    guard::GuardKey,
    passkey::{self, Assertion, Passkey, Purpose, RequestOptions, prove::Demanded},
    refusal::use_case_error,
    work::{About, Work},
};

const ACTION: vutf_kernel::Action = action::SESSION_LOGIN;
/// At most AAL2, whatever the authenticator is: nothing shows that the key cannot leave it (SP 800-63B-4 §2.3.1 and appendix B).
const PROVED: Proved = Proved {
    aal: Aal::Aal2,
    amr: &[passkey::AMR, "user", "mfa"],
};

/// What an authenticator answers.
#[derive(Debug)]
pub struct PasskeyLogin {
    /// To the challenge of [`begin`].
    pub assertion: Assertion,
    /// With what.
    pub client: Client,
}

use_case_error! {
    /// Why nobody was signed in.
    PasskeyLoginError {
        /// Unknown, expired or used challenge, unknown credential, another site, a wrong signature, a copy, or an account that may not
        /// be used: the answer does not say which.
        Refused => Unauthenticated, "invalid_passkey", "this passkey does not sign anybody in";
        /// The system-use notice must be agreed to.
        NoticeNotAccepted => Forbidden, "system_use_not_accepted", "agree to the system-use notice first";
    } {}
}

/// Says what an authenticator is to sign; for anybody.
pub async fn begin(ctx: &Ctx, id: &Identity) -> Result<RequestOptions, PortError> {
    id.run(ctx, (), |work| Box::pin(ask(work))).await
}

async fn ask(mut work: Work<'_, ()>) -> Result<RequestOptions, PortError> {
    let challenge = passkey::prove::open(&mut work, Purpose::SignIn).await?;
    work.done(&About::kind(action::PASSKEY_CHALLENGE)).await?;
    let policy = &work.id.settings.passkeys;
    Ok(RequestOptions::of(policy, challenge, &[], true))
}

/// Signs in. The challenge is used up, whatever comes of it.
pub async fn login(ctx: &Ctx, id: &Identity, command: PasskeyLogin) -> Result<Opened, PasskeyLoginError> {
    if !id.settings.system_use.admits(command.client.accepts.as_deref()) {
        let refused = Err(PasskeyLoginError::NoticeNotAccepted);
        return id.audited(ctx, About::kind(ACTION), refused).await;
    }
    let opened = id.run(ctx, command, |work| Box::pin(round(work))).await??;
    id.forget(opened.ended());
    Ok(opened)
}

/// The outer error rolls back; the inner one is committed with its event.
async fn round(
    mut work: Work<'_, PasskeyLogin>,
) -> Result<Result<Opened, PasskeyLoginError>, PasskeyLoginError> {
    match apply(&mut work).await? {
        Ok(opened) => Ok(Ok(opened)),
        Err((about, reason)) => {
            let outcome = Outcome::refused(reason);
            work.raise(&about, outcome, |event| event).await?;
            Ok(Err(PasskeyLoginError::Refused))
        }
    }
}

type Loss = (About, &'static str);

async fn apply(work: &mut Work<'_, PasskeyLogin>) -> Result<Result<Opened, Loss>, PortError> {
    let stranger = About::kind(ACTION);
    let command = work.command.clone();
    let closed = passkey::prove::close(work, Purpose::SignIn, &command.assertion.client_data).await?;
    let challenge = match closed {
        Ok(challenge) => challenge,
        Err(reason) => return Ok(Err((stranger, reason))),
    };
    let demanded = Demanded {
        challenge,
        user: None,
        user_verification: true,
        beside: None,
    };
    let passkey = match passkey::prove::prove(work, &command.assertion, &demanded).await? {
        Ok(passkey) => passkey,
        Err((whose, reason)) => return Ok(Err((stranger.of(whose), reason))),
    };
    let about = stranger.of(passkey.user_id);
    let (user, password_changed_at) = match owner(work, &passkey).await? {
        Ok(owner) => owner,
        Err(reason) => return Ok(Err((about, reason))),
    };
    consent::accept(work, &user, command.client.accepts.as_deref()).await?;
    let opened = open(work, ACTION, &user, &PROVED, command.client.kind).await?;
    let Some(changed_at) = password_changed_at else {
        return Ok(Ok(opened));
    };
    let presented = command.client.device.as_ref();
    let device = device::recognise(work, &user, changed_at, presented).await?;
    Ok(Ok(opened.known_by(device)))
}

/// The account and when its password was set, if it may be used and the passkey still opens it alone.
async fn owner(
    work: &mut Work<'_, PasskeyLogin>,
    passkey: &Passkey,
) -> Result<Result<(User, Option<Timestamp>), &'static str>, PortError> {
    let organization = work.ctx.organization_id;
    let Some(user) = work.tx.users().find(organization, passkey.user_id).await? else {
        return Ok(Err("deleted"));
    };
    if let Some(reason) = obstacle(&user) {
        return Ok(Err(reason));
    }
    // After a change of the password that is under way. The row is locked, and nothing is counted in it.
    let (key, now) = (GuardKey::password_of(user.id), work.now());
    work.tx.guards().lock(organization, &key, now).await?;
    let password = work.tx.passwords().find(organization, user.id).await?;
    let changed_at = password.map(|record| record.changed_at);
    Ok(if changed_at == passkey.password_changed_at {
        Ok((user, changed_at))
    } else {
        Err("password_changed")
    })
}
