//! The keys in memory at one moment; replaced as a whole, never changed.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use vutf_kernel::{KeyId, OrganizationId, Secret, Timestamp};

use crate::{
    Algorithm, CryptoError, Decision, KeyRecord, KeyState, Keyset, KeysetPolicy, Operation, Purpose, Suite,
    Usage, due::limit_of, envelope::EnvelopeKey, hazmat::mac::MacKey, id_map::IdMap, outage::Confirmation,
    purpose::PurposeRef, signing::Signer, state::decide_by, usage::UsageCounter,
};

/// What can be done with a key, by its kind: a MAC key cannot be taken for a cipher key.
pub(crate) enum Material {
    Cipher(Box<EnvelopeKey>),
    Mac(Box<MacKey>),
    Signer(Box<Signer>),
}

impl Material {
    pub(crate) fn new(record: &KeyRecord, key: &Secret<[u8; 32]>) -> Result<Self, CryptoError> {
        let envelope = |suite| EnvelopeKey::new(suite, record.id, record.version, key).map(Box::new);
        Ok(match record.algorithm {
            Algorithm::XChaCha20Poly1305 => Self::Cipher(envelope(Suite::XChaCha20Poly1305)?),
            Algorithm::Xaes256Gcm => Self::Cipher(envelope(Suite::Xaes256Gcm)?),
            Algorithm::HmacSha256 => Self::Mac(Box::new(MacKey::new(key.expose()))),
            Algorithm::Ed25519 => Self::Signer(Box::new(Signer::from_seed(key)?)),
        })
    }
}

/// One key in memory. Without material it only tells why it is refused.
pub(crate) struct Loaded {
    pub(crate) id: KeyId,
    pub(crate) organization_id: OrganizationId,
    pub(crate) purpose: Purpose,
    pub(crate) version: u32,
    pub(crate) state: KeyState,
    pub(crate) activated_at: Option<Timestamp>,
    pub(crate) revision: u64,
    /// Of the tenant key above it.
    pub(crate) confirmation: Arc<Confirmation>,
    pub(crate) usage: Arc<UsageCounter>,
    rules: Rules,
    material: Option<Material>,
}

/// What the keyset says about one version.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    minimum_version: u32,
    suspended_may_process: bool,
    /// At which amount the key stops to protect.
    hard_limit: Option<Usage>,
}

impl Rules {
    pub(crate) fn new(purpose: &Purpose, keyset: Option<&Keyset>) -> Self {
        let none = KeysetPolicy::default();
        let policy = keyset.map_or(&none, |keyset| &keyset.policy);
        Self {
            minimum_version: policy.minimum_version,
            suspended_may_process: policy.suspended_may_process,
            hard_limit: limit_of(purpose, keyset).map(Usage::hard),
        }
    }

    /// Whether a key may be used for anything: only then is it unwrapped at all.
    pub(crate) fn admit(self, version: u32, state: KeyState) -> bool {
        let may = |operation| self.decide(version, state, operation) != Decision::Refuse;
        may(Operation::Protect) || may(Operation::Process)
    }

    pub(crate) fn admit_version(self, version: u32) -> bool {
        version >= self.minimum_version
    }

    fn decide(self, version: u32, state: KeyState, operation: Operation) -> Decision {
        if self.admit_version(version) {
            decide_by(state, operation, self.suspended_may_process)
        } else {
            Decision::Refuse
        }
    }
}

impl Loaded {
    pub(crate) fn new(
        record: &KeyRecord,
        state: KeyState,
        rules: Rules,
        (confirmation, usage): (&Arc<Confirmation>, Arc<UsageCounter>),
        material: Option<Material>,
    ) -> Self {
        Self {
            rules,
            usage,
            revision: record.revision,
            confirmation: Arc::clone(confirmation),
            id: record.id,
            organization_id: record.organization_id,
            purpose: record.purpose.clone(),
            version: record.version,
            state,
            activated_at: record.activated_at,
            material,
        }
    }

    pub(crate) fn may(&self, operation: Operation) -> Decision {
        self.rules.decide(self.version, self.state, operation)
    }

    /// Whether any operation is allowed.
    pub(crate) fn is_usable(&self) -> bool {
        self.rules.admit(self.version, self.state)
    }

    /// Whether it has protected as much as it may at most.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.rules
            .hard_limit
            .is_some_and(|limit| self.usage.total().reaches(limit))
    }

    /// Why it may not be used.
    pub(crate) fn refusal(&self) -> CryptoError {
        if self.rules.admit_version(self.version) {
            CryptoError::Refused(self.state)
        } else {
            CryptoError::BelowMinimumVersion {
                version: self.version,
                minimum: self.rules.minimum_version,
            }
        }
    }

    pub(crate) fn cipher(&self) -> Result<&EnvelopeKey, CryptoError> {
        match &self.material {
            Some(Material::Cipher(key)) => Ok(key),
            _ => Err(self.refusal()),
        }
    }

    pub(crate) fn mac_key(&self) -> Result<&MacKey, CryptoError> {
        match &self.material {
            Some(Material::Mac(key)) => Ok(key),
            _ => Err(self.refusal()),
        }
    }

    pub(crate) fn signer(&self) -> Result<&Signer, CryptoError> {
        match &self.material {
            Some(Material::Signer(signer)) => Ok(signer),
            _ => Err(self.refusal()),
        }
    }
}

/// A tenant key as its row says; the key itself stands in [`crate::Keyring`]'s tenants.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) id: KeyId,
    pub(crate) organization_id: OrganizationId,
    pub(crate) version: u32,
    pub(crate) state: KeyState,
    pub(crate) revision: u64,
    pub(crate) confirmation: Arc<Confirmation>,
}

