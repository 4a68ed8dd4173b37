//! What a browser holds in the place of tokens: one secret of 256 random bits, of which the store knows the SHA-256.
//!
//! It says of which session it is, so that one read finds both. A session gets a new secret whenever it proves or may do more, and
//! whoever knows the old one is out with that (session fixation, OWASP ASVS 5.0 §7.2.4).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use vutf_kernel::{Entropy, PortError, Secret, SessionId, UserId};

use super::{Ends, Session};
use crate::{device::DeviceCookie, refresh::TokenHash, work::Work};

/// By which scanners recognise a leaked one.
const PREFIX: &str = "vutf_sc_";
/// Bytes of the session's id.
const ID: usize = 16;
/// Length of the part after the prefix: the id and 32 bytes in base64url.
const BODY: usize = 64;

/// How a client holds its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionKind {
    /// By access and refresh tokens.
    #[default]
    Token,
    /// By a cookie.
    Cookie,
}

impl SessionKind {
    /// The stable word for the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Cookie => "cookie",
        }
    }
}

/// The session of a browser.
#[derive(Clone, Debug)]
pub struct CookieSession {
    /// The secret, for the browser alone.
    pub cookie: Secret<String>,
    /// The session.
    pub session_id: SessionId,
    /// The user.
    pub user_id: UserId,
    /// When it ends.
    pub ends: Ends,
    /// Whether the password is to be changed before anything else.
    pub password_due: bool,
    /// Sessions that ended to make room for it.
    pub ended: Vec<SessionId>,
    /// What the browser is known by from now on.
    pub device: Option<DeviceCookie>,
}

/// A fresh secret of `session`.
pub(super) fn fresh(session: SessionId, entropy: &mut dyn Entropy) -> Secret<String> {
    let random = Secret::new(entropy.bytes::<32>());
    let bytes = Secret::new([session.as_bytes().as_slice(), random.expose()].concat());
    let mut text = String::with_capacity(PREFIX.len() + BODY);
    text.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(bytes.expose(), &mut text);
    Secret::new(text)
}

/// Of which session it says that it is.
pub(super) fn session_of(cookie: &str) -> Option<SessionId> {
    let body = cookie.strip_prefix(PREFIX).filter(|body| body.len() == BODY)?;
    let bytes = Secret::new(URL_SAFE_NO_PAD.decode(body).ok()?);
    let id: [u8; ID] = bytes.expose().get(..ID)?.try_into().ok()?;
    Some(SessionId::from_uuid(uuid::Uuid::from_bytes(id)))
}

/// A new secret in the place of the one before; `None` for a session of tokens.
pub(crate) async fn renew<C>(
    work: &mut Work<'_, C>,
    session: SessionId,
) -> Result<Option<Secret<String>>, PortError> {
    let cookie = fresh(session, work.env.entropy);
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let hash = TokenHash::of(cookie.expose());
    let renewed = work
        .tx
        .sessions()
        .rekey(organization, session, &hash, now)
        .await?;
    Ok(renewed.then_some(cookie))
}

impl Session {
    /// How its client holds it.
    pub fn kind(&self) -> SessionKind {
        match self.cookie {
            Some(_) => SessionKind::Cookie,
            None => SessionKind::Token,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vutf_kernel::{OsEntropy, SystemClock};

    use super::*;

    #[test]
    fn it_names_its_session_and_differs_each_time() {
        let session = SessionId::generate(&SystemClock, &mut OsEntropy);
        let one = fresh(session, &mut OsEntropy);
        assert_eq!(session_of(one.expose()), Some(session));
        assert_ne!(one, fresh(session, &mut OsEntropy));
        assert_eq!(one.expose().len(), PREFIX.len() + BODY);
    }

    proptest! {
        #[test]
        fn nothing_else_has_the_form(text in "(vutf_sc_)?.{0,80}") {
            prop_assert!(session_of(&text).is_none() || text.len() == PREFIX.len() + BODY);
        }
    }
}
