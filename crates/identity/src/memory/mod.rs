//! In-memory twins of the ports: for embedders who try the domain out, and for tests. Nothing survives the process.

mod api_keys;
mod break_glass;
mod custom_roles;
mod housekeeping;
mod invitations;
mod mail;
mod mfa;
mod passkeys;
mod people;
mod policies;
mod sessions;
mod signer;
mod users;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use vutf_kernel::{
    Ambient, ApiKeyId, Event, EventRecorder, EventSink, FactorId, FamilyId, Fault, InvitationId, MailId,
    OrganizationId, PolicyId, PortError, Receipts, RoleId, Secret, SessionId, Timestamp, Transaction, Units,
    UserId,
};

pub use self::signer::MemorySigner;
use crate::{
    Identity, IdentityRead, IdentityTx, IdentityUnit, Session, SessionStatus, Settings, User,
    api_key::{ApiKey, ApiKeyRepo, ApiKeyStatus, Lookup},
    break_glass::{BreakGlassRepo, Glass},
    consent::{Consent, ConsentRepo},
    erasure_request::{ErasureRequest, ErasureRequestRepo},
    guard::{GuardKey, GuardState, KeyedHash},
    housekeeping::HousekeepingRepo,
    invitation::{Invitation, InvitationRepo},
    link::{Link, LinkRepo},
    mail::{Letter, MailRepo},
    mfa::{MfaChallenge, MfaRepo, TotpFactor},
    passkey::{NoCeremonies, Passkey, PasskeyChallenge, PasskeyRepo},
    password::{
        Argon2Params, Argon2Scheme, Assess, HashError, HashPermit, PasswordHasher, PasswordPolicy,
        PastPassword, Strength, Verification,
    },
    policy::{Policy, PolicyCache, PolicyRepo},
    presence::PresenceRepo,
    refresh::{RefreshFamily, RefreshToken, TokenHash},
    repo::{
        BootstrapRecord, BootstrapRepo, GuardRepo, PasswordRecord, PasswordRepo, RefreshRepo, RoleRepo,
        SessionRepo, UserRepo,
    },
    role::{CustomRole, CustomRoleRepo, RoleCache},
    session::MokaSessionCache,
};

type Tenant<T> = (OrganizationId, T);

#[derive(Clone, Default)]
struct State {
    users: BTreeMap<UserId, User>,
    passwords: HashMap<Tenant<UserId>, PasswordRecord>,
    past_passwords: Vec<PastPassword>,
    guards: HashMap<Tenant<GuardKey>, (GuardState, Timestamp)>,
    sessions: BTreeMap<SessionId, Session>,
    families: HashMap<FamilyId, RefreshFamily>,
    tokens: HashMap<TokenHash, RefreshToken>,
    factors: BTreeMap<FactorId, TotpFactor>,
    /// Whose they are, by their hashes.
    codes: HashMap<[u8; 32], Tenant<UserId>>,
    challenges: HashMap<TokenHash, MfaChallenge>,
    passkeys: BTreeMap<FactorId, Passkey>,
    ceremonies: HashMap<TokenHash, PasskeyChallenge>,
    api_keys: BTreeMap<ApiKeyId, ApiKey>,
    links: HashMap<TokenHash, Link>,
    invitations: BTreeMap<InvitationId, Invitation>,
    letters: BTreeMap<MailId, Letter>,
    roles: HashMap<Tenant<UserId>, Vec<String>>,
    /// When a role was given.
    given: HashMap<(OrganizationId, UserId, String), Timestamp>,
    /// Who was told that their account will be switched off.
    told: HashMap<UserId, Timestamp>,
    consents: Vec<Consent>,
    erasure_requests: BTreeMap<UserId, ErasureRequest>,
    policies: BTreeMap<PolicyId, Policy>,
    custom_roles: BTreeMap<RoleId, CustomRole>,
    glasses: BTreeMap<UserId, Glass>,
    bootstrap: HashMap<OrganizationId, BootstrapRecord>,
    events: Vec<Event>,
}

/// The committed state, behind one lock. A transaction works on a snapshot; its commit is refused with
/// [`Fault::Contention`] when another one came first, so transactions are serialisable.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<Arc<State>>>,
}

impl MemoryStore {
    /// The events that were committed, oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.committed().events.clone()
    }
    /// The mail that waits to be sent.
    pub fn letters(&self) -> Vec<Letter> {
        self.committed().letters.values().cloned().collect()
    }
    /// Names of a user's roles, in whichever tenant they are.
    pub fn roles_of(&self, user: UserId) -> Vec<String> {
        let state = self.committed();
        let mut held = state.roles.iter().filter(|((_, id), _)| *id == user);
        held.next().map(|(_, roles)| roles.clone()).unwrap_or_default()
    }
    /// How many refresh families have a head that is good for one more use.
    pub fn live_heads(&self) -> usize {
        let state = self.committed();
        let unused = state.tokens.values().filter(|token| token.used_at.is_none());
        unused
            .filter(|token| {
                let family = state.families.get(&token.family_id);
                family.is_some_and(|f| f.revoked_at.is_none() && f.generation == token.generation)
            })
            .count()
    }

    fn committed(&self) -> Arc<State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A transaction over a [`MemoryStore`].
