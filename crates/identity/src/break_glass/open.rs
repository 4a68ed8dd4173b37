//! Breaks the glass.

use std::time::Duration;

use subtle::ConstantTimeEq as _;
use vutf_kernel::{Aal, Ctx, Detail, Outcome, PortError, Secret, SessionId, Timestamp, UserId};

use super::Glass;
use crate::{
    Identity, LoginName, User, action,
    mail::{MailKind, notify},
    network,
    refresh::TokenHash,
    refusal::use_case_error,
    role,
    session::{
        BREAK_GLASS,
        grant::{self, Rights},
        open::{Proved, new_session},
    },
    work::{About, Work},
};

/// Somebody breaks the glass.
#[derive(Debug)]
pub struct BreakGlass {
    /// The account's name.
    pub username: Secret<String>,
    /// The secret, as it was shown when the account was sealed.
    pub secret: Secret<String>,
    /// Why: for whoever reads the log. 1 to 200 bytes, not about a person.
    pub reason: String,
}

/// The session that came of it.
#[derive(Clone, Debug)]
pub struct Broken {
    /// PASETO v4.public, good for as long as the session is.
    pub access_token: Secret<String>,
    /// How long that is.
    pub expires_in: Duration,
    /// The session.
    pub session_id: SessionId,
    /// The account.
    pub user_id: UserId,
}

use_case_error! {
    /// Why no session was opened.
    BreakGlassError {
        /// Not a reason.
        Reason => Invalid, "break_glass_reason", "say why, in 1 to 200 bytes without control characters";
        /// Unknown, wrong, or opened before: the answer does not say which.
        Refused => Unauthenticated, "break_glass_refused", "the name or the secret is not right, or it was used before";
    } {}
}

/// How many administrators are told.
const TOLD: u64 = 100;

/// Opens the one session of a sealed account. There is no counter of the account, as there is one of passwords: 256 bits are not
/// guessed, and strangers must not be able to bar the last way in. Those of where the call comes from count as ever.
pub async fn open(ctx: &Ctx, id: &Identity, command: BreakGlass) -> Result<Broken, BreakGlassError> {
    let fits = (1..=200).contains(&command.reason.len()) && !command.reason.chars().any(char::is_control);
    if !fits {
        return Err(BreakGlassError::Reason);
    }
    id.run(ctx, command, |work| Box::pin(round(work))).await?
}

/// The outer error rolls back; the inner one is committed with its event, and with its count.
async fn round(mut work: Work<'_, BreakGlass>) -> Result<Result<Broken, BreakGlassError>, PortError> {
    if network::count(&mut work).await? {
        let barred = About::kind(action::BREAK_GLASS_OPEN);
        return refuse(&mut work, &barred, "network_barred", BreakGlassError::Refused).await;
    }
    let (about, glass, user) = match found(&mut work).await? {
        Ok(found) => found,
        Err((about, reason)) => return refuse(&mut work, &about, reason, BreakGlassError::Refused).await,
    };
    match enter(&mut work, &glass, &user).await? {
        Some(broken) => Ok(Ok(broken)),
        None => refuse(&mut work, &about, "opened_before", BreakGlassError::Refused).await,
    }
}

async fn refuse(
    work: &mut Work<'_, BreakGlass>,
    about: &About,
    reason: &'static str,
    error: BreakGlassError,
) -> Result<Result<Broken, BreakGlassError>, PortError> {
    work.raise(about, Outcome::refused(reason), |event| event).await?;
    Ok(Err(error))
}

type Found = Result<(About, Glass, User), (About, &'static str)>;

/// The account, if the secret is that of its seal.
async fn found(work: &mut Work<'_, BreakGlass>) -> Result<Found, PortError> {
    let organization = work.ctx.organization_id;
    let name = LoginName::parse(work.command.username.expose());
    let presented = TokenHash::of(work.command.secret.expose());
    let nobody = About::kind(action::BREAK_GLASS_OPEN);
    let Some(user) = work.tx.users().find_by_login(organization, &name).await? else {
        return Ok(Err((nobody, "unknown_account")));
    };
    let about = About::user(action::BREAK_GLASS_OPEN, user.id);
    let Some(glass) = work.tx.break_glass().find(organization, user.id).await? else {
        return Ok(Err((about, "not_behind_glass")));
    };
    if !bool::from(glass.secret.0.ct_eq(&presented.0)) {
        return Ok(Err((about, "wrong_secret")));
    }
    if glass.opened_at.is_some() {
        return Ok(Err((about, "opened_before")));
    }
    if user.status != crate::UserStatus::Active {
        return Ok(Err((about, "barred")));
    }
    Ok(Ok((about, glass, user)))
}

/// Opens the session; `None` when somebody else was faster.
async fn enter(
    work: &mut Work<'_, BreakGlass>,
    glass: &Glass,
    user: &User,
) -> Result<Option<Broken>, PortError> {
    let now = work.now();
    let proved = Proved {
        aal: Aal::Aal1,
        amr: &[BREAK_GLASS],
    };
    let life = work.id.settings.authorization.break_glass_life;
    let session = new_session(work, user, &proved)?;
    let session = crate::Session {
        expires_at: now.plus(life),
        idle_expires_at: None,
        ..session
    };
    let opened = Glass {
        opened_at: Some(now),
        session_id: Some(session.id),
        ..glass.clone()
    };
    if !work.tx.break_glass().open(&opened).await? {
        return Ok(None);
    }
    work.tx.sessions().insert(&session).await?;
    let rights = Rights {
        roles: vec![role::SUPER_ADMIN.to_owned()],
        grants: role::everything(),
    };
    let (access_token, expires_in) = grant::access_for(&work.id, &mut work.env, &session, rights, life)?;
    network::uncount(work).await?;
    let told = tell_administrators(work).await?;
    told_in_the_log(work, user, &session.id, session.expires_at, told).await?;
    Ok(Some(Broken {
        access_token,
        expires_in,
        session_id: session.id,
        user_id: user.id,
    }))
}

async fn told_in_the_log(
    work: &mut Work<'_, BreakGlass>,
    user: &User,
    session: &SessionId,
    until: Timestamp,
    told: i64,
) -> Result<(), PortError> {
    let about = About::user(action::BREAK_GLASS_OPEN, user.id);
    let (reason, session) = (work.command.reason.clone(), session.to_string());
    work.raise(&about, Outcome::Success, |event| {
        event
            .detail("reason", Detail::Text(reason))
            .detail("session", Detail::Text(session))
            .detail("until", Detail::Text(until.rfc3339()))
            .detail("administrators_told", Detail::Number(told))
    })
    .await
}

/// Mails everybody who administers; how many that are.
async fn tell_administrators(work: &mut Work<'_, BreakGlass>) -> Result<i64, PortError> {
    let organization = work.ctx.organization_id;
    let mut told = Vec::new();
    for role in [role::SUPER_ADMIN, "admin"] {
        told.extend(work.tx.roles().list_holders(organization, role, TOLD).await?);
    }
    told.sort_unstable();
    told.dedup();
    let mut count = 0;
    for user in told {
        let Some(user) = work.tx.users().find(organization, user).await? else {
            continue;
        };
        notify(work, &user, MailKind::GlassBroken, &user.email).await?;
        count += 1;
    }
    Ok(count)
}
