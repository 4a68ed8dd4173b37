//! Keys of single persons. What only such a key protects is erased by destroying the key's row, in every copy of the data.
//!
//! A person's key is wrapped by the tenant key that the [`Keyring`] holds, so making and unwrapping one asks no provider. The
//! store loads the rows that its data names, has them unwrapped here, and opens through the handles it gets; the ring
//! remembers a few of them for a short time (see [`crate::cache`]).

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use vutf_kernel::{Clock, Entropy, Env, KeyId, OrganizationId, Secret, Timestamp, UserId};

use crate::{
    CryptoError, Decision, FieldRef, KeyRecord, KeyState, Keyring, LoadError, Operation, OutageLimits,
    Posture, Purpose, WrappedBy, decide,
    envelope::{self, EnvelopeKey},
    field, lifecycle,
    outage::Confirmation,
    tenant::Tenant,
    uses::Uses,
};

/// A person's key, ready to use. Cheap to clone; gone from memory when the cache and the last handle are done with it.
#[derive(Clone)]
pub struct SubjectKey {
    key: Arc<Unwrapped>,
    clock: Arc<dyn Clock>,
    outage: OutageLimits,
    uses: Arc<Uses>,
}

impl SubjectKey {
    /// Which key it is.
    pub fn id(&self) -> KeyId {
        self.key.id
    }

    /// Whose it is.
    pub fn subject(&self) -> UserId {
        self.key.subject
    }

    /// Encrypts a field of this person, bound to its place.
    pub fn seal(
        &self,
        field: &FieldRef<'_>,
        plaintext: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, CryptoError> {
        self.admit(field, Operation::Protect)?;
        self.key.count(plaintext.len());
        field.with_parts(|parts| envelope::seal(field::DOMAIN, &self.key.cipher, parts, plaintext, entropy))
    }

    /// Decrypts what [`SubjectKey::seal`] made for the same place.
    pub fn open(&self, field: &FieldRef<'_>, ciphertext: &[u8]) -> Result<Secret<Vec<u8>>, CryptoError> {
        self.admit(field, Operation::Process)?;
        self.key.count(ciphertext.len());
        field.with_parts(|parts| envelope::open(field::DOMAIN, &self.key.cipher, parts, ciphertext))
    }

    fn admit(&self, field: &FieldRef<'_>, operation: Operation) -> Result<(), CryptoError> {
        let key = &*self.key;
        if (field.organization_id, field.subject) != (key.organization_id, Some(key.subject)) {
            return Err(CryptoError::ForeignKey(key.id));
        }
        if decide(key.state, operation) == Decision::Refuse {
            return Err(CryptoError::Refused(key.state));
        }
        let posture = Posture::at(key.confirmation.at(), self.clock.now(), &self.outage);
        if posture.allows(operation) {
            self.uses.count_person(operation);
            Ok(())
        } else {
            Err(CryptoError::Outage(posture))
        }
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectKey({}, redacted)", self.key.id)
    }
}

/// The key that a ciphertext names; `None` when it has not the form of one. A claim until the ciphertext is opened.
pub fn key_named_by(ciphertext: &[u8]) -> Option<KeyId> {
    envelope::key_hint(ciphertext).ok().map(|hint| hint.key_id)
}

/// The persons' keys that a read needs: found ones, and those that were destroyed.
#[derive(Clone, Debug, Default)]
pub struct SubjectKeys {
    found: HashMap<KeyId, SubjectKey>,
    erased: HashSet<KeyId>,
    lost: HashSet<KeyId>,
}

impl SubjectKeys {
    /// Takes in a key that is there.
    pub fn add(&mut self, key: SubjectKey) {
        self.found.insert(key.id(), key);
    }

    /// Notes a key that was destroyed: what it protected is [`CryptoError::Erased`].
    pub fn add_erased(&mut self, id: KeyId) {
        self.erased.insert(id);
    }