pub struct MemoryTx {
    store: MemoryStore,
    base: Arc<State>,
    state: Arc<State>,
    receipts: Receipts,
}

impl MemoryTx {
    /// The snapshot for a write; copied at the first one.
    fn write(&mut self) -> &mut State {
        Arc::make_mut(&mut self.state)
    }
}

#[async_trait]
impl Transaction for MemoryTx {
    async fn commit(self: Box<Self>) -> Result<(), PortError> {
        if Arc::ptr_eq(&self.base, &self.state) {
            return Ok(());
        }
        let mut committed = self.store.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&self.base, &committed) {
            return Err(PortError::new(
                "memory.commit",
                Fault::Contention,
                "another commit came first",
            ));
        }
        *committed = self.state;
        drop(committed);
        self.receipts.confirm();
        Ok(())
    }
    async fn rollback(self: Box<Self>) -> Result<(), PortError> {
        Ok(())
    }
}

#[async_trait]
impl Units<dyn IdentityUnit> for MemoryStore {
    async fn begin(&self) -> Result<Box<dyn IdentityUnit>, PortError> {
        let base = self.committed();
        Ok(Box::new(MemoryTx {
            store: self.clone(),
            state: base.clone(),
            base,
            receipts: Receipts::default(),
        }))
    }
    /// Somebody's commit went through, so trying again makes progress.
    async fn retry(&self, attempt: u32, _: &PortError) -> bool {
        attempt < 10_000
    }
}

#[async_trait]
impl EventRecorder for MemoryStore {
    async fn record(&self, event: Event) -> Result<(), PortError> {
        let mut receipts = Receipts::default();
        receipts.expect(&event);
        let mut committed = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut committed).events.push(event);
        receipts.confirm();
        Ok(())
    }
}

#[async_trait]
impl IdentityRead for MemoryStore {
    async fn session_status(&self, id: SessionId) -> Result<Option<SessionStatus>, PortError> {
        let state = self.committed();
        let session = state.sessions.get(&id);
        let found = session.and_then(|session| Some((session, state.users.get(&session.user_id)?)));
        Ok(found.map(|(session, user)| SessionStatus {
            id,
            organization_id: session.organization_id,
            user_id: user.id,
            session_epoch: session.epoch,
            user_epoch: user.epoch,
            user_status: user.status,
            user_deleted: user.stamps.is_deleted(),
            revoked_at: session.revoked_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
            idle_expires_at: session.idle_expires_at,
            assurance: session.assurance.clone(),
            cookie: session.cookie,
            settled: session.settled,
            password_due_at: session.password_due_at,
            roles: state.roles_of(session.organization_id, user.id),
            roles_since: state.roles_since(session.organization_id, user.id),
        }))
    }

    async fn api_key_status(&self, lookup: Lookup) -> Result<Option<ApiKeyStatus>, PortError> {
        let state = self.committed();
        let mut keys = state.api_keys.values();
        let found = keys.find(|key| key.lookup == lookup);
        Ok(found.and_then(|key| api_keys::status(&state, key)))
    }

    async fn policies(&self, organization: OrganizationId) -> Result<Vec<Policy>, PortError> {
        Ok(policies::of(&self.committed(), organization))
    }

    async fn custom_roles(&self, organization: OrganizationId) -> Result<Vec<CustomRole>, PortError> {
        Ok(custom_roles::of(&self.committed(), organization))
    }
}

impl IdentityTx for MemoryTx {
    fn users(&mut self) -> &mut dyn UserRepo {
        self
    }
    fn passwords(&mut self) -> &mut dyn PasswordRepo {
        self
    }
    fn guards(&mut self) -> &mut dyn GuardRepo {
        self
    }
    fn sessions(&mut self) -> &mut dyn SessionRepo {
        self
    }
    fn refresh(&mut self) -> &mut dyn RefreshRepo {
        self
    }
    fn mfa(&mut self) -> &mut dyn MfaRepo {
        self
    }
    fn passkeys(&mut self) -> &mut dyn PasskeyRepo {
        self
    }
    fn api_keys(&mut self) -> &mut dyn ApiKeyRepo {
        self
    }
    fn links(&mut self) -> &mut dyn LinkRepo {
        self
    }
    fn invitations(&mut self) -> &mut dyn InvitationRepo {
        self
    }
    fn mail(&mut self) -> &mut dyn MailRepo {
        self
    }
    fn roles(&mut self) -> &mut dyn RoleRepo {
        self
    }
    fn custom_roles(&mut self) -> &mut dyn CustomRoleRepo {
        self
    }
    fn policies(&mut self) -> &mut dyn PolicyRepo {
        self
    }
    fn break_glass(&mut self) -> &mut dyn BreakGlassRepo {
        self
    }
    fn bootstrap(&mut self) -> &mut dyn BootstrapRepo {
        self
    }
    fn presence(&mut self) -> &mut dyn PresenceRepo {
        self
    }
    fn consents(&mut self) -> &mut dyn ConsentRepo {
        self
    }
    fn erasure_requests(&mut self) -> &mut dyn ErasureRequestRepo {
        self
    }
    fn housekeeping(&mut self) -> &mut dyn HousekeepingRepo {
        self
    }
    fn events(&mut self) -> &mut dyn EventSink {
        self
    }
}

