//! The handle that everyone else holds: operations, never keys.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use vutf_kernel::{Clock, Entropy, KeyId, OrganizationId, Secret, SystemClock, Timestamp};

use crate::{
    BlindIndex, CacheCounters, CacheLimits, CryptoError, Decision, FieldRef, KeyState, Operation, Posture,
    Purpose, Signature, SuitePolicy, Usage, UsageDelta, VerifyingKey,
    cache::SubjectCache,
    envelope, field,
    hazmat::mac,
    outage::Confirmation,
    purpose::PurposeRef,
    signing,
    snapshot::{Loaded, Snapshot},
    tenant::Tenant,
    usage::UsageCounter,
    uses::Uses,
};

/// All keys of this process, unwrapped, behind operations that name tenant and purpose.
///
/// Fill it with [`Keyring::load`]. Share it freely: it is `Send + Sync`, a lookup takes a read lock for the length of one
/// pointer copy, and no lock is held across an `.await`. What it holds is zeroised when it is replaced or dropped.
pub struct Keyring {
    policy: SuitePolicy,
    pub(crate) snapshot: RwLock<Arc<Snapshot>>,
    pub(crate) tenants: Mutex<HashMap<KeyId, Arc<Tenant>>>,
    /// When each tenant key was last unwrapped by the provider.
    confirmations: Mutex<HashMap<KeyId, Arc<Confirmation>>>,
    subjects: SubjectCache,
    /// Beyond the life of a snapshot: what is counted is not lost when keys are loaded.
    counters: Mutex<HashMap<KeyId, Arc<UsageCounter>>>,
    clock: Arc<dyn Clock>,
    flagged: AtomicU64,
    uses: Arc<Uses>,
}

impl Keyring {
    /// Without keys, admitting every suite: every operation answers [`CryptoError::KeyNotLoaded`].
    pub fn new() -> Self {
        Self::with_policy(SuitePolicy::ALL)
    }

    /// Without keys; only keys and ciphertexts of suites that `policy` admits will ever be used.
    pub fn with_policy(policy: SuitePolicy) -> Self {
        Self {
            policy,
            snapshot: RwLock::default(),
            tenants: Mutex::default(),
            confirmations: Mutex::default(),
            subjects: SubjectCache::new(CacheLimits::default()),
            counters: Mutex::default(),
            clock: Arc::new(SystemClock),
            flagged: AtomicU64::new(0),
            uses: Arc::default(),
        }
    }

    /// The same with other limits for what is kept in memory, and with a clock to judge them by. To be called before any key
    /// is loaded: what was loaded is forgotten.
    #[must_use]
    pub fn with_limits(self, limits: CacheLimits, clock: Arc<dyn Clock>) -> Self {
        Self {
            subjects: SubjectCache::new(limits),
            clock,
            ..Self::with_policy(self.policy)
        }
    }

    /// Which suites are admitted, and which of them new keys are to get.
    pub const fn policy(&self) -> SuitePolicy {
        self.policy
    }

