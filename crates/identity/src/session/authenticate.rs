//! Who a bearer token stands for, and whether they may still act.

use std::{sync::Arc, time::Duration};

use subtle::ConstantTimeEq as _;
use vutf_kernel::{
    Actor, Assurance, Bounds, Ctx, Grants, OrganizationId, Origin, PortError, Receipt, RequestId, Secret,
    SessionId, Timestamp, UserId,
};

use super::{SessionStatus, Settled, cookie, used::Used};
use crate::{Identity, policy, refresh::TokenHash, refusal::use_case_error, role, token::TokenError};

/// How far another replica's clock may run ahead. FAPI 2.0 Security Profile §5.3.2.1: 10 s.
const CLOCK_LEEWAY: Duration = Duration::from_secs(10);

use_case_error! {
    /// Why a request is not let through.
    AuthenticateError {
        /// The session was ended, or the account may not be used any more.
        SessionEnded => Unauthenticated, "session_ended", "the session has ended";
    } {
        /// The token itself.
        Token(TokenError);
    }
}

/// A caller in a live session.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant.
    pub organization_id: OrganizationId,
    /// The user.
    pub user_id: UserId,
    /// The session.
    pub session_id: SessionId,
    /// The user in the session.
    pub actor: Actor,
    /// What the session has proved.
    pub assurance: Assurance,
    /// What the user's roles grant now; of a session that may do nothing but enrol a second factor, one's own account.
    pub grants: Grants,
    /// Whether it may do nothing but that: [`crate::mfa::enrolment`].
    pub confined: bool,
    /// What policies take away from that.
    pub bounds: Bounds,
    /// Names of the roles that the user has now.
    pub roles: Vec<String>,
    /// Whether nothing may be done but to change the password.
    pub password_due: bool,
    /// When the access token expires, or the session of a cookie.
    pub access_expires_at: Timestamp,
    /// Of the cookie that the request carried; `None` for an access token.
    pub cookie: Option<TokenHash>,
    /// Where the session belongs: [`super::place`].
    pub settled: Settled,
    /// This use, if it is to be noted: [`super::used`].
    pub used: Option<Used>,
}

impl Caller {
    /// The context of a request by this caller.
    pub fn ctx(&self, request_id: RequestId, origin: Origin) -> Ctx {
        Ctx {
            organization_id: self.organization_id,
            actor: self.actor.clone(),
            request_id,
            assurance: Some(self.assurance.clone()),
            grants: self.grants.clone(),
            bounds: self.bounds.clone(),
            origin,
            moved: false,
            receipt: Receipt::default(),
        }
    }
}

/// Checks an access token and the session behind it. Rights come from the user's roles now, never from the token.
pub async fn authenticate(id: &Identity, bearer: &str) -> Result<Caller, AuthenticateError> {
    let now = id.ambient.now();
    let keys = id.signer.verifying();
    let settings = &id.settings;
    let verified = id
        .tokens
        .verify(bearer, &keys, &settings.issuer, &settings.audience)?;
    let claims = verified.at(now, CLOCK_LEEWAY)?;
    let status = status(id, claims.sid)
        .await?
        .filter(|status| status.is_live(now))
        .filter(|status| status.user_id == claims.sub && status.organization_id == claims.org)
        .ok_or(AuthenticateError::SessionEnded)?;
    Ok(Caller {
        access_expires_at: verified.expires_at(),
        ..caller(id, &status, now).await?
    })
}

/// Checks the secret of a cookie and the session behind it.
pub async fn authenticate_cookie(
    id: &Identity,
    secret: &Secret<String>,
) -> Result<Caller, AuthenticateError> {
    let now = id.ambient.now();
    let session = cookie::session_of(secret.expose()).ok_or(AuthenticateError::SessionEnded)?;
    let presented = TokenHash::of(secret.expose());
    let holds = |status: &SessionStatus| {
        let known = status.cookie.as_ref();
        known.is_some_and(|known| known.0.ct_eq(&presented.0).into())
    };
    let mut found = status(id, session).await?;
    if found.as_ref().is_some_and(|status| !holds(status)) {
        // Another replica may have given the session a new secret since this one looked.
        id.sessions.forget(session);
        found = self::status(id, session).await?;
    }
    let status = found
        .filter(|status| holds(status) && status.is_live(now))
        .ok_or(AuthenticateError::SessionEnded)?;
    Ok(Caller {
        cookie: Some(presented),
        ..caller(id, &status, now).await?
    })
}

async fn caller(id: &Identity, status: &SessionStatus, now: Timestamp) -> Result<Caller, PortError> {
    let known = role::present(id, status.organization_id, &status.roles).await?;
    let bounds = if status.is_break_glass() {
        Bounds::default()
    } else {
        policy::bounds(id, status.organization_id, &status.roles, &known, now).await?
    };
    let confined = id.settings.enrolment.confines(status, &known, now);
    Ok(Caller {
        bounds,
        organization_id: status.organization_id,
        user_id: status.user_id,
        session_id: status.id,
        actor: Actor::User {
            user_id: status.user_id,
            session_id: status.id,
        },
        assurance: status.assurance.clone(),
        grants: if confined {
            [role::permission::SELF_MANAGE].into_iter().collect()
        } else {
            status.grants(&known)
        },
        confined,
        roles: status.roles_in_force(),
        password_due: status.password_due_at.is_some(),
        access_expires_at: status.expires_at,
        cookie: None,
        settled: status.settled,
        used: Used::of(status, &id.settings, now),
    })
}

async fn status(id: &Identity, session: SessionId) -> Result<Option<Arc<SessionStatus>>, PortError> {
    if let Some(status) = id.sessions.fetch(session) {
        return Ok(Some(status));
    }
    let mark = id.sessions.mark();
    let status = id.store.session_status(session).await?.map(Arc::new);
    if let Some(status) = &status {
        id.sessions.put(status.clone(), mark);
    }
    Ok(status)
}
