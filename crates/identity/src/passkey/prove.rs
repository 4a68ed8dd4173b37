//! Whether what somebody presents is a passkey of theirs.
//!
//! Nothing is counted against guesses: what an authenticator signs cannot be guessed, and a counter would be a way to lock its
//! owner out.

use vutf_kernel::{PortError, Timestamp, UserId};

use super::{Assertion, CEREMONY_LIFE, Challenge, Expected, Passkey, PasskeyChallenge, Purpose, Suspicion};
use crate::{
    mail::{self, MailKind},
    work::Work,
};

/// What is demanded of an assertion.
pub(crate) struct Demanded {
    /// What it must answer.
    pub(crate) challenge: Challenge,
    /// Whose it must be; `None`: whoever the authenticator names.
    pub(crate) user: Option<UserId>,
    /// Whether the authenticator must have verified the person.
    pub(crate) user_verification: bool,
    /// When the password that was proved beside it had been set.
    pub(crate) beside: Option<Timestamp>,
}

/// Whose passkey was refused, if it is anybody's, and why; for the log alone.
pub(crate) type Refused = (Option<UserId>, &'static str);

/// Notes the use if the assertion holds, and answers the passkey as it was before. The caller commits a refusal, too: its owner is
/// told of a suspicion.
pub(crate) async fn prove<C>(
    work: &mut Work<'_, C>,
    presented: &Assertion,
    demanded: &Demanded,
) -> Result<Result<Passkey, Refused>, PortError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let id = &presented.credential_id;
    let Some(passkey) = work.tx.passkeys().find_credential(organization, id).await? else {
        return Ok(Err((demanded.user, "unknown_credential")));
    };
    let owner = passkey.user_id;
    if let Some(reason) = foreign(&passkey, presented, demanded.user) {
        return Ok(Err((demanded.user.or(Some(owner)), reason)));
    }
    let id = work.id.clone();
    let expected = Expected {
        policy: &id.settings.passkeys,
        challenge: demanded.challenge,
        user_verification: demanded.user_verification,
    };
    let asserted = match id.ceremonies.assert(&expected, &passkey.public_key, presented) {
        Ok(asserted) => asserted,
        Err(error) => return Ok(Err((Some(owner), error.reason()))),
    };
    let used = match passkey.clone().used(asserted, now) {
        Ok(used) => used,
        Err(suspicion) => {
            if suspicion == Suspicion::Counter {
                warn(work, owner).await?;
            }
            return Ok(Err((Some(owner), suspicion.reason())));
        }
    };
    let used = Passkey {
        password_changed_at: demanded.beside.or(used.password_changed_at),
        ..used
    };
    if !work.tx.passkeys().note_use(&used).await? {
        return Ok(Err((Some(owner), "used_at_the_same_moment")));
    }
    Ok(Ok(passkey))
}

/// §7.2 steps 5 and 6: whose it is. Where nobody has said who they are, the authenticator must.
fn foreign(passkey: &Passkey, presented: &Assertion, user: Option<UserId>) -> Option<&'static str> {
    if user.is_some_and(|user| user != passkey.user_id) {
        return Some("foreign_credential");
    }
    match &presented.user_handle {
        Some(handle) if handle.as_slice() != passkey.user_id.as_bytes() => Some("wrong_user_handle"),
        None if user.is_none() => Some("wrong_user_handle"),
        _ => None,
    }
}

/// There may be a copy of the key.
async fn warn<C>(work: &mut Work<'_, C>, owner: UserId) -> Result<(), PortError> {
    let organization = work.ctx.organization_id;
    let Some(user) = work.tx.users().find(organization, owner).await? else {
        return Ok(());
    };
    mail::notify(work, &user, MailKind::PasskeyCopied, &user.email).await
}

/// Begins a ceremony.
pub(crate) async fn open<C>(work: &mut Work<'_, C>, purpose: Purpose) -> Result<Challenge, PortError> {
    let now = work.now();
    let challenge = Challenge::generate(work.env.entropy);
    let session = match work.ctx.actor {
        vutf_kernel::Actor::User { user_id, session_id } => Some((user_id, session_id)),
        _ => None,
    };
    let opened = PasskeyChallenge {
        hash: challenge.hash(),
        organization_id: work.ctx.organization_id,
        purpose,
        session,
        expires_at: now.plus(CEREMONY_LIFE),
        created_at: now,
    };
    work.tx.passkeys().open_challenge(&opened).await?;
    Ok(challenge)
}

/// Ends the ceremony that `client_data` says it belongs to, whatever comes of the rest: a challenge is answered once. Says why it
/// may not be answered here.
pub(crate) async fn close<C>(
    work: &mut Work<'_, C>,
    purpose: Purpose,
    client_data: &[u8],
) -> Result<Result<Challenge, &'static str>, PortError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let Some(challenge) = work.id.ceremonies.challenge(client_data) else {
        return Ok(Err(super::CeremonyError::MALFORMED.reason()));
    };
    let hash = challenge.hash();
    let Some(opened) = work.tx.passkeys().take_challenge(organization, &hash).await? else {
        return Ok(Err("unknown_challenge"));
    };
    let here = match work.ctx.actor {
        vutf_kernel::Actor::User { user_id, session_id } => Some((user_id, session_id)),
        _ => None,
    };
    Ok(if now >= opened.expires_at {
        Err("expired_challenge")
    } else if opened.purpose != purpose || opened.session != here {
        Err("foreign_challenge")
    } else {
        Ok(challenge)
    })
}
