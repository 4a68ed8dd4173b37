//! Adds the passkey that an authenticator made.

use vutf_kernel::{
    Actor, Ctx, Detail, FactorId, Fault, Outcome, PortError, Secret, SessionId, Stamps, UserId,
};

use super::{AMR, CredentialId, Expected, Passkey, PasskeyName, Purpose, Registration, prove};
use crate::{
    Identity, RuleError, action,
    mail::MailKind,
    mfa::{
        BackupCode, Factors, InsufficientAuthentication, Method,
        confirm::{forget_failures, raise_session},
        factors,
        freshness::{FRESH, FRESH_SECOND_FACTOR},
        notify, own,
    },
    refusal::use_case_error,
    role::permission,
    session::{Ends, cookie, list::others},
    work::Work,
};

/// What an authenticator made.
#[derive(Debug)]
pub struct RegisterPasskey {
    /// What its owner calls it.
    pub name: PasskeyName,
    /// The browser's answer.
    pub answer: Registration,
}

/// A passkey that counts.
#[derive(Clone, Debug)]
pub struct Registered {
    /// It.
    pub passkey: Passkey,
    /// New backup codes, if it is the first factor.
    pub codes: Vec<BackupCode>,
    /// The new cookie of a browser's session, which may do more now, and when that ends.
    pub cookie: Option<(Secret<String>, Ends)>,
    /// Sessions from before, which have not proved the factor.
    pub other_sessions: usize,
}

use_case_error! {
    /// Why there is no passkey.
    RegisterPasskeyError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// None was begun by this session, or it has waited too long, or it was answered before.
        NoCeremony => Conflict, "no_passkey_ceremony", "no registration of a passkey waits for this answer";
        /// What the browser answered does not hold.
        Refused => Invalid, "passkey_refused", "the answer of the authenticator does not hold";
        /// It is there already.
        Known => Conflict, "passkey_known", "this passkey is registered already";
        /// There are as many as there may be.
        TooMany => Conflict, "too_many_passkeys", "there are as many passkeys as there may be; remove one first";
    } {
        /// A permission is missing.
        Rule(RuleError);
        /// The last proof is too old.
        Fresh(InsufficientAuthentication);
    }
}

