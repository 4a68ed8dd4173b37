//! Signs in with a password.
//!
//! Two transactions, and the slow check between them outside any: the first counts the attempt before it is checked, so that
//! parallel guesses cannot outrun the counter; the second looks again, because the account may have changed meanwhile.
//! Whatever is wrong, the caller sees one answer after the same work.

use vutf_kernel::{
    Aal, Assurance, Ctx, Detail, FamilyId, Outcome, PortError, Secret, SessionId, Stamps, UseCaseError,
    UserId,
};

use super::{
    Session,
    grant::{self, SignedIn},
};
use crate::{
    Identity, LoginName, User, UserStatus, action,
    guard::{Barred, GuardKey, GuardState},
    password::{HashError, HashPermit, foreign::scheme_of},
    refresh::{RefreshFamily, RefreshToken, TokenHash},
    refusal::use_case_error,
    repo::PasswordRecord,
    work::{About, Work},
};

const ACTION: vutf_kernel::Action = action::SESSION_LOGIN;

/// A person signs in.
#[derive(Debug)]
pub struct Login {
    /// Username or e-mail address as typed.
    pub username: Secret<String>,
    /// Password as typed.
    pub password: Secret<String>,
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
struct Attempt {
    user: Option<User>,
    password: Option<PasswordRecord>,
    barred: Option<Barred>,
}

/// How the second transaction may end without a session.
enum Loss {
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
struct Proof {
    user_id: UserId,
    checked: PasswordRecord,
    rehashed: Option<Secret<String>>,
}

/// Signs in.
pub async fn login(ctx: &Ctx, id: &Identity, command: Login) -> Result<SignedIn, LoginError> {
    // Before anything is counted: a service that is full must not use up anybody's attempts.
    let permit = id.hasher.permit().await?;
    let Login { username, password } = command;
    let attempt = id.run(ctx, username, |work| Box::pin(admit(work))).await?;
    let user_id = attempt.user.as_ref().map(|user| user.id);
    let loss = match check(id, &*permit, attempt, &password).await? {
        Ok(proof) => {
            drop(permit);
            match id.run(ctx, proof, |work| Box::pin(sign_in(work))).await {
                Ok(signed_in) => return Ok(signed_in),
                Err(Loss::Port(error)) => return Err(error.into()),
                Err(Loss::Refused(reason)) => reason,
            }
        }
        Err(reason) => reason,
    };
    id.refused(ctx, About::kind(ACTION).of(user_id), loss).await?;
    Err(LoginError::Refused)
}

/// Finds the account and counts the attempt against it.
async fn admit(work: Work<'_, Secret<String>>) -> Result<Attempt, LoginError> {
    let organization = work.ctx.organization_id;
    let now = work.now();
    let name = LoginName::parse(work.command.expose());
    let user = work.tx.users().find_by_login(organization, &name).await?;
    let key = match &user {
        Some(user) => GuardKey::password_of(user.id),
        None => unknown(&work, &name)?,
    };
    let state = work.tx.guards().lock(organization, &key, now).await?;
    let barred = match state.admit(&work.id.settings.guard, now) {
        Ok(state) => {
            work.tx.guards().put(organization, &key, &state, now).await?;
            None
        }
        Err(barred) => Some(barred),
    };
    let password = match &user {
        Some(user) => work.tx.passwords().find(organization, user.id).await?,
        None => None,
    };
    Ok(Attempt {
        user,
        password,
        barred,
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
async fn check(
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

async fn sign_in(mut work: Work<'_, Proof>) -> Result<SignedIn, Loss> {
    let organization = work.ctx.organization_id;
    let (now, proof) = (work.now(), work.command.clone());
    let user = work.tx.users().find(organization, proof.user_id).await?;
    let user = user.ok_or(Loss::Refused("deleted"))?;
    if let Some(reason) = obstacle(&user) {
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
    // Of parallel sign-ins the first one replaces it.
    if let Some(phc) = proof
        .rehashed
        .as_ref()
        .filter(|_| record.phc == proof.checked.phc)
    {
        rehash(&mut work, record, phc).await?;
    }
    work.tx
        .guards()
        .put(organization, &key, &GuardState::CLEAR, now)
        .await?;
    work.tx.users().note_login(user.id, now).await?;
    open(&mut work, &user).await.map_err(Loss::Port)
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

/// Makes the session, its refresh family and its first tokens.
async fn open<C>(work: &mut Work<'_, C>, user: &User) -> Result<SignedIn, PortError> {
    let session = new_session(work, user);
    let refresh_token = grant::refresh_token(work.env.entropy);
    let family = RefreshFamily {
        id: FamilyId::generate(work.env.clock, work.env.entropy),
        organization_id: session.organization_id,
        session_id: session.id,
        user_id: user.id,
        generation: 0,
        idle_expires_at: work
            .now()
            .plus(work.id.settings.refresh_idle)
            .min(session.expires_at),
        expires_at: session.expires_at,
        revoked_at: None,
        stamps: session.stamps.clone(),
    };
    let first = RefreshToken {
        hash: TokenHash::of(refresh_token.expose()),
        family_id: family.id,
        generation: 0,
        used_at: None,
        successor: None,
        created_at: work.now(),
    };
    work.tx.sessions().insert(&session).await?;
    work.tx.refresh().insert_family(&family, &first).await?;
    let about = About::session(ACTION, session.id).of(user.id);
    work.done(&about).await?;
    let roles = work.tx.roles().of_user(user.organization_id, user.id).await?;
    grant::sign(&work.id, &mut work.env, &session, roles, refresh_token)
}

fn new_session<C>(work: &mut Work<'_, C>, user: &User) -> Session {
    let now = work.now();
    Session {
        id: SessionId::generate(work.env.clock, work.env.entropy),
        organization_id: user.organization_id,
        user_id: user.id,
        epoch: user.epoch,
        assurance: Assurance {
            aal: Aal::Aal1,
            auth_time: now,
            amr: vec!["pwd".to_owned()],
        },
        ip: work.ctx.origin.ip.map(|ip| ip.to_string()),
        user_agent: work.ctx.origin.user_agent.clone(),
        last_seen_at: now,
        expires_at: now.plus(work.id.settings.refresh_absolute),
        revoked_at: None,
        revoke_reason: None,
        stamps: Stamps::new(Some(user.id), now),
    }
}
