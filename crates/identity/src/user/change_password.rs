//! A person sets their own password anew. The present one is the proof that it is they, and not somebody at their screen.
//!
//! As at a sign-in there are two transactions and the slow work between them outside any: the first counts the attempt before it
//! is checked, the second looks again.

use subtle::ConstantTimeEq;
use vutf_kernel::{Actor, Ctx, Detail, Outcome, PortError, Secret, SessionId, UserId};

use super::User;
use crate::{
    Identity, RuleError, action,
    guard::{GuardKey, GuardState},
    link::{self, LinkPurpose},
    mail::{self, MailKind},
    mfa::{InsufficientAuthentication, factors, freshness::FRESH_SECOND_FACTOR},
    password::{HashError, HashPermit, Length, PasswordContext, PasswordError, history, policy::normalized},
    refusal::use_case_error,
    repo::PasswordRecord,
    role::permission,
    session::{Ends, cookie, login::obstacle},
    work::{About, Work},
};

const REASON: &str = "password_changed";

/// A person sets their own password anew.
#[derive(Debug)]
pub struct ChangePassword {
    /// The present one as typed.
    pub current: Secret<String>,
    /// The one to be.
    pub new: Secret<String>,
    /// Whether the other sessions go on. They end unless it is asked for: whoever knows the old password may be in one of them.
    pub keep_other_sessions: bool,
}

/// The password is another one.
#[derive(Clone, Debug)]
pub struct PasswordChanged {
    /// Sessions that ended.
    pub ended: Vec<SessionId>,
    /// The new cookie of a browser's session, and when that ends.
    pub cookie: Option<(Secret<String>, Ends)>,
}

use_case_error! {
    /// Why the password stays.
    ChangePasswordError {
        /// The caller is in no session, or the account is gone.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// Not the present password.
        WrongPassword => Forbidden, "wrong_password", "the present password is not right";
        /// Too many wrong ones, here or at sign-in.
        TooManyGuesses => Forbidden, "too_many_guesses", "too many wrong passwords; wait, or ask an administrator";
        /// Somebody changed it at the same time.
        ChangedMeanwhile => Conflict, "changed_meanwhile", "the password was changed at the same time";
    } {
        /// A permission is missing.
        Rule(RuleError);
        /// The new password.
        Password(PasswordError);
        /// No hash can be computed now.
        Hash(HashError);
        /// The account has a second factor, and this session has not proved it lately.
        Fresh(InsufficientAuthentication);
    }
}

/// What the first transaction found.
struct Attempt {
    user: User,
    stored: PasswordRecord,
    /// Those before the stored one that must not be chosen again.
    former: Vec<Secret<String>>,
    length: Length,
}

/// What the second transaction needs.
struct Renewal {
    user_id: UserId,
    session_id: SessionId,
    checked: PasswordRecord,
    phc: Secret<String>,
    length: Length,
    keep_other_sessions: bool,
}

/// Sets the caller's own password anew; answers which sessions ended.
pub async fn change_password(
    ctx: &Ctx,
    id: &Identity,
    command: ChangePassword,
) -> Result<PasswordChanged, ChangePasswordError> {
    let about = match ctx.actor.user_id() {
        Some(user) => About::user(action::PASSWORD_CHANGE, user),
        None => About::kind(action::PASSWORD_CHANGE),
    };
    let done = attempt(ctx, id, command).await;
    let changed = id.audited(ctx, about, done).await?;
    id.forget(&changed.ended);
    if let Some(user) = ctx.actor.user_id() {
        // Other sessions may go on, and may have waited for this.
        id.sessions.forget_user(user);
    }
    Ok(changed)
}

