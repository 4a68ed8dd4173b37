//! Opens the session of somebody who has proved enough.

use vutf_kernel::{Aal, Action, Assurance, Detail, FamilyId, Outcome, PortError, SessionId, Stamps};

use super::{
    Place, Session, Settled,
    cookie::{self, CookieSession, SessionKind},
    grant::{self, Rights, SignedIn},
};
use crate::{
    User, action,
    device::DeviceCookie,
    refresh::{RefreshFamily, RefreshToken, TokenHash},
    work::{About, Work},
};

/// What was proved.
pub(crate) struct Proved {
    pub(crate) aal: Aal,
    /// RFC 8176.
    pub(crate) amr: &'static [&'static str],
}

/// Why the oldest session of somebody ends who has too many.
const TOO_MANY: &str = "too_many_sessions";

/// A session, and what its client holds it by.
#[derive(Clone, Debug)]
pub enum Opened {
    /// Tokens.
    Tokens(SignedIn),
    /// A cookie.
    Cookie(CookieSession),
}

impl Opened {
    /// With what its browser is known by from now on.
    pub(super) fn known_by(self, device: DeviceCookie) -> Self {
        let device = Some(device);
        match self {
            Self::Tokens(signed_in) => Self::Tokens(SignedIn { device, ..signed_in }),
            Self::Cookie(session) => Self::Cookie(CookieSession { device, ..session }),
        }
    }
    /// Sessions that ended to make room for it.
    pub(super) fn ended(&self) -> &[SessionId] {
        match self {
            Self::Tokens(signed_in) => &signed_in.ended,
            Self::Cookie(session) => &session.ended,
        }
    }
}

/// Makes the session and what it is held by. The oldest ones make room for it.
pub(super) async fn open<C>(
    work: &mut Work<'_, C>,
    action: Action,
    user: &User,
    proved: &Proved,
    kind: SessionKind,
) -> Result<Opened, PortError> {
    let now = work.now();
    let previous_login_at = user.last_login_at;
    // Writes the user's row, and so lets one sign-in of a user pass at a time: the count below is exact.
    work.tx.users().note_login(user.id, now).await?;
    let ended = make_room(work, user).await?;
    let password = work.tx.passwords().find(user.organization_id, user.id).await?;
    let policy = &work.id.settings.password;
    let due = password.and_then(|password| policy.due(&password, proved.aal, now));
    let session = Session {
        previous_login_at,
        password_due_at: due.map(|due| due.since),
        ..new_session(work, user, proved)?
    };
    let opened = match kind {
        SessionKind::Token => Opened::Tokens(with_tokens(work, &session, ended).await?),
        SessionKind::Cookie => Opened::Cookie(with_cookie(work, session.clone(), ended).await?),
    };
    let about = About::session(action, session.id).of(user.id);
    work.raise(&about, Outcome::Success, |event| {
        let event = event.detail("kind", Detail::Text(kind.as_str().into()));
        match due {
            Some(due) => event.detail("password_due", Detail::Text(due.reason.into())),
            None => event,
        }
    })
    .await?;
    Ok(opened)
}

async fn with_cookie<C>(
    work: &mut Work<'_, C>,
    session: Session,
    ended: Vec<SessionId>,
) -> Result<CookieSession, PortError> {
    let cookie = cookie::fresh(session.id, work.env.entropy);
    let session = Session {
        cookie: Some(TokenHash::of(cookie.expose())),
        ..session
    };
    work.tx.sessions().insert(&session).await?;
    Ok(CookieSession {
        cookie,
        session_id: session.id,
        user_id: session.user_id,
        password_due: session.password_due_at.is_some(),
        ends: session.ends(),
        ended,
        device: None,
    })
}

/// The refresh family and the first tokens.
async fn with_tokens<C>(
    work: &mut Work<'_, C>,
    session: &Session,
    ended: Vec<SessionId>,
) -> Result<SignedIn, PortError> {
    let now = work.now();
    let refresh_token = grant::refresh_token(work.env.entropy);
    let family = RefreshFamily {
        id: FamilyId::generate(work.env.clock, work.env.entropy),
        organization_id: session.organization_id,
        session_id: session.id,
        user_id: session.user_id,
        generation: 0,
        idle_expires_at: now.plus(work.id.settings.refresh_idle),
        // A proof may carry the session so far. Until then its own end counts: `live_session`.
        expires_at: now.plus(work.id.settings.refresh_absolute),
        revoked_at: None,
        stamps: session.stamps.clone(),
    };
    let first = RefreshToken {
        hash: TokenHash::of(refresh_token.expose()),
        family_id: family.id,
        generation: 0,
        used_at: None,
        successor: None,
        created_at: now,
    };
    work.tx.sessions().insert(session).await?;
    work.tx.refresh().insert_family(&family, &first).await?;
    let rights = Rights::of(work, session.user_id).await?;
    let signed_in = grant::sign(&work.id, &mut work.env, session, rights, refresh_token)?;
    Ok(SignedIn { ended, ..signed_in })
}

/// Ends the oldest sessions of whoever has as many as there may be; each is an event.
async fn make_room<C>(work: &mut Work<'_, C>, user: &User) -> Result<Vec<SessionId>, PortError> {
    let (now, organization) = (work.now(), user.organization_id);
    let keep = work.id.settings.sessions.max_per_user.saturating_sub(1);
    let oldest = work
        .tx
        .sessions()
        .beyond(organization, user.id, keep, now)
        .await?;
    for session in &oldest {
        work.tx
            .sessions()
            .revoke(organization, *session, TOO_MANY, None, now)
            .await?;
        work.tx.refresh().revoke_of_session(*session, now).await?;
        let about = About::session(action::SESSION_END, *session).of(user.id);
        work.raise(&about, Outcome::Success, |event| {
            event.detail("reason", Detail::Text(TOO_MANY.into()))
        })
        .await?;
    }
    Ok(oldest)
}

/// A session of somebody who has proved that, as it is to be stored.
pub(crate) fn new_session<C>(
    work: &mut Work<'_, C>,
    user: &User,
    proved: &Proved,
) -> Result<Session, PortError> {
    let now = work.now();
    let assurance = Assurance {
        aal: proved.aal,
        auth_time: now,
        amr: proved.amr.iter().map(ToString::to_string).collect(),
    };
    let ends = work.id.settings.ends(now, &assurance, now);
    let id = SessionId::generate(work.env.clock, work.env.entropy);
    let place = Place::of(&work.id, user.organization_id, id, &work.ctx.origin)?;
    Ok(Session {
        id,
        organization_id: user.organization_id,
        user_id: user.id,
        epoch: user.epoch,
        assurance,
        ip: work.ctx.origin.ip.map(|ip| ip.to_string()),
        user_agent: work.ctx.origin.user_agent.clone(),
        last_seen_at: now,
        expires_at: ends.expires_at,
        idle_expires_at: ends.idle_expires_at,
        revoked_at: None,
        revoke_reason: None,
        cookie: None,
        settled: Settled {
            place: Some(place),
            moved_at: None,
        },
        previous_login_at: None,
        password_due_at: None,
        stamps: Stamps::new(Some(user.id), now),
    })
}
