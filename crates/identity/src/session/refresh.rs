//! Exchanges a refresh token for its successor and a fresh access token. RFC 9700 §4.14.2.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use vutf_kernel::{Ctx, Detail, Entropy, Fault, Outcome, PortError, Secret, SessionId, Timestamp};

use super::{
    Session,
    grant::{self, Rights, SignedIn},
    lifetime::over,
    login::obstacle,
    used::Used,
};
use crate::{
    Identity, action,
    refresh::{RefreshFamily, RefreshToken, TokenHash},
    refusal::use_case_error,
    work::{About, Work},
};

const ACTION: vutf_kernel::Action = action::SESSION_REFRESH;
/// A caller that lost the race reads again; more rounds than this mean that something else is wrong.
const ROUNDS: u32 = 4;
const NONCE: usize = 24;

/// A client presents its refresh token.
#[derive(Debug)]
pub struct Refresh {
    /// The token.
    pub refresh_token: Secret<String>,
}

use_case_error! {
    /// Why no new tokens were handed out.
    RefreshError {
        /// Unknown, used, expired or revoked: the answer does not say which. RFC 6749 §5.2.
        Refused => Unauthenticated, "invalid_grant", "the refresh token is not valid";
    } {}
}

/// How one round ended.
enum Round {
    Issued(SignedIn),
    /// Another caller moved the head first.
    Lost,
    Refused(About, &'static str),
    /// The family and its session were ended.
    Reused(SessionId),
}

/// Exchanges a refresh token.
pub async fn refresh(ctx: &Ctx, id: &Identity, command: Refresh) -> Result<SignedIn, RefreshError> {
    let token = command.refresh_token;
    if !grant::is_refresh_token(token.expose()) {
        id.refused(ctx, About::kind(ACTION), "malformed_token").await?;
        return Err(RefreshError::Refused);
    }
    for _ in 0..ROUNDS {
        match id.run(ctx, token.clone(), |work| Box::pin(round(work))).await? {
            Round::Issued(signed_in) => return Ok(signed_in),
            Round::Lost => {}
            Round::Refused(about, reason) => {
                id.refused(ctx, about, reason).await?;
                return Err(RefreshError::Refused);
            }
            Round::Reused(session) => {
                id.sessions.forget(session);
                return Err(RefreshError::Refused);
            }
        }
    }
    Err(PortError::new(
        "session.refresh",
        Fault::Unreachable,
        "the token's family keeps moving",
    )
    .into())
}

async fn round(mut work: Work<'_, Secret<String>>) -> Result<Round, RefreshError> {
    let presented = work.command.clone();
    let hash = TokenHash::of(presented.expose());
    let organization = work.ctx.organization_id;
    let found = work.tx.refresh().find(&hash).await?;
    let Some((token, family)) = found.filter(|(_, family)| family.organization_id == organization) else {
        let about = About::kind(ACTION);
        return Ok(Round::Refused(about, "unknown_token"));
    };
    let session = match live_session(&mut work, &family).await? {
        Ok(session) => session,
        Err(reason) => return Ok(Round::Refused(about(&family), reason)),
    };
    let (now, grace) = (work.now(), work.id.settings.refresh_grace);
    let in_grace = |used: Timestamp| now.since(used) <= grace;
    let successor = match (token.used_at, &token.successor) {
        (None, _) if token.generation == family.generation => {
            match rotate(&mut work, &presented, &token, &family).await? {
                Some(next) => next,
                None => return Ok(Round::Lost),
            }
        }
        // Only the head's predecessor is answered: whoever holds an older token has no claim to today's head.
        (Some(used_at), Some(sealed)) if in_grace(used_at) => {
            if !is_predecessor(&token, &family) {
                return Ok(Round::Refused(about(&family), "superseded_token"));
            }
            open(&presented, &token, sealed)?
        }
        _ => return reused(work, &family, session).await,
    };
    let used = Used {
        organization_id: organization,
        session_id: session.id,
        aal: session.assurance.aal,
        at: now,
        idle_expires_at: work.id.settings.idle_end(session.assurance.aal, now),
        unless_since: now,
    };
    work.tx.sessions().touch(&used).await?;
    let retried = token.used_at.is_some();
    work.raise(&about(&family), Outcome::Success, |event| {
        event.detail("retried", Detail::Bool(retried))
    })
    .await?;
    let rights = Rights::of(&mut work, family.user_id).await?;
    let signed_in = grant::sign(&work.id, &mut work.env, &session, rights, successor)?;
    Ok(Round::Issued(signed_in))
}

fn about(family: &RefreshFamily) -> About {
    About::session(ACTION, family.session_id).of(family.user_id)
}

/// Whether the head came straight from this token. An honest client's straggler may be older, so that an older token within
/// the grace ends nothing, but gets nothing either.
fn is_predecessor(token: &RefreshToken, family: &RefreshFamily) -> bool {
    token.generation.checked_add(1) == Some(family.generation)
}

/// The family's session, if it and the family may go on; else why not.
async fn live_session<C>(
    work: &mut Work<'_, C>,
    family: &RefreshFamily,
) -> Result<Result<Session, &'static str>, PortError> {
    let (now, organization) = (work.now(), family.organization_id);
    if family.revoked_at.is_some() {
        return Ok(Err("revoked"));
    }
    if now >= family.expires_at || now >= family.idle_expires_at {
        return Ok(Err("expired"));
    }
    let Some(user) = work.tx.users().find(organization, family.user_id).await? else {
        return Ok(Err("deleted"));
    };
    if let Some(reason) = obstacle(&user) {
        return Ok(Err(reason));
    }
    let session = work.tx.sessions().find(organization, family.session_id).await?;
    let live = session.filter(|session| session.revoked_at.is_none() && session.epoch == user.epoch);
    let Some(session) = live else {
        return Ok(Err("session_ended"));
    };
    // No family outlives its session.
    Ok(match over(session.expires_at, session.idle_expires_at, now) {
        Some(reason) => Err(reason),
        None => Ok(session),
    })
}