    /// Notes a key that is not in the registry: what it protected is [`CryptoError::KeyLost`].
    pub fn add_lost(&mut self, id: KeyId) {
        self.lost.insert(id);
    }
}

impl Keyring {
    /// A new key for a person, to be inserted in the transaction that makes the person.
    pub fn new_subject_key(
        &self,
        env: &mut Env<'_>,
        organization_id: OrganizationId,
        subject: UserId,
    ) -> Result<(KeyRecord, SubjectKey), LoadError> {
        let no_tenant = LoadError::NoTenantKey { organization_id };
        let snapshot = self.snapshot();
        let held = snapshot.wrapping_tenant(organization_id).ok_or(no_tenant)?;
        let tenant = self.with_tenants(|all| all.get(&held.id).cloned());
        let tenant = tenant.ok_or(LoadError::NoTenantKey { organization_id })?;
        let record = lifecycle::make(env, &tenant, &Purpose::subject(subject), 1)?;
        let key = self.unwrapped(&tenant, &record, held.state, Arc::clone(&held.confirmation))?;
        // Not kept: the transaction may yet fail, and then the next reader must not believe in it.
        Ok((record, self.handle(Arc::new(key))))
    }

    /// The key in a row of the registry: authenticated, unwrapped within the quota, and kept for a short time.
    ///
    /// A destroyed row is [`CryptoError::Erased`], once it was authenticated.
    pub fn subject_key(&self, record: &KeyRecord) -> Result<SubjectKey, LoadError> {
        let key_id = record.id;
        let refused = |source| LoadError::Wrapping { key_id, source };
        let (tenant, state, confirmation) = self.tenant_above(record)?;
        tenant.authenticate(record)?;
        if record.state == KeyState::Destroyed {
            return Err(refused(CryptoError::Erased));
        }
        let state = match state {
            KeyState::Active | KeyState::Deactivated => record.state,
            // A compromised tenant key taints what it wraps; one that is put aside puts everything aside.
            other => other,
        };
        if decide(state, Operation::Process) == Decision::Refuse {
            return Err(refused(CryptoError::Refused(state)));
        }
        self.policy().check(tenant.wrapping.suite()).map_err(refused)?;
        self.check_suite(record)?;
        self.cache().admit(self.now()).map_err(refused)?;
        let key = Arc::new(self.unwrapped(&tenant, record, state, confirmation)?);
        self.cache().keep(&key);
        Ok(self.handle(key))
    }

    /// Whether a row of the registry says, and proves, that this person's key was destroyed. Nothing is unwrapped or
    /// remembered, so any row may be asked about.
    pub fn is_destroyed(&self, record: &KeyRecord) -> Result<bool, LoadError> {
        let (tenant, _, _) = self.tenant_above(record)?;
        tenant.authenticate(record)?;
        Ok(record.state == KeyState::Destroyed)
    }

    /// The person's key for new data, if it is remembered.
    pub fn protecting_subject_key(
        &self,
        organization: OrganizationId,
        subject: UserId,
    ) -> Option<SubjectKey> {
        let key = self.cache().protecting(organization, subject, self.now())?;
        Some(self.handle(key))
    }

    /// Which persons' keys `ciphertexts` name: those that are remembered, and the ids of the others. Ids of keys that are
    /// loaded for a table are not among either.
    pub fn subject_keys_of<'a>(
        &self,
        ciphertexts: impl IntoIterator<Item = &'a [u8]>,
    ) -> (SubjectKeys, Vec<KeyId>) {
        let (snapshot, now) = (self.snapshot(), self.now());
        let (mut keys, mut missing) = (SubjectKeys::default(), HashSet::new());
        for ciphertext in ciphertexts {
            // What has not the form of a ciphertext is refused when it is opened.
            let Ok(hint) = envelope::key_hint(ciphertext) else {
                continue;
            };
            let id = hint.key_id;
            if snapshot.by_id(id).is_some() || keys.found.contains_key(&id) || missing.contains(&id) {
                continue;
            }
            match self.cache().find(id, now) {
                Some(key) => keys.add(self.handle(key)),
                None => {
                    missing.insert(id);
                }
            }
        }
        (keys, missing.into_iter().collect())
    }

