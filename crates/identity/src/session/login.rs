//! Signs in with a password.
//!
//! Two transactions, and the slow check between them outside any: the first counts the attempt before it is checked, so that
//! parallel guesses cannot outrun the counter; the second looks again, because the account may have changed meanwhile.
//! Whatever is wrong, the caller sees one answer after the same work.

use vutf_kernel::{Aal, Ctx, Detail, Outcome, PortError, Secret, Timestamp, UseCaseError, UserId};

use super::{
    challenge::{Challenged, challenge},
    grant::SignedIn,
    open::{Proved, open},
};
use crate::{
    Identity, LoginName, User, UserStatus, action,
    guard::{Barred, GuardKey, GuardState, counted},
    mail::{self, MailKind},
    password::{HashError, HashPermit, foreign::scheme_of},
    refusal::use_case_error,
    repo::PasswordRecord,
    work::{About, Work},
};

const ACTION: vutf_kernel::Action = action::SESSION_LOGIN;
const PROVED: Proved = Proved {
    aal: Aal::Aal1,
    amr: &["pwd"],
};

/// A person signs in.
#[derive(Debug)]
pub struct Login {
    /// Username or e-mail address as typed.
    pub username: Secret<String>,
    /// Password as typed.
    pub password: Secret<String>,
}

/// What a right password leads to.
#[derive(Clone, Debug)]
pub enum LoggedIn {
    /// A session.
    SignedIn(SignedIn),
    /// Nothing yet: the account has a second factor, which [`super::verify`] takes.
    Challenged(Challenged),
}

use_case_error! {
    /// Why nobody was signed in.
    LoginError {
        /// Unknown account, wrong password, too many attempts, or an account that may not be used: the answer does not say which.
        Refused => Unauthenticated, "invalid_credentials", "the username or the password is not right";
    } {
        /// No hash can be computed now.
        Hash(HashError);
    }
}

/// What the first transaction found.
pub(super) struct Attempt {
    pub(super) user: Option<User>,
    pub(super) password: Option<PasswordRecord>,
    pub(super) barred: Option<Barred>,
    /// Whether the next attempts are barred if this one is wrong.
    pub(super) bars: bool,
}

/// How the second transaction may end without a session.
pub(super) enum Loss {
    Refused(&'static str),
    Port(PortError),
}

impl From<PortError> for Loss {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

impl UseCaseError for Loss {
    fn port(&self) -> Option<&PortError> {
        match self {
            Self::Port(error) => Some(error),
            Self::Refused(_) => None,
        }
    }
}

/// What the second transaction needs.
pub(super) struct Proof {
    user_id: UserId,
    checked: PasswordRecord,
    rehashed: Option<Secret<String>>,
}

/// Signs in, or asks for the second factor.
pub async fn login(ctx: &Ctx, id: &Identity, command: Login) -> Result<LoggedIn, LoginError> {
    // Before anything is counted: a service that is full must not use up anybody's attempts.
    let permit = id.hasher.permit().await?;
    let Login { username, password } = command;
    let attempt = id.run(ctx, username, |work| Box::pin(admit(work))).await?;
    let user_id = attempt.user.as_ref().map(|user| user.id);
    let bars = attempt.bars;
    let loss = match check(id, &*permit, attempt, &password).await? {
        Ok(proof) => {
            drop(permit);
            match id.run(ctx, proof, |work| Box::pin(sign_in(work))).await {
                Ok(logged_in) => return Ok(logged_in),
                Err(Loss::Port(error)) => return Err(error.into()),
                Err(Loss::Refused(reason)) => reason,
            }
        }
        Err(reason) => reason,
    };
    id.refused(ctx, About::kind(ACTION).of(user_id), loss).await?;
    if bars && matches!(loss, "wrong_password" | "unknown_account") {
        report_lockout(ctx, id, user_id).await?;
    }
    Err(LoginError::Refused)
}

/// Has the owner told, if there is one: for a name that matches no account the same is written, about nobody.
async fn report_lockout(ctx: &Ctx, id: &Identity, user: Option<UserId>) -> Result<(), PortError> {
    if !id.settings.mail.enabled {
        return Ok(());
    }
    id.run(ctx, user, |work| Box::pin(ask_for_notice(work))).await
}

async fn ask_for_notice(mut work: Work<'_, Option<UserId>>) -> Result<(), PortError> {
    let user = *work.command;
    let about = user.unwrap_or_else(|| UserId::generate(work.env.clock, work.env.entropy));
    mail::request(&mut work, MailKind::LockoutRequest, &about.to_string()).await
}

/// Finds the account and counts the attempt against it.
async fn admit(mut work: Work<'_, Secret<String>>) -> Result<Attempt, LoginError> {
    let organization = work.ctx.organization_id;
    let name = LoginName::parse(work.command.expose());
    let user = work.tx.users().find_by_login(organization, &name).await?;
    let key = match &user {
        Some(user) => GuardKey::password_of(user.id),
        None => unknown(&work, &name)?,
    };
    let counted = counted(&mut work, &key).await?;
    let password = match &user {
        Some(user) => work.tx.passwords().find(organization, user.id).await?,
        None => None,
    };
    Ok(Attempt {
        user,
        password,
        bars: counted == Ok(true),
        barred: counted.err(),
    })
}

/// The counter of a name that matches no account. What was typed may be a password in the wrong field: only its keyed hash
/// is kept.
fn unknown(work: &Work<'_, Secret<String>>, name: &LoginName) -> Result<GuardKey, PortError> {
    let canonical = name
        .canonical()
        .unwrap_or_else(|| Secret::new(work.command.expose().to_lowercase()));
    let organization = work.ctx.organization_id;
    let tag = work.id.names.hash(organization, canonical.expose().as_bytes())?;
    Ok(GuardKey::password_of_unknown(tag))
}

/// Checks the password, whatever is known already, and says what counts against the attempt.
pub(super) async fn check(
    id: &Identity,
    permit: &dyn HashPermit,
    attempt: Attempt,
    password: &Secret<String>,
) -> Result<Result<Proof, &'static str>, HashError> {
    let stored = attempt.password.as_ref().map(|record| &record.phc);
    let found = permit.verify(password, stored).await?;
    let (user, checked) = match (attempt.user, attempt.password) {
        (None, _) => return Ok(Err("unknown_account")),
        (Some(_), _) if attempt.barred == Some(Barred::Disabled) => return Ok(Err("authenticator_disabled")),
        (Some(_), _) if attempt.barred.is_some() => return Ok(Err("barred")),
        (Some(user), Some(record)) if found.matches => (user, record),
        (Some(_), _) => return Ok(Err("wrong_password")),
    };
    if let Some(reason) = obstacle(&user) {
        return Ok(Err(reason));
    }
    let rehashed = if found.outdated {
        let salt = id.ambient.entropy().bytes();
        Some(permit.hash(password, salt).await?)
    } else {
        None
    };
    Ok(Ok(Proof {
        user_id: user.id,
        checked,
        rehashed,
    }))
}

/// Why a right password does not lead to a session.
pub(crate) fn obstacle(user: &User) -> Option<&'static str> {
    match user.status {
        _ if user.stamps.is_deleted() => Some("deleted"),
        UserStatus::Active => None,
        other => Some(other.as_str()),
    }
}