/// Moves the head; `None` when another caller did so first.
async fn rotate<C>(
    work: &mut Work<'_, C>,
    presented: &Secret<String>,
    token: &RefreshToken,
    family: &RefreshFamily,
) -> Result<Option<Secret<String>>, PortError> {
    let now = work.now();
    let successor = grant::refresh_token(work.env.entropy);
    let spent = RefreshToken {
        used_at: Some(now),
        successor: Some(seal(presented, token, &successor, work.env.entropy)?),
        ..token.clone()
    };
    let next = RefreshToken {
        hash: TokenHash::of(successor.expose()),
        family_id: family.id,
        generation: family.generation.saturating_add(1),
        used_at: None,
        successor: None,
        created_at: now,
    };
    let idle = now.plus(work.id.settings.refresh_idle).min(family.expires_at);
    let moved = work.tx.refresh().rotate(family, &spent, &next, idle).await?;
    Ok(moved.then_some(successor))
}

/// A spent token after its time: somebody else has it. Everything that descends from the sign-in ends.
async fn reused<C>(
    mut work: Work<'_, C>,
    family: &RefreshFamily,
    session: Session,
) -> Result<Round, RefreshError> {
    let (now, organization) = (work.now(), family.organization_id);
    work.tx.refresh().revoke_family(family.id, now).await?;
    work.tx
        .sessions()
        .revoke(organization, session.id, "refresh_reuse", None, now)
        .await?;
    let about = About::session(action::SESSION_REFRESH_REUSE, session.id).of(family.user_id);
    work.raise(&about, Outcome::refused("refresh_reuse"), |event| event)
        .await?;
    Ok(Round::Reused(session.id))
}

/// The key exists only while the bearer of the spent token asks: the store, which knows its hash, cannot derive it.
fn cipher(presented: &Secret<String>) -> Result<XChaCha20Poly1305, PortError> {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(presented.expose().as_bytes())
        .map_err(|error| PortError::other("refresh.successor_key", error))?;
    mac.update(b"vutf/refresh-successor/v1");
    let key = Secret::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
    XChaCha20Poly1305::new_from_slice(key.expose())
        .map_err(|error| PortError::other("refresh.successor_key", error))
}

/// Where a sealed successor belongs; it opens nowhere else.
fn place(token: &RefreshToken) -> [u8; 24] {
    let mut place = [0; 24];
    place[..16].copy_from_slice(token.family_id.as_bytes());
    place[16..].copy_from_slice(&token.generation.to_be_bytes());
    place
}

fn seal(
    presented: &Secret<String>,
    token: &RefreshToken,
    successor: &Secret<String>,
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, PortError> {
    let nonce = entropy.bytes::<NONCE>();
    let payload = Payload {
        msg: successor.expose().as_bytes(),
        aad: &place(token),
    };
    let sealed = cipher(presented)?
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| PortError::other("refresh.seal", "encryption failed"))?;
    Ok([&nonce[..], &sealed].concat())
}

fn open(
    presented: &Secret<String>,
    token: &RefreshToken,
    sealed: &[u8],
) -> Result<Secret<String>, PortError> {
    let corrupt = || PortError::other("refresh.open", "the sealed successor cannot be opened");
    let (nonce, msg) = sealed.split_first_chunk::<NONCE>().ok_or_else(corrupt)?;
    let payload = Payload {
        msg,
        aad: &place(token),
    };
    let plain = cipher(presented)?
        .decrypt(&XNonce::from(*nonce), payload)
        .map_err(|_| corrupt())?;
    String::from_utf8(plain).map(Secret::new).map_err(|_| corrupt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vutf_kernel::{FamilyId, OsEntropy, SystemClock};

    fn token(generation: i64) -> RefreshToken {
        RefreshToken {
            hash: TokenHash([0; 32]),
            family_id: FamilyId::generate(&SystemClock, &mut OsEntropy),
            generation,
            used_at: None,
            successor: None,
            created_at: Timestamp::from_secs(1),
        }
    }

    #[test]
    fn only_the_bearer_opens_the_successor_and_only_in_its_place() {
        let (bearer, other) = (
            grant::refresh_token(&mut OsEntropy),
            grant::refresh_token(&mut OsEntropy),
        );
        let place = token(3);
        let sealed = seal(&bearer, &place, &other, &mut OsEntropy).unwrap();
        assert_eq!(open(&bearer, &place, &sealed).unwrap(), other);
        assert!(open(&other, &place, &sealed).is_err());
        assert!(open(&bearer, &token(3), &sealed).is_err());
        let moved = RefreshToken {
            generation: 4,
            ..place
        };
        assert!(open(&bearer, &moved, &sealed).is_err());
    }

    proptest! {
        #[test]
        fn opening_anything_never_panics(sealed in proptest::collection::vec(any::<u8>(), 0..100)) {
            let bearer = Secret::new("vutf_rt_x".to_owned());
            prop_assert!(open(&bearer, &token(0), &sealed).is_err());
        }
    }
}
