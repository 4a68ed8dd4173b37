//! PASETO v4.public: <https://github.com/paseto-standard/paseto-spec>. Signing goes over a port, so that the key may live
//! elsewhere; verification is done by the crate `pasetors`.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pasetors::{
    keys::AsymmetricPublicKey,
    paserk::{FormatAsPaserk, Id},
    token::UntrustedToken,
    version4::{PublicToken, V4},
};
use serde::{Deserialize, Serialize};
use vutf_kernel::{Class, Fault, PortError, Secret, Timestamp};

use super::{Claims, TokenSigner, verified::Verified};

/// Longer tokens are refused before anything is computed. Ours are below 1,500 bytes.
pub const MAX_BYTES: usize = 4_096;

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of this service, or one that was changed.
    #[error("the access token is not valid")]
    Invalid,
    /// Signed with a key that is not in use (any more).
    #[error("the access token was signed with an unknown key")]
    UnknownKey,
    /// Made by or for somebody else.
    #[error("the access token is not meant for this service")]
    Foreign,
    /// Too late.
    #[error("the access token has expired")]
    Expired,
    /// Too early.
    #[error("the access token is not valid yet")]
    NotYetValid,
}

impl TokenError {
    /// The caller has not proved who they are.
    pub fn class(&self) -> Class {
        Class::Unauthenticated
    }
    /// A stable word for programs; callers learn no more than whether a refresh would help.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired => "token_expired",
            _ => "invalid_token",
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Footer {
    kid: String,
}

/// The PASERK id `k4.pid.…` of an Ed25519 public key.
pub fn key_id(public_key: &[u8; 32]) -> Result<String, PortError> {
    let key = public(public_key).ok_or_else(|| PortError::other("token.key_id", "not a public key"))?;
    let mut text = String::new();
    Id::from(&key)
        .fmt(&mut text)
        .map_err(|error| PortError::other("token.key_id", error))?;
    Ok(text)
}

/// A token for `claims`, bound to their issuer and audience.
pub fn issue(signer: &dyn TokenSigner, claims: &Claims) -> Result<Secret<String>, PortError> {
    let json = |error| PortError::other("token.issue", error);
    let active = signer.active()?;
    let footer = Footer {
        kid: key_id(&active)?,
    };
    let message = serde_json::to_vec(claims).map_err(json)?;
    let footer = serde_json::to_vec(&footer).map_err(json)?;
    let assertion = assertion(&claims.iss, &claims.aud);
    assemble(signer, active, message, &footer, assertion.as_bytes())
}

fn assemble(
    signer: &dyn TokenSigner,
    active: [u8; 32],
    message: Vec<u8>,
    footer: &[u8],
    assertion: &[u8],
) -> Result<Secret<String>, PortError> {
    let header = PublicToken::HEADER;
    let made = signer.sign(&pae(&[header.as_bytes(), &message, footer, assertion]))?;
    if made.public_key != active {
        // The key was rotated between the two calls; the footer names the old one.
        let why = "the signing key was rotated";
        return Err(PortError::new("token.issue", Fault::Contention, why));
    }
    let mut body = message;
    body.extend_from_slice(&made.signature);
    let mut token = format!("{header}{}", URL_SAFE_NO_PAD.encode(body));
    if !footer.is_empty() {
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(footer, &mut token);
    }
    Ok(Secret::new(token))
}

/// The claims of a token that one of `keys` signed for `issuer` and `audience`, and that is valid at `now`.
///
/// `leeway` is how far another replica's clock may run ahead (`iat`, `nbf`); the end is exact.
pub fn verify(
    token: &str,
    keys: &[[u8; 32]],
    issuer: &str,
    audience: &str,
    now: Timestamp,
    leeway: Duration,
) -> Result<Claims, TokenError> {
    let verified = check(token, keys, issuer, audience)?;
    verified.at(now, leeway).cloned()
}

/// The token, if one of `keys` signed it for `issuer` and `audience`; whatever time it is.
pub(super) fn check(
    token: &str,
    keys: &[[u8; 32]],
    issuer: &str,
    audience: &str,
) -> Result<Verified, TokenError> {
    if token.len() > MAX_BYTES {
        return Err(TokenError::Invalid);
    }
    let untrusted =
        UntrustedToken::<pasetors::Public, V4>::try_from(token).map_err(|_| TokenError::Invalid)?;
    let footer: Footer =
        serde_json::from_slice(untrusted.untrusted_footer()).map_err(|_| TokenError::Invalid)?;
    let (own, key) = keys
        .iter()
        .find(|key| key_id(key).is_ok_and(|id| id == footer.kid))
        .and_then(|own| Some((*own, public(own)?)))
        .ok_or(TokenError::UnknownKey)?;
    let assertion = assertion(issuer, audience);
    let trusted = PublicToken::verify(&key, &untrusted, None, Some(assertion.as_bytes()))
        .map_err(|_| TokenError::Invalid)?;
    let claims: Claims = serde_json::from_str(trusted.payload()).map_err(|_| TokenError::Invalid)?;
    if claims.iss != issuer || claims.aud != audience {
        return Err(TokenError::Foreign);
    }
    let at = |text: &str| Timestamp::parse_rfc3339(text).ok_or(TokenError::Invalid);
    Ok(Verified {
        key: own,
        issued_at: at(&claims.iat)?,
        not_before: at(&claims.nbf)?,
        expires_at: at(&claims.exp)?,
        claims,
    })
}

fn public(key: &[u8; 32]) -> Option<AsymmetricPublicKey<V4>> {
    AsymmetricPublicKey::from(key).ok()
}

/// A token for one issuer and audience fails the signature check of another, whatever its claims say.
fn assertion(issuer: &str, audience: &str) -> String {
    format!("{issuer}|{audience}")
}

/// Pre-authentication encoding: number of pieces, then length and bytes of each; numbers are 64 bit little endian with the top
/// bit clear (PASETO specification, "Common implementation details").
fn pae(pieces: &[&[u8]]) -> Vec<u8> {
    let number = |n: usize| (n as u64 & (u64::MAX >> 1)).to_le_bytes();
    let mut out = number(pieces.len()).to_vec();
    for piece in pieces {
        out.extend_from_slice(&number(piece.len()));
        out.extend_from_slice(piece);
    }
    out
}

#[cfg(feature = "memory")]
#[cfg(test)]
#[path = "paseto_tests.rs"]
mod tests;
