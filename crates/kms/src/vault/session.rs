//! The token: obtained, renewed before it expires, replaced once when it is refused.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use vutf_kernel::Secret;

use super::{
    VaultAuth, VaultCredential, VaultError,
    api::{Api, Refusal},
};
use crate::credential;

/// After a renewal that failed for a passing reason.
const RETRY: Duration = Duration::from_secs(5);
/// No token and no secret id is longer.
const MAX_SECRET: usize = 8_192;

/// A token, and how often it was replaced.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) token: Arc<Secret<String>>,
    turn: u64,
}

/// Signs in, and stays signed in.
#[derive(Debug)]
pub(super) struct Session {
    auth: VaultAuth,
    lease: Mutex<Option<Lease>>,
}

#[derive(Debug)]
struct Lease {
    held: Held,
    /// When to renew: at two thirds of its life. `None` where it lives for ever, or its life is not known.
    renew: Option<Instant>,
    expires: Option<Instant>,
    renewable: bool,
}

impl Session {
    pub(super) fn new(auth: VaultAuth) -> Self {
        Self {
            auth,
            lease: Mutex::new(None),
        }
    }

    /// A token that is good as far as anybody here knows. One caller signs in or renews; others wait for it.
    pub(super) async fn token(&self, api: &Api) -> Result<Held, VaultError> {
        let mut lease = self.lease.lock().await;
        let now = Instant::now();
        let held = match &mut *lease {
            Some(current) if current.renew.is_some_and(|due| due <= now) => {
                self.renew(api, current, now).await?
            }
            Some(current) => Some(current.held.clone()),
            None => None,
        };
        match held {
            Some(held) => Ok(held),
            None => self.obtain(api, &mut lease).await,
        }
    }

    /// Another token than `refused`, or why there is none.
    pub(super) async fn replace(&self, api: &Api, refused: &Held) -> Result<Held, VaultError> {
        let mut lease = self.lease.lock().await;
        match &*lease {
            Some(current) if current.held.turn != refused.turn => return Ok(current.held.clone()),
            _ => {}
        }
        if let VaultAuth::Token(credential) = &self.auth
            && read(credential)? == *refused.token
        {
            return Err(VaultError::TokenRefused);
        }
        self.obtain(api, &mut lease).await
    }

    /// Whether the token itself is still accepted: then a refusal was about what it may do.
    pub(super) async fn is_accepted(&self, api: &Api, held: &Held) -> Result<bool, VaultError> {
        Ok(api
            .read::<Looked>("auth/token/lookup-self", &held.token)
            .await?
            .is_ok())
    }

    /// `None` when the token has to be replaced.
    async fn renew(&self, api: &Api, lease: &mut Lease, now: Instant) -> Result<Option<Held>, VaultError> {
        if !lease.renewable {
            return Ok(None);
        }
        let token = Arc::clone(&lease.held.token);
        let answer = api
            .write::<SignedIn>("auth/token/renew-self", Some(&token), &Nothing {})
            .await;
        match answer {
            Ok(Ok(SignedIn { auth })) => {
                let (turn, token) = (lease.held.turn, Arc::clone(&lease.held.token));
                *lease = Lease::new(Held { token, turn }, auth.lease_duration, auth.renewable, now);
                Ok(Some(lease.held.clone()))
            }
            Ok(Err(_refused)) => Ok(None),
            Err(_) if lease.expires.is_none_or(|expires| now < expires) => {
                lease.renew = Some(now + RETRY);
                Ok(Some(lease.held.clone()))
            }
            Err(error) => Err(error),
        }
    }

    async fn obtain(&self, api: &Api, lease: &mut Option<Lease>) -> Result<Held, VaultError> {
        let turn = lease.as_ref().map_or(0, |old| old.held.turn.wrapping_add(1));
        let now = Instant::now();
        let new = match &self.auth {
            VaultAuth::Token(credential) => {
                let token = Arc::new(read(credential)?);
                let held = Held { token, turn };
                match api.read::<Looked>("auth/token/lookup-self", &held.token).await? {
                    Ok(Looked { data }) => Lease::new(held, data.ttl, data.renewable, now),
                    // It may be good all the same: a policy can forbid a token to look at itself.
                    Err(_) => Lease::new(held, 0, false, now),
                }
            }
            VaultAuth::AppRole {
                mount,
                role_id,
                secret_id,
            } => {
                let secret_id = read(secret_id)?;
                let body = SignIn {
                    role_id,
                    secret_id: secret_id.expose(),
                };
                let path = format!("auth/{}/login", mount.trim_matches('/'));
                match api.write::<SignedIn>(&path, None, &body).await? {
                    Ok(SignedIn { auth }) => {
                        let token = auth
                            .client_token
                            .ok_or_else(|| VaultError::Unexpected("signing in gave no token".into()))?;
                        let token = Arc::new(token);
                        Lease::new(Held { token, turn }, auth.lease_duration, auth.renewable, now)
                    }
                    Err(Refusal { status, errors }) => {
                        return Err(VaultError::AppRoleRefused(format!("HTTP {status} {errors}")));
                    }
                }
            }
        };
        Ok(lease.insert(new).held.clone())
    }
}

impl Lease {
    /// `seconds` of 0 is for ever, or unknown.
    fn new(held: Held, seconds: u64, renewable: bool, now: Instant) -> Self {
        let life = (seconds > 0).then(|| Duration::from_secs(seconds));
        let after = |life: Duration| now.checked_add(life);
        Self {
            held,
            renew: life.and_then(|life| after(life * 2 / 3)),
            expires: life.and_then(after),
            renewable,
        }
    }
}

fn read(credential: &VaultCredential) -> Result<Secret<String>, VaultError> {
    let path = match credential {
        VaultCredential::Text(text) => return Ok(text.clone()),
        VaultCredential::File(path) => path,
    };
    let wrong = |problem: String| VaultError::File {
        path: path.clone(),
        problem,
    };
    let text = credential::read(path, MAX_SECRET).map_err(wrong)?;
    match text.expose().trim() {
        "" => Err(wrong("it holds no token or secret id".to_owned())),
        secret => Ok(Secret::new(secret.to_owned())),
    }
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct SignIn<'a> {
    role_id: &'a str,
    secret_id: &'a str,
}

#[derive(Deserialize)]
struct SignedIn {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: Option<Secret<String>>,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
}

#[derive(Deserialize)]
struct Looked {
    data: LookedUp,
}

#[derive(Deserialize)]
struct LookedUp {
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    renewable: bool,
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_file_with_a_token_is_the_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, "planted-token\n").unwrap();
        let with = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            read(&VaultCredential::File(path.clone()))
        };
        let error = with(0o644).unwrap_err().to_string();
        assert!(
            error.contains("others may read it") && !error.contains("planted-token"),
            "{error}"
        );
        assert_eq!(with(0o600).unwrap(), Secret::new("planted-token".to_owned()));
    }
}
