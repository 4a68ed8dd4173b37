//! The bundle of ports and settings that the use cases take as their second argument.

use std::{sync::Arc, time::Duration};

use vutf_kernel::{Ambient, BoxFuture, Env, EventRecorder, Secret, Units, UseCaseError, transact};

use crate::{
    IdentityStore, IdentityUnit,
    api_key::ApiKeyPolicy,
    consent::SystemUse,
    device::DevicePolicy,
    guard::{GuardPolicy, KeyedHash},
    mail::MailSettings,
    mfa::EnrolmentPolicy,
    network::NetworkPolicy,
    passkey::{Ceremonies, PasskeyPolicy},
    password::{HashError, PasswordHasher, PasswordPolicy},
    policy::PolicyCache,
    presence::InactivityPolicy,
    role::RoleCache,
    session::{SessionPolicy, SessionStatusCache},
    token::{TokenSigner, VerifiedTokens},
};

/// Numbers of this domain. Defaults and sources: docs/configuration.md, section `identity`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `iss` of access tokens.
    pub issuer: String,
    /// `aud` of access tokens.
    pub audience: String,
    /// Life of an access token; default 10 min.
    pub access_ttl: Duration,
    /// A refresh token that is not used for so long dies; default 14 d.
    pub refresh_idle: Duration,
    /// A session of one factor, and any family of refresh tokens, ends after this whatever happens; default 30 d (AAL1,
    /// SP 800-63B-4 §2.1.3).
    pub refresh_absolute: Duration,
    /// Within this, a retry with a spent refresh token gets the same successor; default 10 s.
    pub refresh_grace: Duration,
    /// Whether strangers may register.
    pub open_registration: bool,
    /// Whether whoever was invited may register where strangers may not.
    pub by_invitation: bool,
    /// Whether a registered address counts as proved at once (development only).
    pub verified_at_once: bool,
    /// What a password must be like.
    pub password: PasswordPolicy,
    /// Delays for guesses.
    pub guard: GuardPolicy,
    /// Wrong passwords from one place.
    pub networks: NetworkPolicy,
    /// Known browsers.
    pub devices: DevicePolicy,
    /// How long sessions last.
    pub sessions: SessionPolicy,
    /// How long API keys live, and how many there may be.
    pub api_keys: ApiKeyPolicy,
    /// Who must have a second factor.
    pub enrolment: EnrolmentPolicy,
    /// For which site passkeys are.
    pub passkeys: PasskeyPolicy,
    /// Mails and links.
    pub mail: MailSettings,
    /// What everybody agrees to who signs in.
    pub system_use: SystemUse,
    /// Who has not been there for long.
    pub inactivity: InactivityPolicy,
    /// How long somebody may think better of it who asked to be erased; default 7 d.
    pub erasure_delay: Duration,
    /// What takes two persons, and the way in for emergencies.
    pub authorization: AuthorizationPolicy,
}

/// What takes two persons, and the way in for emergencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorizationPolicy {
    /// Whether the role of super administrators is given and taken by two persons; off by default.
    pub two_person: bool,
    /// How long the session lasts that comes of breaking the glass; default 60 min.
    pub break_glass_life: Duration,
}

impl Default for AuthorizationPolicy {
    fn default() -> Self {
        Self {
            two_person: false,
            break_glass_life: Duration::from_hours(1),
        }
    }
}

impl Settings {
    /// The documented defaults. Registration is closed, and an address must be proved.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            access_ttl: Duration::from_mins(10),
            refresh_idle: Duration::from_secs(14 * DAY),
            refresh_absolute: Duration::from_secs(30 * DAY),
            refresh_grace: Duration::from_secs(10),
            open_registration: false,
            by_invitation: false,
            verified_at_once: false,
            password: PasswordPolicy::default(),
            guard: GuardPolicy::default(),
            networks: NetworkPolicy::default(),
            devices: DevicePolicy::default(),
            sessions: SessionPolicy::default(),
            api_keys: ApiKeyPolicy::default(),
            enrolment: EnrolmentPolicy::default(),
            passkeys: PasskeyPolicy::default(),
            mail: MailSettings::default(),
            system_use: SystemUse::default(),
            inactivity: InactivityPolicy::default(),
            erasure_delay: Duration::from_secs(7 * DAY),
            authorization: AuthorizationPolicy::default(),
        }
    }
}

/// Everything that the use cases of this domain need. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    /// Opens transactions.
    pub store: Arc<dyn IdentityStore>,
    /// Opens transactions that show something and change nothing.
    pub looks: Arc<dyn Units<dyn IdentityUnit>>,
    /// Takes events that accompany no change: refusals.
    pub recorder: Arc<dyn EventRecorder>,
    /// Hashes passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Signs access tokens.
    pub signer: Arc<dyn TokenSigner>,
    /// Remembers which tokens' signatures were checked.
    pub tokens: Arc<VerifiedTokens>,
    /// Remembers for less than a second which sessions and API keys are live.
    pub sessions: Arc<dyn SessionStatusCache>,
    /// Remembers for less than a second which policies there are.
    pub policies: Arc<PolicyCache>,
    /// Remembers for less than a second which roles organizations made.
    pub custom_roles: Arc<RoleCache>,
    /// Hides names that match no account, and places.
    pub names: Arc<dyn KeyedHash>,
    /// Vouches for known browsers.
    pub devices: Arc<dyn KeyedHash>,
    /// Checks what authenticators answer.
    pub ceremonies: Arc<dyn Ceremonies>,
    /// Time and randomness.
    pub ambient: Ambient,
    /// Numbers.
    pub settings: Arc<Settings>,
}

impl Identity {
    /// Runs `work` in a transaction of this domain, with fresh time and randomness for each attempt.
    pub async fn transact<T: Send, E: UseCaseError>(
        &self,
        work: impl for<'a> FnMut(&'a mut (dyn IdentityUnit + 'static), Env<'a>) -> BoxFuture<'a, Result<T, E>>
        + Send,
    ) -> Result<T, E> {
        transact::<dyn IdentityUnit, T, E>(&*self.store, &self.ambient, work).await
    }

    /// Hashes a new password; waits for a permit first.
    pub(crate) async fn hash_password(&self, password: &Secret<String>) -> Result<Secret<String>, HashError> {
        let permit = self.hasher.permit().await?;
        let salt = self.ambient.entropy().bytes();
        permit.hash(password, salt).await
    }
}