type Versions = Vec<Arc<Loaded>>;

/// Every loaded key, by id and by purpose.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    by_id: IdMap<KeyId, Arc<Loaded>>,
    /// In the order of the purposes.
    by_purpose: IdMap<OrganizationId, Vec<(Purpose, Versions)>>,
    tenants: HashMap<KeyId, Held>,
    keysets: HashMap<OrganizationId, HashMap<Purpose, u64>>,
}

impl Snapshot {
    /// The same, with all keys of `organizations` replaced by `tenants` and `keys`, and what is decided about them by
    /// `keysets`.
    pub(crate) fn with(
        &self,
        organizations: &HashSet<OrganizationId>,
        tenants: Vec<Held>,
        keys: Vec<Loaded>,
        keysets: &[Keyset],
    ) -> Self {
        let mut next = self.clone();
        next.keysets
            .retain(|organization, _| !organizations.contains(organization));
        for keyset in keysets {
            let own = next.keysets.entry(keyset.organization_id).or_default();
            own.insert(keyset.purpose.clone(), keyset.revision);
        }
        next.tenants
            .retain(|_, tenant| !organizations.contains(&tenant.organization_id));
        next.tenants
            .extend(tenants.into_iter().map(|tenant| (tenant.id, tenant)));
        next.by_id
            .retain(|_, key| !organizations.contains(&key.organization_id));
        next.by_purpose
            .retain(|organization, _| !organizations.contains(organization));
        let mut keys: Vec<_> = keys.into_iter().map(Arc::new).collect();
        keys.sort_by(|one, other| {
            let by_purpose = one.purpose.cmp(&other.purpose);
            by_purpose.then(other.version.cmp(&one.version))
        });
        for key in keys {
            next.by_id.insert(key.id, Arc::clone(&key));
            let purposes = next.by_purpose.entry(key.organization_id).or_default();
            match purposes.last_mut().filter(|(last, _)| *last == key.purpose) {
                Some((_, versions)) => versions.push(key),
                None => purposes.push((key.purpose.clone(), vec![key])),
            }
        }
        next
    }

    /// Every key.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Loaded> {
        self.by_id.values().map(|key| &**key)
    }

    /// The key with this id.
    pub(crate) fn by_id(&self, id: KeyId) -> Option<&Loaded> {
        self.by_id.get(&id).map(|key| &**key)
    }

    /// Every tenant key.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = &Held> {
        self.tenants.values()
    }

    /// The tenant key with this id.
    pub(crate) fn tenant(&self, id: KeyId) -> Option<&Held> {
        self.tenants.get(&id)
    }

    /// The tenant key that wraps new keys.
    pub(crate) fn wrapping_tenant(&self, organization: OrganizationId) -> Option<&Held> {
        self.tenants
            .values()
            .filter(|tenant| tenant.organization_id == organization && tenant.state == KeyState::Active)
            .max_by_key(|tenant| tenant.version)
    }

    /// The revision of a key's row, tenant keys included.
    pub(crate) fn revision(&self, id: KeyId) -> Option<u64> {
        let of_key = self.by_id.get(&id).map(|key| key.revision);
        of_key.or_else(|| self.tenants.get(&id).map(|tenant| tenant.revision))
    }

    /// The revision of each keyset of an organization.
    pub(crate) fn keysets(&self, organization: OrganizationId) -> impl Iterator<Item = (&Purpose, u64)> {
        let own = self.keysets.get(&organization).into_iter().flatten();
        own.map(|(purpose, revision)| (purpose, *revision))
    }

    /// Every version, newest first; empty when none is loaded.
    pub(crate) fn versions(&self, organization: OrganizationId, purpose: PurposeRef<'_>) -> &[Arc<Loaded>] {
        let found = self.by_purpose.get(&organization).and_then(|purposes| {
            let at = purposes.binary_search_by(|(other, _)| other.borrowed().cmp(&purpose));
            purposes.get(at.ok()?)
        });
        found.map_or(&[], |(_, versions)| versions)
    }

    /// The newest version that may protect.
    pub(crate) fn protecting(
        &self,
        organization_id: OrganizationId,
        purpose: PurposeRef<'_>,
    ) -> Result<&Loaded, CryptoError> {
        self.processing(organization_id, purpose)?
            .find(|key| key.may(Operation::Protect) == Decision::Allow)
            .ok_or_else(|| CryptoError::NoActiveKey {
                organization_id,
                purpose: purpose.into(),
            })
    }

    /// Every version of an index key under which rows may stand, newest first.
    pub(crate) fn looked_up(
        &self,
        organization_id: OrganizationId,
        purpose: PurposeRef<'_>,
    ) -> Result<impl Iterator<Item = &Loaded>, CryptoError> {
        let _loaded = self.processing(organization_id, purpose)?;
        let versions = self.versions(organization_id, purpose).iter();
        Ok(versions.map(|key| &**key).filter(|key| {
            key.may(Operation::Process) != Decision::Refuse
                || (key.state == KeyState::PreActivation && key.rules.admit_version(key.version))
        }))
    }

    /// Every version that may process, newest first; an error when none is loaded, because loading can help.
    pub(crate) fn processing(
        &self,
        organization_id: OrganizationId,
        purpose: PurposeRef<'_>,
    ) -> Result<impl Iterator<Item = &Loaded>, CryptoError> {
        let versions = self.versions(organization_id, purpose);
        if versions.is_empty() {
            return Err(CryptoError::KeyNotLoaded {
                organization_id,
                purpose: purpose.into(),
                key_id: None,
            });
        }
        Ok(versions
            .iter()
            .map(|key| &**key)
            .filter(|key| key.may(Operation::Process) != Decision::Refuse))
    }
}