async fn attempt(
    ctx: &Ctx,
    id: &Identity,
    command: ChangePassword,
) -> Result<PasswordChanged, ChangePasswordError> {
    let Actor::User { session_id, .. } = ctx.actor else {
        return Err(ChangePasswordError::NotSignedIn);
    };
    // Before anything is counted: a service that is full must not use up anybody's attempts.
    let permit = id.hasher.permit().await?;
    let ChangePassword {
        current,
        new,
        keep_other_sessions,
    } = command;
    if same(&current, &new) {
        let detail = "it is the present one; choose another";
        return Err(PasswordError::new("password_unchanged", detail).into());
    }
    id.refuse_breached::<ChangePasswordError>(ctx, &new).await?;
    let attempt = id.run(ctx, new.clone(), |work| Box::pin(admit(work))).await?;
    prove(&*permit, &attempt, &current).await?;
    let former = history::refuse_reused::<ChangePasswordError>(&*permit, &new, &attempt.former).await;
    if matches!(former, Err(ChangePasswordError::Password(_))) {
        // The present one was right: what was counted before it was checked is no guess.
        id.run(ctx, attempt.user.id, |work| Box::pin(forgive(work)))
            .await?;
    }
    former?;
    let salt = id.ambient.entropy().bytes();
    let phc = permit.hash(&new, salt).await?;
    drop(permit);
    let renewal = Renewal {
        user_id: attempt.user.id,
        session_id,
        checked: attempt.stored,
        phc,
        length: attempt.length,
        keep_other_sessions,
    };
    id.run(ctx, renewal, |work| Box::pin(apply(work))).await
}

/// In the form in which they are hashed.
fn same(one: &Secret<String>, two: &Secret<String>) -> bool {
    let (one, two) = (normalized(one), normalized(two));
    one.expose().as_bytes().ct_eq(two.expose().as_bytes()).into()
}

/// Judges the new password, which costs nobody an attempt, and counts the guess at the present one.
async fn admit(mut work: Work<'_, Secret<String>>) -> Result<Attempt, ChangePasswordError> {
    let user = own(&mut work).await?;
    let context = PasswordContext::new(&user.username, &user.email).named(user.display_name.as_ref());
    let has_factor = factors(&mut work, user.id).await?.any();
    let policy = &work.id.settings.password;
    let length = policy.judge(&work.command, context, has_factor)?;
    let (now, organization) = (work.now(), work.ctx.organization_id);
    // A session from before the factor was enrolled is one of the password alone, and must not shut the owner out.
    if work.tx.mfa().confirmed(organization, user.id).await?.is_some() {
        FRESH_SECOND_FACTOR.check(&work.ctx, now)?;
    }
    let stored = work.tx.passwords().find(organization, user.id).await?;
    let stored = stored.ok_or(ChangePasswordError::WrongPassword)?;
    let key = GuardKey::password_of(user.id);
    let state = work.tx.guards().lock(organization, &key, now).await?;
    let state = state
        .admit(&work.id.settings.guard, now)
        .map_err(|_| ChangePasswordError::TooManyGuesses)?;
    work.tx.guards().put(organization, &key, &state, now).await?;
    let former = history::former(&mut work, user.id).await?;
    Ok(Attempt {
        user,
        stored,
        former,
        length,
    })
}

