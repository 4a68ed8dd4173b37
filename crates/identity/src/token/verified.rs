//! Remembers which tokens' signatures were checked: an Ed25519 verification takes longer than the rest of most requests.
//!
//! Only that is remembered. Whether the token's time has come or is over, whether its key is still believed, and whether its
//! session is alive are asked at every use.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use vutf_kernel::Timestamp;

use super::{Claims, TokenError, paseto};

/// A token whose signature is right.
#[derive(Clone, Debug)]
pub struct Verified {
    pub(super) claims: Claims,
    /// The public key that verified it.
    pub(super) key: [u8; 32],
    pub(super) issued_at: Timestamp,
    pub(super) not_before: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl Verified {
    /// The claims, if they hold at `now`. `leeway` is how far another replica's clock may run ahead; the end is exact.
    pub fn at(&self, now: Timestamp, leeway: Duration) -> Result<&Claims, TokenError> {
        if now >= self.expires_at {
            return Err(TokenError::Expired);
        }
        let latest = now.plus(leeway);
        if self.not_before > latest || self.issued_at > latest {
            return Err(TokenError::NotYetValid);
        }
        Ok(&self.claims)
    }

    /// When it ends.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

type Digest = [u8; 32];

/// A bounded memory of verified tokens, by the digest of each: the tokens themselves are not kept.
///
/// Two generations: what is used moves to the younger one, and when that is full the older one is dropped as a whole.
#[derive(Default)]
pub struct VerifiedTokens {
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Digest, Arc<Verified>>,
    old: HashMap<Digest, Arc<Verified>>,
}

impl VerifiedTokens {
    /// Tokens in one generation.
    pub const CAPACITY: usize = 4_096;

    /// The token, verified now or before by one of `keys` for `issuer` and `audience`. Its time is not looked at.
    pub fn verify(
        &self,
        token: &str,
        keys: &[[u8; 32]],
        issuer: &str,
        audience: &str,
    ) -> Result<Arc<Verified>, TokenError> {
        if token.len() > paseto::MAX_BYTES {
            return Err(TokenError::Invalid);
        }
        let digest = digest(token, issuer, audience);
        if let Some(known) = self.find(&digest).filter(|known| keys.contains(&known.key)) {
            return Ok(known);
        }
        let verified = Arc::new(paseto::check(token, keys, issuer, audience)?);
        self.with(|all| all.put(digest, Arc::clone(&verified)));
        Ok(verified)
    }

    fn find(&self, digest: &Digest) -> Option<Arc<Verified>> {
        self.with(|all| {
            if let Some(known) = all.young.get(digest) {
                return Some(Arc::clone(known));
            }
            let known = all.old.remove(digest)?;
            all.put(*digest, Arc::clone(&known));
            Some(known)
        })
    }

    fn with<T>(&self, f: impl FnOnce(&mut Generations) -> T) -> T {
        f(&mut self.generations.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Generations {
    fn put(&mut self, digest: Digest, verified: Arc<Verified>) {
        if self.young.len() >= VerifiedTokens::CAPACITY {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(digest, verified);
    }
}

/// Issuer and audience are bound by the signature, so they belong to what was verified.
fn digest(token: &str, issuer: &str, audience: &str) -> Digest {
    let mut hash = Sha256::new();
    for part in [issuer, audience, token] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
impl VerifiedTokens {
    /// Some token that nobody uses again.
    pub(super) fn fill_one(&self) {
        let mut digest = Digest::default();
        vutf_kernel::Entropy::fill(&mut vutf_kernel::OsEntropy, &mut digest);
        self.with(|all| {
            let any = all.young.values().chain(all.old.values()).next().cloned();
            if let Some(any) = any {
                all.put(digest, any);
            }
        });
    }

    pub(super) fn len(&self) -> usize {
        self.with(|all| all.young.len() + all.old.len())
    }
}