#[async_trait]
impl EventSink for MemoryTx {
    async fn append(&mut self, event: Event) -> Result<(), PortError> {
        self.receipts.expect(&event);
        self.write().events.push(event);
        Ok(())
    }
}

#[async_trait]
impl GuardRepo for MemoryTx {
    async fn lock(
        &mut self,
        organization: OrganizationId,
        key: &GuardKey,
        _: Timestamp,
    ) -> Result<GuardState, PortError> {
        let found = self.state.guards.get(&(organization, key.clone()));
        Ok(found.map_or(GuardState::CLEAR, |(state, _)| *state))
    }
    async fn put(
        &mut self,
        organization: OrganizationId,
        key: &GuardKey,
        state: &GuardState,
        now: Timestamp,
    ) -> Result<(), PortError> {
        self.write()
            .guards
            .insert((organization, key.clone()), (*state, now));
        Ok(())
    }
    async fn failures_of(
        &mut self,
        organization: OrganizationId,
        account: &[u8; 32],
    ) -> Result<i64, PortError> {
        let guards = self.state.guards.iter();
        let theirs = guards.filter(|((tenant, key), _)| *tenant == organization && key.account == *account);
        Ok(theirs.map(|(_, (guard, _))| guard.failures).sum())
    }
    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        let guards = &mut self.write().guards;
        let before = guards.len();
        guards.retain(|(tenant, key), _| *tenant != organization || key.user != Some(user));
        Ok(u64::try_from(before - guards.len()).unwrap_or(u64::MAX))
    }
}

/// Hashes on the thread that polls, without a queue: it blocks an executor while it works. A service brings its own.
#[derive(Clone)]
pub struct InlineHasher(Arc<Argon2Scheme>);

impl InlineHasher {
    /// Over a scheme.
    pub fn new(scheme: Argon2Scheme) -> Self {
        Self(Arc::new(scheme))
    }
}

#[async_trait]
impl PasswordHasher for InlineHasher {
    async fn permit(&self) -> Result<Box<dyn HashPermit>, HashError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl HashPermit for InlineHasher {
    async fn hash(&self, password: &Secret<String>, salt: [u8; 16]) -> Result<Secret<String>, HashError> {
        Ok(self.0.hash(password, salt)?)
    }
    async fn verify(
        &self,
        password: &Secret<String>,
        phc: Option<&Secret<String>>,
    ) -> Result<Verification, HashError> {
        Ok(self.0.verify(password, phc)?)
    }
    async fn measure(&self, policy: &PasswordPolicy, asked: Assess) -> Result<Strength, HashError> {
        Ok(policy.measure(&asked))
    }
}

/// HMAC-SHA-256 under one key for all tenants.
struct MemoryHash(Secret<[u8; 32]>);

impl KeyedHash for MemoryHash {
    fn hash(&self, organization: OrganizationId, message: &[u8]) -> Result<[u8; 32], PortError> {
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(self.0.expose())
            .map_err(|error| PortError::other("memory.hash", error))?;
        mac.update(organization.as_bytes());
        mac.update(message);
        Ok(mac.finalize().into_bytes().into())
    }
}

impl Identity {
    /// Everything in memory, with the machine's clock, a fresh signing key and the cheapest hashes that are accepted.
    pub fn in_memory(settings: Settings) -> Self {
        Self::over_memory(MemoryStore::default(), Ambient::system(), settings)
    }
    /// As [`Identity::in_memory`], over a store and a clock that the caller keeps hold of.
    pub fn over_memory(store: MemoryStore, ambient: Ambient, settings: Settings) -> Self {
        let scheme = Argon2Scheme::new(Argon2Params::floor(), 2);
        Self {
            looks: Arc::new(store.clone()),
            recorder: Arc::new(store.clone()),
            store: Arc::new(store),
            hasher: Arc::new(InlineHasher::new(scheme)),
            signer: Arc::new(MemorySigner::generate(&mut *ambient.entropy())),
            tokens: Arc::default(),
            sessions: Arc::new(MokaSessionCache::default()),
            policies: Arc::new(PolicyCache::default()),
            custom_roles: Arc::new(RoleCache::default()),
            names: Arc::new(MemoryHash(Secret::new(ambient.entropy().bytes()))),
            devices: Arc::new(MemoryHash(Secret::new(ambient.entropy().bytes()))),
            ceremonies: Arc::new(NoCeremonies),
            ambient,
            settings: Arc::new(settings),
        }
    }
}