/// Why the answer was not taken, for the log. It is committed: the challenge is used up.
type Reason = (RegisterPasskeyError, &'static str);

/// Adds it. Whoever had no factor before gets backup codes, and the session has proved two factors with it.
pub async fn register(
    ctx: &Ctx,
    id: &Identity,
    command: RegisterPasskey,
) -> Result<Registered, RegisterPasskeyError> {
    let done = id.run(ctx, command, |work| Box::pin(round(work))).await;
    let (registered, session) = match done {
        // Recorded already, with the reason.
        Ok(Err(refused)) => return Err(refused),
        Ok(Ok(done)) => done,
        Err(error) => {
            id.audited(ctx, own(action::PASSKEY_REGISTER, ctx), Err(error))
                .await?
        }
    };
    id.sessions.forget(session);
    Ok(registered)
}

type Done = (Registered, SessionId);

/// The outer error rolls back; the inner one is committed with its event.
async fn round(
    mut work: Work<'_, RegisterPasskey>,
) -> Result<Result<Done, RegisterPasskeyError>, RegisterPasskeyError> {
    match apply(&mut work).await? {
        Ok(done) => Ok(Ok(done)),
        Err((error, reason)) => {
            let about = own(action::PASSKEY_REGISTER, &work.ctx);
            let outcome = Outcome::refused(reason);
            work.raise(&about, outcome, |event| event).await?;
            Ok(Err(error))
        }
    }
}

async fn apply(work: &mut Work<'_, RegisterPasskey>) -> Result<Result<Done, Reason>, RegisterPasskeyError> {
    let Actor::User { user_id, session_id } = work.ctx.actor else {
        return Err(RegisterPasskeyError::NotSignedIn);
    };
    work.require(&permission::SELF_MANAGE)?;
    let (now, organization) = (work.now(), work.ctx.organization_id);
    FRESH.check(&work.ctx, now)?;
    // One at a time: how many there are is exact.
    work.tx.api_keys().lock_owner(organization, user_id).await?;
    let before = factors(work, user_id).await?;
    if before.any() {
        FRESH_SECOND_FACTOR.check(&work.ctx, now)?;
    }
    let passkey = match made(work, user_id).await? {
        Ok(passkey) => passkey,
        Err(reason) => return Ok(Err(reason)),
    };
    if before.passkeys >= u64::from(work.id.settings.passkeys.per_user) {
        return Err(RegisterPasskeyError::TooMany);
    }
    match work.tx.passkeys().insert(&passkey).await {
        Err(error) if error.fault == Fault::Duplicate => return Err(RegisterPasskeyError::Known),
        other => other?,
    }
    let codes = first_codes(work, &before, user_id).await?;
    let ends = raise_session(work, session_id, AMR).await?;
    let ends = ends.ok_or(RegisterPasskeyError::NotSignedIn)?;
    let cookie = cookie::renew(work, session_id).await?;
    let cookie = cookie.map(|cookie| (cookie, ends));
    notify(work, user_id, MailKind::PasskeyAdded).await?;
    let about = own(action::PASSKEY_REGISTER, &work.ctx);
    let (id, copies) = (passkey.id, passkey.backup.eligible);
    work.raise(&about, Outcome::Success, |event| {
        event
            .detail("passkey", Detail::Text(id.to_string()))
            .detail("copies", Detail::Bool(copies))
    })
    .await?;
    let registered = Registered {
        passkey,
        codes,
        cookie,
        other_sessions: others(work).await?,
    };
    Ok(Ok((registered, session_id)))
}

/// The passkey that the answer holds; the challenge is used up.
async fn made(
    work: &mut Work<'_, RegisterPasskey>,
    user: UserId,
) -> Result<Result<Passkey, Reason>, RegisterPasskeyError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let command = work.command.clone();
    let challenge = match prove::close(work, Purpose::Register, &command.answer.client_data).await? {
        Ok(challenge) => challenge,
        Err(reason) if reason == super::CeremonyError::MALFORMED.reason() => {
            return Ok(Err((RegisterPasskeyError::Refused, reason)));
        }
        Err(reason) => return Ok(Err((RegisterPasskeyError::NoCeremony, reason))),
    };
    let expected = Expected {
        policy: &work.id.settings.passkeys,
        challenge,
        // A security key without a PIN is a second factor, and never signs in alone.
        user_verification: false,
    };
    let attested = match work.id.ceremonies.register(&expected, &command.answer) {
        Ok(attested) => attested,
        Err(error) => return Ok(Err((RegisterPasskeyError::Refused, error.reason()))),
    };
    let Some(credential_id) = CredentialId::new(command.answer.credential_id.clone()) else {
        return Ok(Err((RegisterPasskeyError::Refused, "malformed_answer")));
    };
    let known = work
        .tx
        .passkeys()
        .find_credential(organization, &credential_id)
        .await?;
    if known.is_some() {
        return Ok(Err((RegisterPasskeyError::Known, "passkey_known")));
    }
    let password = work.tx.passwords().find(organization, user).await?;
    Ok(Ok(Passkey {
        id: FactorId::generate(work.env.clock, work.env.entropy),
        organization_id: organization,
        user_id: user,
        credential_id,
        public_key: attested.public_key,
        name: command.name.clone(),
        transports: command.answer.transports.clone(),
        sign_count: attested.sign_count,
        backup: attested.backup,
        password_changed_at: password.map(|record| record.changed_at),
        last_used_at: None,
        stamps: Stamps::new(Some(user), now),
    }))
}

/// For whoever loses the only factor that they have.
async fn first_codes(
    work: &mut Work<'_, RegisterPasskey>,
    before: &Factors,
    user: UserId,
) -> Result<Vec<BackupCode>, PortError> {
    if before.any() {
        return Ok(Vec::new());
    }
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let codes = BackupCode::generate_set(work.env.entropy);
    work.tx.mfa().put_codes(organization, user, &codes, now).await?;
    forget_failures(work, user, &[Method::BackupCode]).await?;
    Ok(codes)
}
