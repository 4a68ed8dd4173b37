//! Sessions: one model for token clients and cookie clients.

pub mod authenticate;
mod challenge;
pub(crate) mod cookie;
pub mod csrf;
pub(crate) mod grant;
pub(crate) mod lifetime;
pub mod list;
pub mod login;
pub mod logout;
pub(crate) mod open;
pub mod passkey;
pub mod place;
pub mod refresh;
pub mod revoke;
pub mod status;
pub mod step_up;
pub mod used;
pub mod verify;

use vutf_kernel::{Assurance, Grants, OrganizationId, SessionId, Stamps, Timestamp, UserId};

use crate::{UserStatus, refresh::TokenHash, role::CustomRoles};

#[cfg(feature = "session-cache")]
pub use self::status::MokaSessionCache;
pub use self::{
    authenticate::{AuthenticateError, Caller, authenticate, authenticate_cookie},
    challenge::Challenged,
    cookie::{CookieSession, SessionKind},
    grant::SignedIn,
    lifetime::{Ends, Lifetime, SessionPolicy},
    open::Opened,
    place::{Place, Settled},
    status::{ReadMark, SessionStatusCache},
};

/// A signed-in session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id, the `sid` of every access token.
    pub id: SessionId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// Whose it is.
    pub user_id: UserId,
    /// The user's epoch at the time of sign-in.
    pub epoch: i64,
    /// What was proved.
    pub assurance: Assurance,
    /// From where; PII.
    pub ip: Option<String>,
    /// With what; PII.
    pub user_agent: Option<String>,
    /// The last use that was noted: [`used`].
    pub last_seen_at: Timestamp,
    /// Absolute end.
    pub expires_at: Timestamp,
    /// End unless it is used before; `None` where only the absolute end counts.
    pub idle_expires_at: Option<Timestamp>,
    /// When it was ended before that.
    pub revoked_at: Option<Timestamp>,
    /// Why: `logout`, `revoked`, `refresh_reuse`, `administrator`, `too_many_sessions`, …
    pub revoke_reason: Option<String>,
    /// Of the secret in its cookie; `None` for a session of tokens.
    pub cookie: Option<TokenHash>,
    /// Where it belongs.
    pub settled: Settled,
    /// When the person had signed in before.
    pub previous_login_at: Option<Timestamp>,
    /// Since when the password is to be changed before anything else is done in it.
    pub password_due_at: Option<Timestamp>,
    /// Audit mixin.
    pub stamps: Stamps,
}

/// The method by which a session was opened that has every right, bounded by no policy.
pub const BREAK_GLASS: &str = "break_glass";

/// Whether the session that proved this was opened by breaking the glass.
pub fn is_break_glass(assurance: &Assurance) -> bool {
    assurance.amr.iter().any(|method| method == BREAK_GLASS)
}

/// What must be known about a session to let a request through. Read on every request, cached for less than a second.
#[derive(Clone, Debug)]
pub struct SessionStatus {
    /// The session.
    pub id: SessionId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// Whose it is.
    pub user_id: UserId,
    /// The user's epoch at sign-in.
    pub session_epoch: i64,
    /// The user's epoch now.
    pub user_epoch: i64,
    /// The user's state now.
    pub user_status: UserStatus,
    /// Whether the user was deleted.
    pub user_deleted: bool,
    /// When the session was ended.
    pub revoked_at: Option<Timestamp>,
    /// The last use that was noted.
    pub last_seen_at: Timestamp,
    /// Absolute end.
    pub expires_at: Timestamp,
    /// End unless it is used before.
    pub idle_expires_at: Option<Timestamp>,
    /// What was proved.
    pub assurance: Assurance,
    /// Of the secret in its cookie; `None` for a session of tokens.
    pub cookie: Option<TokenHash>,
    /// Where it belongs.
    pub settled: Settled,
    /// Since when the password is to be changed first.
    pub password_due_at: Option<Timestamp>,
    /// Names of the user's roles now.
    pub roles: Vec<String>,
    /// When each of them was given, in the same order.
    pub roles_since: Vec<Timestamp>,
}

impl SessionStatus {
    /// Whether requests of this session may go on at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none()
            && lifetime::over(self.expires_at, self.idle_expires_at, now).is_none()
            && self.session_epoch == self.user_epoch
            && self.user_status == UserStatus::Active
            && !self.user_deleted
    }
    /// What the user's roles grant now; of a session that broke the glass, everything. As long as the password is to be changed first,
    /// that is one's own account and nothing else.
    pub fn grants(&self, known: &CustomRoles) -> Grants {
        if self.is_break_glass() {
            return crate::role::everything();
        }
        known.grants(&self.roles_in_force())
    }
    /// The roles that count in this session.
    pub(crate) fn roles_in_force(&self) -> Vec<String> {
        match self.password_due_at {
            Some(_) => vec![crate::role::USER.to_owned()],
            None => self.roles.clone(),
        }
    }
    /// Whether it was opened by breaking the glass.
    pub fn is_break_glass(&self) -> bool {
        is_break_glass(&self.assurance)
    }
}
