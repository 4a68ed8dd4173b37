//! Guessing: a counter for each account and authenticator, moved *before* the guess is checked, so that parallel guesses
//! cannot outrun it. NIST SP 800-63B-4 §3.2.2 (at most 100 consecutive failures), OWASP ASVS 5.0 §6.3.

use std::time::Duration;

use subtle::ConstantTimeEq as _;
use vutf_kernel::{OrganizationId, PortError, Timestamp, UserId};

use crate::{device::DeviceId, mfa::Method, work::Work};

/// What is being guessed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GuardKey {
    /// Whose, if it is of an account. Only housekeeping tells the two kinds apart.
    pub user: Option<UserId>,
    /// SHA-256 of the account's id, or the keyed hash of the name that matched none.
    pub account: [u8; 32],
    /// `password`, `totp`, `backup_code`; `device` for a password from a known browser; `address` and `network` for passwords from one place.
    pub authenticator: &'static str,
}

impl GuardKey {
    /// The password of a known account.
    pub fn password_of(user: UserId) -> Self {
        Self {
            user: Some(user),
            account: digest(user),
            authenticator: "password",
        }
    }
    /// A second factor of a known account; each kind has a counter of its own.
    pub fn second_factor_of(user: UserId, method: Method) -> Self {
        Self {
            authenticator: method.as_str(),
            ..Self::password_of(user)
        }
    }
    /// The password of a known account, from a browser that is known.
    pub(crate) fn device_of(user: UserId, device: DeviceId) -> Self {
        use sha2::{Digest, Sha256};
        let account = Sha256::new()
            .chain_update(b"vutf/guard/v1\0device\0")
            .chain_update(user.as_bytes())
            .chain_update(device);
        Self {
            user: Some(user),
            account: account.finalize().into(),
            authenticator: "device",
        }
    }
    /// Passwords of any account from one place, of which `tag` is the [`KeyedHash`].
    pub(crate) fn place(kind: &'static str, tag: [u8; 32]) -> Self {
        Self {
            user: None,
            account: tag,
            authenticator: kind,
        }
    }
    /// A password for a name that matches no account: counted alike, so that the answers do not differ.
    /// `tag` is the [`KeyedHash`] of the name.
    pub fn password_of_unknown(tag: [u8; 32]) -> Self {
        Self {
            user: None,
            account: tag,
            authenticator: "password",
        }
    }
}

/// No secret is needed to hide a random id.
fn digest(user: UserId) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::new()
        .chain_update(b"vutf/guard/v1\0user\0")
        .chain_update(user.as_bytes())
        .finalize()
        .into()
}

/// A hash that nobody can compute without the tenant's key (e.g. HMAC-SHA-256, RFC 2104), so that a copy of the store cannot
/// be searched with a dictionary.
pub trait KeyedHash: Send + Sync {
    /// The hash of `message` under the key of `organization`.
    fn hash(&self, organization: OrganizationId, message: &[u8]) -> Result<[u8; 32], PortError>;
    /// Whether `tag` is the hash of `message`, under the present key or one from before that is still believed.
    fn verify(
        &self,
        organization: OrganizationId,
        message: &[u8],
        tag: &[u8; 32],
    ) -> Result<bool, PortError> {
        let expected = self.hash(organization, message)?;
        Ok(expected.ct_eq(tag).into())
    }
}

/// The counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardState {
    /// Consecutive failures, the attempts under way included.
    pub failures: i64,
    /// No attempt is admitted before this.
    pub blocked_until: Option<Timestamp>,
}

/// How the delays grow.
#[derive(Clone, Debug)]
pub struct GuardPolicy {
    /// Failures without a delay; default 5.
    pub free: i64,
    /// Delays after that; the last one repeats. Default 30 s, 1, 2, 5, 15, 60 min.
    pub delays: Vec<Duration>,
    /// At this many the authenticator is disabled and must be bound anew; default 100 (SP 800-63B-4 §3.2.2).
    pub disable_at: i64,
}

impl Default for GuardPolicy {
    fn default() -> Self {
        let delays = [30, 60, 120, 300, 900, 3_600].map(Duration::from_secs).to_vec();
        Self {
            free: 5,
            delays,
            disable_at: 100,
        }
    }
}

/// Why an attempt was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    /// Until then.
    Until(Timestamp),
    /// For good: the authenticator must be bound anew.
    Disabled,
}

impl Barred {
    /// For the log alone.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Until(_) => "barred",
            Self::Disabled => "authenticator_disabled",
        }
    }
}

impl GuardState {
    /// Nothing failed yet.
    pub const CLEAR: Self = Self {
        failures: 0,
        blocked_until: None,
    };

    /// Counts an attempt as a failure until it is proved right, or refuses it.
    pub fn admit(self, policy: &GuardPolicy, now: Timestamp) -> Result<Self, Barred> {
        if self.failures >= policy.disable_at {
            return Err(Barred::Disabled);
        }
        if let Some(until) = self.blocked_until.filter(|until| now < *until) {
            return Err(Barred::Until(until));
        }
        let failures = self.failures + 1;
        let step = usize::try_from(failures - policy.free).ok();
        let delay = step.and_then(|step| policy.delays.get(step).or(policy.delays.last()));
        Ok(Self {
            failures,
            blocked_until: delay.map(|delay| now.plus(*delay)),
        })
    }
}

/// Counts an attempt before it is checked, or says why it may not be made.
pub(crate) async fn count<C>(work: &mut Work<'_, C>, key: &GuardKey) -> Result<Option<Barred>, PortError> {
    let id = work.id.clone();
    count_by(work, key, &id.settings.guard).await
}

/// The same by rules of its own.
pub(crate) async fn count_by<C>(
    work: &mut Work<'_, C>,
    key: &GuardKey,
    policy: &GuardPolicy,
) -> Result<Option<Barred>, PortError> {
    counted_by(work, key, policy).await.map(Result::err)
}

/// The same; of an attempt that was counted, whether the next ones are barred if it turns out to be wrong.
pub(crate) async fn counted_by<C>(
    work: &mut Work<'_, C>,
    key: &GuardKey,
    policy: &GuardPolicy,
) -> Result<Result<bool, Barred>, PortError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let state = work.tx.guards().lock(organization, key, now).await?;
    match state.admit(policy, now) {
        Ok(counted) => {
            work.tx.guards().put(organization, key, &counted, now).await?;
            Ok(Ok(counted.blocked_until.is_some()))
        }
        Err(barred) => Ok(Err(barred)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_are_free_then_the_delays_grow() {
        let policy = GuardPolicy::default();
        let mut now = Timestamp::from_secs(1_000);
        let mut state = GuardState::CLEAR;
        for _ in 0..5 {
            state = state.admit(&policy, now).unwrap();
        }
        for seconds in [30_u64, 60, 120, 300, 900, 3_600, 3_600] {
            let until = now.plus(Duration::from_secs(seconds));
            assert_eq!(state.admit(&policy, now), Err(Barred::Until(until)));
            now = until;
            state = state.admit(&policy, now).unwrap();
        }
    }

    #[test]
    fn at_a_hundred_the_authenticator_is_disabled() {
        let policy = GuardPolicy::default();
        let state = GuardState {
            failures: 100,
            blocked_until: None,
        };
        assert_eq!(
            state.admit(&policy, Timestamp::from_secs(1)),
            Err(Barred::Disabled)
        );
    }
}