async fn sign_in(mut work: Work<'_, Proof>) -> Result<LoggedIn, Loss> {
    let (organization, user_id) = (work.ctx.organization_id, work.command.user_id);
    let user = work.tx.users().find(organization, user_id).await?;
    let user = user.ok_or(Loss::Refused("deleted"))?;
    let password_changed_at = settle(&mut work, &user).await?;
    if work.tx.mfa().confirmed(organization, user.id).await?.is_some() {
        let challenged = challenge(&mut work, &user, password_changed_at).await?;
        return Ok(LoggedIn::Challenged(challenged));
    }
    let signed_in = open(&mut work, ACTION, &user, &PROVED).await?;
    Ok(LoggedIn::SignedIn(signed_in))
}

/// Whether the account may be used and the password is still the one that was checked; then the failures are forgotten. Answers
/// when the password was set.
pub(super) async fn settle(work: &mut Work<'_, Proof>, user: &User) -> Result<Timestamp, Loss> {
    let organization = work.ctx.organization_id;
    let (now, proof) = (work.now(), work.command.clone());
    if let Some(reason) = obstacle(user) {
        return Err(Loss::Refused(reason));
    }
    let key = GuardKey::password_of(user.id);
    if proof.rehashed.is_some() {
        // One at a time from here on: a hash of the old password must not overwrite a change, nor be made twice.
        work.tx.guards().lock(organization, &key, now).await?;
    }
    let record = work.tx.passwords().find(organization, user.id).await?;
    // A parallel sign-in may have hashed the same password anew: that keeps `changed_at`.
    let same = |now: &PasswordRecord| {
        now.phc == proof.checked.phc || now.changed_at == proof.checked.changed_at && proof.rehashed.is_some()
    };
    let record = record.filter(same).ok_or(Loss::Refused("password_changed"))?;
    let changed_at = record.changed_at;
    // Of parallel sign-ins the first one replaces it.
    if let Some(phc) = proof
        .rehashed
        .as_ref()
        .filter(|_| record.phc == proof.checked.phc)
    {
        rehash(work, record, phc).await?;
    }
    work.tx
        .guards()
        .put(organization, &key, &GuardState::CLEAR, now)
        .await?;
    Ok(changed_at)
}

/// Puts a hash as new ones are made in the place of an older one, or of one that another system made.
async fn rehash<C>(
    work: &mut Work<'_, C>,
    record: PasswordRecord,
    phc: &Secret<String>,
) -> Result<(), PortError> {
    let from = scheme_of(&record.phc);
    let about = About::user(action::PASSWORD_REHASH, record.user_id);
    let renewed = PasswordRecord {
        phc: phc.clone(),
        stamps: record.stamps.clone().changed(None, work.now()),
        ..record
    };
    work.tx.passwords().put(&renewed).await?;
    work.raise(&about, Outcome::Success, |event| {
        event.detail("from", Detail::Text(from.into()))
    })
    .await
}