    /// Encrypts a field under the newest active key of its table, bound to its place.
    pub fn seal(
        &self,
        field: &FieldRef<'_>,
        plaintext: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, CryptoError> {
        let snapshot = self.snapshot();
        let key = self.protecting(&snapshot, field.organization_id, field.purpose())?;
        seal_with(key, field, plaintext, entropy)
    }

    /// Decrypts a field that [`Keyring::seal`] made for the same place, under whichever version it names. What a person's own
    /// key protects is opened by [`Keyring::open_in`].
    pub fn open(&self, field: &FieldRef<'_>, ciphertext: &[u8]) -> Result<Secret<Vec<u8>>, CryptoError> {
        let hint = envelope::key_hint(ciphertext)?;
        self.policy.check(hint.suite)?;
        let purpose = field.purpose();
        let snapshot = self.snapshot();
        let Some(key) = snapshot.by_id(hint.key_id) else {
            return Err(CryptoError::KeyNotLoaded {
                organization_id: field.organization_id,
                purpose: purpose.into(),
                key_id: Some(hint.key_id),
            });
        };
        if (key.organization_id, key.purpose.borrowed()) != (field.organization_id, purpose) {
            return Err(CryptoError::ForeignKey(hint.key_id));
        }
        self.admit(key)?;
        open_with(key, field, ciphertext)
    }

    /// The blind index of a canonical value, under the newest active key of the column.
    pub fn blind_index(
        &self,
        organization: OrganizationId,
        table: &str,
        column: &str,
        canonical: &[u8],
    ) -> Result<BlindIndex, CryptoError> {
        let snapshot = self.snapshot();
        let key = self.protecting(&snapshot, organization, PurposeRef::Index { table, column })?;
        key.usage.count(canonical.len());
        index_with(key, canonical)
    }

    /// The blind index under every version that may be looked up, newest first: those that may process, and those that are
    /// not active here yet, since another replica may write under them already.
    pub fn blind_index_candidates(
        &self,
        organization: OrganizationId,
        table: &str,
        column: &str,
        canonical: &[u8],
    ) -> Result<Vec<BlindIndex>, CryptoError> {
        let snapshot = self.snapshot();
        let purpose = PurposeRef::Index { table, column };
        let mut candidates = Vec::new();
        for key in snapshot.looked_up(organization, purpose)? {
            if key.state != KeyState::PreActivation {
                self.admit(key)?;
            }
            candidates.push(index_with(key, canonical)?);
        }
        if candidates.is_empty() {
            return Err(CryptoError::NoActiveKey {
                organization_id: organization,
                purpose: purpose.into(),
            });
        }
        Ok(candidates)
    }

    /// Signs with the newest active key of `purpose`.
    pub fn sign(
        &self,
        organization: OrganizationId,
        purpose: &Purpose,
        message: &[u8],
    ) -> Result<Signature, CryptoError> {
        let snapshot = self.snapshot();
        let key = self.protecting(&snapshot, organization, purpose.borrowed())?;
        let signer = key.signer()?;
        if *purpose != Purpose::CheckpointSigning {
            // To write down the use of that key is an event, which is followed by a checkpoint.
            key.usage.count(message.len());
        }
        Ok(Signature {
            key_id: key.id,
            public_key: signer.public_key(),
            bytes: signer.sign(message)?,
        })
    }

    /// Whether `signature` over `message` is by the key `key_id` of `purpose`, and that key is believed.
    pub fn verify(
        &self,
        organization: OrganizationId,
        purpose: &Purpose,
        key_id: KeyId,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        self.verifying_keys(organization, purpose)
            .iter()
            .any(|key| key.key_id == key_id && signing::verify(&key.public_key, message, signature))
    }

    /// The keys whose signatures are believed: active and deactivated ones, newest first. A compromised key is not among
    /// them, since anyone may have signed with it.
    pub fn verifying_keys(&self, organization: OrganizationId, purpose: &Purpose) -> Vec<VerifyingKey> {
        let snapshot = self.snapshot();
        let trusted = snapshot.versions(organization, purpose.borrowed()).iter();
        trusted
            .filter(|key| key.may(Operation::Process) == Decision::Allow)
            .filter_map(|key| {
                Some(VerifyingKey {
                    key_id: key.id,
                    version: key.version,
                    state: key.state,
                    public_key: key.signer().ok()?.public_key(),
                    activated_at: key.activated_at,
                })
            })
            .collect()
    }

    /// As [`Keyring::mac`], for what accompanies every event: uses are not written down, since to do that is an event.
    pub fn vouch(
        &self,
        organization: OrganizationId,
        name: &str,
        message: &[u8],
    ) -> Result<[u8; 32], CryptoError> {
        let snapshot = self.snapshot();
        let key = self.protecting(&snapshot, organization, PurposeRef::Mac { name })?;
        Ok(key.mac_key()?.tag(&[message]))
    }

    /// HMAC-SHA-256 of `message` under the newest active key of that name.
    pub fn mac(
        &self,
        organization: OrganizationId,
        name: &str,
        message: &[u8],
    ) -> Result<[u8; 32], CryptoError> {
        let snapshot = self.snapshot();
        let key = self.protecting(&snapshot, organization, PurposeRef::Mac { name })?;
        key.usage.count(message.len());
        Ok(key.mac_key()?.tag(&[message]))
    }

    /// Whether `tag` is the MAC of `message` under any version that is believed; in constant time for each version. What only a
    /// compromised version vouches for is believed and counted among [`Keyring::flagged_uses`]: to refuse it would let whoever
    /// reports a compromise take away everything that the key has vouched for.
    pub fn verify_mac(
        &self,
        organization: OrganizationId,
        name: &str,
        message: &[u8],
        tag: &[u8],
    ) -> Result<bool, CryptoError> {
        let snapshot = self.snapshot();
        let (mut sound, mut flagged) = (false, false);
        for key in snapshot.processing(organization, PurposeRef::Mac { name })? {
            let matches = || Ok::<_, CryptoError>(mac::equal(&key.mac_key()?.tag(&[message]), tag));
            match key.may(Operation::Process) {
                Decision::Allow => sound |= matches()?,
                Decision::AllowFlagged => flagged |= matches()?,
                Decision::Refuse => {}
            }
        }
        if flagged && !sound {
            self.count_flagged();
        }
        Ok(sound || flagged)
    }

    /// How often a compromised key was used to read, since the start: anything but zero asks for re-encryption.
    pub fn flagged_uses(&self) -> u64 {
        self.flagged.load(Ordering::Relaxed)
    }

    /// What each key protected in this process since the last time, to be added to what is written down. Whoever cannot write
    /// it gives it back.
    pub fn take_usage(&self) -> Vec<UsageDelta> {
        let snapshot = self.snapshot();
        let taken = snapshot.all().filter_map(|key| {
            Some(UsageDelta {
                key_id: key.id,
                organization_id: key.organization_id,
                more: key.usage.take()?,
            })
        });
        taken.collect()
    }

    /// Takes back what could not be written down.
    pub fn give_back_usage(&self, deltas: &[UsageDelta]) {
        for delta in deltas {
            self.counter(delta.key_id).give_back(delta.more);
        }
    }

    /// How much the key has protected, as far as this process knows: what was written down when it last loaded, and what it
    /// counted itself.
    pub fn usage(&self, key: KeyId) -> Usage {
        self.counter(key).total()
    }

    pub(crate) fn counter(&self, key: KeyId) -> Arc<UsageCounter> {
        let mut all = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(key).or_default())
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How the keys stand towards their provider: the worst of all tenants. [`Posture::Fresh`] while none is loaded.
    pub fn posture(&self) -> Posture {
        let postures = self
            .snapshot()
            .tenants()
            .filter(|tenant| tenant.state.is_usable())
            .map(|tenant| self.posture_of(&tenant.confirmation))
            .collect::<Vec<_>>();
        postures.into_iter().max().unwrap_or(Posture::Fresh)
    }

    /// When the provider last confirmed the tenant key that it has not confirmed for longest; `None` while none is loaded.
    pub fn confirmed_at(&self) -> Option<Timestamp> {
        let snapshot = self.snapshot();
        let usable = snapshot.tenants().filter(|tenant| tenant.state.is_usable());
        usable.map(|tenant| tenant.confirmation.at()).min()
    }

    /// The tenants whose keys are loaded.
    pub fn organizations(&self) -> Vec<OrganizationId> {
        let snapshot = self.snapshot();
        let mut all: Vec<_> = snapshot.tenants().map(|tenant| tenant.organization_id).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What the cache of persons' keys did.
    pub fn cache_counters(&self) -> CacheCounters {
        self.subjects.counters()
    }

    /// Zeroises persons' keys that are past their age. To be called every few seconds: nobody else looks at what nobody uses.
    pub fn sweep(&self) {
        self.subjects.sweep(self.now());
    }

    /// What is kept in memory, and for how long.
    pub const fn limits(&self) -> &CacheLimits {
        self.subjects.limits()
    }

    pub(crate) const fn cache(&self) -> &SubjectCache {
        &self.subjects
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How often keys were used, by kind of purpose.
    pub fn uses(&self) -> &Arc<Uses> {
        &self.uses
    }

    pub(crate) fn count_flagged(&self) {
        self.flagged.fetch_add(1, Ordering::Relaxed);
    }

    /// When the tenant key `id` was confirmed; a moment that is noted at the first call.
    pub(crate) fn confirmation(&self, id: KeyId) -> Arc<Confirmation> {
        let now = self.now();
        let mut all = self.confirmations.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(id).or_insert_with(|| Arc::new(Confirmation::new(now))))
    }

    pub(crate) fn note_confirmed(&self, id: KeyId) {
        self.confirmation(id).renew(self.now());
    }

    /// Persons' keys under tenant keys that are gone or put aside go with them.
    pub(crate) fn forget_subjects_of_lost_tenants(&self) {
        let snapshot = self.snapshot();
        self.subjects.drop_where(|key| {
            snapshot
                .tenant(key.tenant_id)
                .is_none_or(|tenant| !tenant.state.is_usable())
        });
    }

    fn posture_of(&self, confirmation: &Confirmation) -> Posture {
        Posture::at(confirmation.at(), self.now(), &self.limits().outage)
    }

    fn within_outage(&self, key: &Loaded, operation: Operation) -> Result<(), CryptoError> {
        let posture = self.posture_of(&key.confirmation);
        if posture.allows(operation) {
            self.uses.count(&key.purpose, operation);
            Ok(())
        } else {
            Err(CryptoError::Outage(posture))
        }
    }

    /// The newest version that may protect, unless its provider has been away for too long, or it has protected as much as it
    /// ever may.
    pub(crate) fn protecting<'s>(
        &self,
        snapshot: &'s Snapshot,
        organization: OrganizationId,
        purpose: PurposeRef<'_>,
    ) -> Result<&'s Loaded, CryptoError> {
        let key = snapshot.protecting(organization, purpose)?;
        self.within_outage(key, Operation::Protect)?;
        if key.is_exhausted() {
            return Err(CryptoError::Exhausted);
        }
        Ok(key)
    }