    /// Decrypts a field under the key that it names: one of its table, or one of its person in `keys`. Any other key is
    /// refused, whatever it could open.
    pub fn open_in(
        &self,
        keys: &SubjectKeys,
        field: &FieldRef<'_>,
        ciphertext: &[u8],
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        let hint = envelope::key_hint(ciphertext)?;
        self.policy().check(hint.suite)?;
        match keys.found.get(&hint.key_id) {
            Some(key) => {
                if key.key.state == KeyState::Compromised {
                    self.count_flagged();
                }
                key.open(field, ciphertext)
            }
            None if keys.erased.contains(&hint.key_id) => Err(CryptoError::Erased),
            None if keys.lost.contains(&hint.key_id) => Err(CryptoError::KeyLost(hint.key_id)),
            None => self.open(field, ciphertext),
        }
    }

    /// Forgets a person's keys at once. To be called before the erasure is committed and after it: a reader in between may
    /// have remembered them again.
    pub fn forget_subject(&self, organization: OrganizationId, subject: UserId) {
        self.cache().forget(organization, subject);
    }

    /// The tenant key that wraps `record`, its state, and when it was confirmed.
    fn tenant_above(
        &self,
        record: &KeyRecord,
    ) -> Result<(Arc<Tenant>, KeyState, Arc<Confirmation>), LoadError> {
        let key_id = record.id;
        let missing = || LoadError::Wrapping {
            key_id,
            source: CryptoError::KeyNotLoaded {
                organization_id: record.organization_id,
                purpose: Purpose::Tenant,
                key_id: None,
            },
        };
        let WrappedBy::Tenant(id) = record.wrapped_by else {
            return Err(LoadError::Record {
                key_id,
                reason: "only a tenant key may be wrapped by the key-encryption key",
            });
        };
        let snapshot = self.snapshot();
        let held = snapshot
            .tenant(id)
            .filter(|held| held.organization_id == record.organization_id)
            .ok_or_else(missing)?;
        let tenant = self
            .with_tenants(|all| all.get(&id).cloned())
            .ok_or_else(missing)?;
        Ok((tenant, held.state, Arc::clone(&held.confirmation)))
    }

    fn unwrapped(
        &self,
        tenant: &Tenant,
        record: &KeyRecord,
        state: KeyState,
        confirmation: Arc<Confirmation>,
    ) -> Result<Unwrapped, LoadError> {
        let key_id = record.id;
        let failed = |source| LoadError::Wrapping { key_id, source };
        let (Some(subject), Some(suite)) = (record.purpose.subject_id(), record.algorithm.suite()) else {
            return Err(LoadError::Record {
                key_id,
                reason: "it is not the key of a person",
            });
        };
        let context = record.context().map_err(failed)?;
        let key = tenant
            .wrapping
            .unwrap(&record.wrapped, &context)
            .map_err(failed)?;
        Ok(Unwrapped {
            id: key_id,
            organization_id: record.organization_id,
            subject,
            version: record.version,
            state,
            since: self.now(),
            tenant_id: tenant.id,
            confirmation,
            cipher: EnvelopeKey::new(suite, key_id, record.version, &key).map_err(failed)?,
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })
    }

    fn handle(&self, key: Arc<Unwrapped>) -> SubjectKey {
        SubjectKey {
            key,
            clock: self.clock(),
            outage: self.limits().outage,
            uses: Arc::clone(self.uses()),
        }
    }
}

/// A person's key in memory.
pub(crate) struct Unwrapped {
    pub(crate) id: KeyId,
    pub(crate) organization_id: OrganizationId,
    pub(crate) subject: UserId,
    pub(crate) version: u32,
    pub(crate) since: Timestamp,
    pub(crate) tenant_id: KeyId,
    state: KeyState,
    confirmation: Arc<Confirmation>,
    cipher: EnvelopeKey,
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Unwrapped {
    pub(crate) fn protects(&self) -> bool {
        decide(self.state, Operation::Protect) == Decision::Allow
    }
    /// Messages and bytes that went through it.
    pub(crate) fn used(&self) -> (u64, u64) {
        (
            self.messages.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        )
    }
    fn count(&self, bytes: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}