async fn own<C>(work: &mut Work<'_, C>) -> Result<User, ChangePasswordError> {
    let user = work.signed_in().ok_or(ChangePasswordError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let organization = work.ctx.organization_id;
    let found = work.tx.users().find(organization, user).await?;
    found
        .filter(|user| obstacle(user).is_none())
        .ok_or(ChangePasswordError::NotSignedIn)
}

/// Before anything is said of passwords of before: whoever does not know the present one learns nothing of them.
async fn prove(
    permit: &dyn HashPermit,
    attempt: &Attempt,
    current: &Secret<String>,
) -> Result<(), ChangePasswordError> {
    let found = permit.verify(current, Some(&attempt.stored.phc)).await?;
    if found.matches {
        return Ok(());
    }
    Err(ChangePasswordError::WrongPassword)
}

async fn forgive(work: Work<'_, UserId>) -> Result<(), ChangePasswordError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let (key, clear) = (GuardKey::password_of(*work.command), GuardState::CLEAR);
    work.tx.guards().lock(organization, &key, now).await?;
    Ok(work.tx.guards().put(organization, &key, &clear, now).await?)
}

async fn apply(mut work: Work<'_, Renewal>) -> Result<PasswordChanged, ChangePasswordError> {
    let renewal = work.command.clone();
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let user = own(&mut work).await?;
    let key = GuardKey::password_of(user.id);
    // One change at a time: the counter's row is the lock.
    work.tx.guards().lock(organization, &key, now).await?;
    // Whoever ended the session since it was looked at may have meant whoever is in it.
    let session = work.tx.sessions().find(organization, renewal.session_id).await?;
    session
        .filter(|session| session.revoked_at.is_none() && session.epoch == user.epoch)
        .ok_or(ChangePasswordError::NotSignedIn)?;
    let stored = work.tx.passwords().find(organization, user.id).await?;
    // A sign-in may have hashed the same password anew: that keeps `changed_at`.
    let stored = stored
        .filter(|stored| stored.changed_at == renewal.checked.changed_at)
        .ok_or(ChangePasswordError::ChangedMeanwhile)?;
    // Whoever removes the last factor takes the same lock.
    let is_short = renewal.length == Length::BesideFactor;
    if is_short && !factors(&mut work, user.id).await?.any() {
        return Err(work.id.settings.password.too_short(false).into());
    }
    // Later than the one before whatever the clock says: by it others know that it was changed.
    let just_after = stored.changed_at.plus(std::time::Duration::from_micros(1));
    let renewed = PasswordRecord {
        phc: renewal.phc.clone(),
        changed_at: now.max(just_after),
        must_change_at: None,
        beside_factor: is_short,
        stamps: stored.stamps.clone().changed(Some(user.id), now),
        ..stored.clone()
    };
    history::replace(&mut work, &stored, &renewed).await?;
    work.tx
        .guards()
        .put(organization, &key, &GuardState::CLEAR, now)
        .await?;
    work.tx
        .sessions()
        .clear_password_due(organization, user.id)
        .await?;
    let ended = end_others(&mut work, &renewal).await?;
    link::end(&mut work, user.id, &LinkPurpose::ENDED_BY_PASSWORD).await?;
    mail::notify(&mut work, &user, MailKind::PasswordChanged, &user.email).await?;
    let count = i64::try_from(ended.len()).unwrap_or(i64::MAX);
    let about = About::user(action::PASSWORD_CHANGE, renewal.user_id);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("sessions_ended", Detail::Number(count))
    })
    .await?;
    let cookie = own_cookie(&mut work, renewal.session_id).await?;
    Ok(PasswordChanged { ended, cookie })
}

/// A cookie from before is worth nothing: whoever knew the password may know it.
async fn own_cookie(
    work: &mut Work<'_, Renewal>,
    session: SessionId,
) -> Result<Option<(Secret<String>, Ends)>, PortError> {
    let organization = work.ctx.organization_id;
    let Some(cookie) = cookie::renew(work, session).await? else {
        return Ok(None);
    };
    let found = work.tx.sessions().find(organization, session).await?;
    Ok(found.map(|session| (cookie, session.ends())))
}

async fn end_others(
    work: &mut Work<'_, Renewal>,
    renewal: &Renewal,
) -> Result<Vec<SessionId>, ChangePasswordError> {
    if renewal.keep_other_sessions {
        return Ok(Vec::new());
    }
    let (now, organization, user) = (work.now(), work.ctx.organization_id, renewal.user_id);
    let ended = work
        .tx
        .sessions()
        .revoke_all(
            organization,
            user,
            Some(renewal.session_id),
            REASON,
            Some(user),
            now,
        )
        .await?;
    Ok(ended)
}