    pub(crate) fn admit(&self, key: &Loaded) -> Result<(), CryptoError> {
        self.within_outage(key, Operation::Process)?;
        match key.may(Operation::Process) {
            Decision::Allow => Ok(()),
            Decision::AllowFlagged => {
                self.count_flagged();
                Ok(())
            }
            Decision::Refuse => Err(key.refusal()),
        }
    }
}

impl Default for Keyring {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys, redacted)", self.snapshot().all().count())
    }
}

pub(crate) fn seal_with(
    key: &Loaded,
    field: &FieldRef<'_>,
    plaintext: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, CryptoError> {
    let cipher = key.cipher()?;
    key.usage.count(plaintext.len());
    field.with_parts(|parts| envelope::seal(field::DOMAIN, cipher, parts, plaintext, entropy))
}

pub(crate) fn open_with(
    key: &Loaded,
    field: &FieldRef<'_>,
    ciphertext: &[u8],
) -> Result<Secret<Vec<u8>>, CryptoError> {
    let cipher = key.cipher()?;
    field.with_parts(|parts| envelope::open(field::DOMAIN, cipher, parts, ciphertext))
}

fn index_with(key: &Loaded, canonical: &[u8]) -> Result<BlindIndex, CryptoError> {
    Ok(BlindIndex {
        version: key.version,
        value: key.mac_key()?.tag(&[canonical]),
    })
}
