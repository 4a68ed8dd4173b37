//! What a sign-in and a refresh hand out.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use vutf_kernel::{Entropy, Env, Grants, PortError, Secret, SessionId, Timestamp, UserId, id::uuid_v7};

use super::Session;
use crate::{
    Identity,
    device::DeviceCookie,
    role,
    token::{self, Claims},
    work::Work,
};

/// Prefix of refresh tokens, by which scanners recognise a leaked one.
pub(crate) const REFRESH_PREFIX: &str = "vutf_rt_";
/// Length of the part after the prefix: 32 bytes in base64url.
const REFRESH_BODY: usize = 43;

/// A session's tokens.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// PASETO v4.public.
    pub access_token: Secret<String>,
    /// Life of the access token.
    pub expires_in: Duration,
    /// Opaque; good for one use.
    pub refresh_token: Secret<String>,
    /// The session.
    pub session_id: SessionId,
    /// The user.
    pub user_id: UserId,
    /// Whether the password is to be changed before anything else.
    pub password_due: bool,
    /// Sessions that ended to make room for it.
    pub ended: Vec<SessionId>,
    /// What the browser that signed in is known by from now on.
    pub device: Option<DeviceCookie>,
}

/// A fresh refresh token of 256 random bits.
pub(crate) fn refresh_token(entropy: &mut dyn Entropy) -> Secret<String> {
    let random = Secret::new(entropy.bytes::<32>());
    let mut text = String::with_capacity(REFRESH_PREFIX.len() + REFRESH_BODY);
    text.push_str(REFRESH_PREFIX);
    URL_SAFE_NO_PAD.encode_string(random.expose(), &mut text);
    Secret::new(text)
}

/// Whether `text` has the form of a refresh token.
pub(crate) fn is_refresh_token(text: &str) -> bool {
    text.strip_prefix(REFRESH_PREFIX).is_some_and(|body| {
        body.len() == REFRESH_BODY
            && body
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    })
}

/// What a token says of its holder's rights: what others may show, and nothing by which this service lets anybody in.
#[derive(Default)]
pub(crate) struct Rights {
    pub(crate) roles: Vec<String>,
    pub(crate) grants: Grants,
}

impl Rights {
    /// Of a user now.
    pub(crate) async fn of<C>(work: &mut Work<'_, C>, user: UserId) -> Result<Self, PortError> {
        let organization = work.ctx.organization_id;
        let roles = work.tx.roles().of_user(organization, user).await?;
        let grants = role::within(work, &roles).await?.grants(&roles);
        Ok(Self { roles, grants })
    }
}

/// Signs an access token for `session` and hands it out with `refresh_token`.
pub(crate) fn sign(
    id: &Identity,
    env: &mut Env<'_>,
    session: &Session,
    rights: Rights,
    refresh_token: Secret<String>,
) -> Result<SignedIn, PortError> {
    let (access_token, expires_in) = access(id, env, session, rights)?;
    Ok(SignedIn {
        access_token,
        expires_in,
        refresh_token,
        session_id: session.id,
        user_id: session.user_id,
        password_due: session.password_due_at.is_some(),
        ended: Vec::new(),
        device: None,
    })
}

/// Signs an access token for `session`, and says how long it lives.
pub(crate) fn access(
    id: &Identity,
    env: &mut Env<'_>,
    session: &Session,
    rights: Rights,
) -> Result<(Secret<String>, Duration), PortError> {
    access_for(id, env, session, rights, id.settings.access_ttl)
}

/// The same for one that lives as long as it is told, and no longer than its session.
pub(crate) fn access_for(
    id: &Identity,
    env: &mut Env<'_>,
    session: &Session,
    rights: Rights,
    life: Duration,
) -> Result<(Secret<String>, Duration), PortError> {
    let now = env.now();
    // Whole seconds, as many verifiers count: to them a fraction of the present second is the future.
    let issued = Timestamp::from_secs(now.as_secs());
    let expires_at = now.plus(life).min(session.expires_at);
    // Other services check the token and not the session: it says nothing that they could let in.
    let Rights { roles, grants } = if session.password_due_at.is_some() {
        Rights::default()
    } else {
        rights
    };
    let scope: Vec<&str> = grants.iter().map(vutf_kernel::Permission::as_str).collect();
    let claims = Claims {
        iss: id.settings.issuer.clone(),
        aud: id.settings.audience.clone(),
        sub: session.user_id,
        sid: session.id,
        org: session.organization_id,
        jti: uuid_v7(env.clock, env.entropy),
        iat: issued.rfc3339(),
        nbf: issued.rfc3339(),
        exp: expires_at.rfc3339(),
        scope: scope.join(" "),
        roles,
        amr: session.assurance.amr.clone(),
        acr: session.assurance.aal.as_str().to_owned(),
        auth_time: session.assurance.auth_time.rfc3339(),
    };
    Ok((token::issue(&*id.signer, &claims)?, expires_at.since(now)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vutf_kernel::OsEntropy;

    #[test]
    fn fresh_tokens_have_the_form_and_differ() {
        let one = refresh_token(&mut OsEntropy);
        assert!(is_refresh_token(one.expose()));
        assert_ne!(one, refresh_token(&mut OsEntropy));
    }

    proptest! {
        #[test]
        fn other_forms_are_refused(text in ".{0,80}") {
            prop_assert!(!is_refresh_token(&text) || text.len() == 51);
        }
    }
}
