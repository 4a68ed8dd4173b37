//! From rows to keys in memory.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError},
};

use vutf_kernel::{KeyId, OrganizationId};

use crate::{
    Algorithm, Decision, KeyRecord, KeyState, KeyWrapper, Keyring, Keyset, LoadError, Operation, Purpose,
    ServiceUse, UsageRecord, WrappedBy,
    due::by_purpose,
    outage::Posture,
    record::fingerprint,
    rewrap::holds_tenant_key,
    snapshot::{Held, Loaded, Material, Rules},
    tenant::Tenant,
};

/// What the registry holds for each organization that its keys name.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// Every key but those of single persons.
    pub keys: Vec<KeyRecord>,
    /// What was decided about their purposes.
    pub keysets: Vec<Keyset>,
    /// How much they were used, as far as it was written down.
    pub usage: Vec<UsageRecord>,
}

impl From<Vec<KeyRecord>> for Registry {
    fn from(keys: Vec<KeyRecord>) -> Self {
        Self {
            keys,
            ..Self::default()
        }
    }
}

/// What a load brought in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Organizations whose keys were replaced.
    pub organizations: usize,
    /// Keys that can be used, tenant keys not counted.
    pub loaded: usize,
    /// Keys whose state refuses every operation, tenant keys not counted.
    pub refused: usize,
    /// Keys that are compromised and still read: re-encrypt what they protect.
    pub flagged: Vec<KeyId>,
}

impl Keyring {
    /// Replaces the keys of every organization that `records` name by what the records say; the keys of other organizations
    /// stay. Every row's MAC is checked, tenant keys are unwrapped by `wrapper` (not again while their row's bytes stand, so
    /// a reload works while the provider is away), the rest in this process. On an error nothing is replaced.
    ///
    /// A tenant key whose last unwrapping is older than [`OutageLimits::max_age`](crate::OutageLimits) is unwrapped again, to
    /// confirm that the provider still grants it; when the provider cannot be asked or says no, its [`Posture`](crate::Posture)
    /// gets worse with time. So a process calls this regularly. A row that is older than the one it has loaded is refused.
    ///
    /// `records` must be the whole registry of each organization they name. List and load under one lock: of two loads that
    /// overlap, the last to finish wins.
    pub async fn load(
        &self,
        wrapper: &dyn KeyWrapper,
        records: Vec<KeyRecord>,
    ) -> Result<LoadReport, LoadError> {
        self.load_registry(wrapper, &Registry::from(records)).await
    }

    /// [`Keyring::load`] with what stands in the registry beside the keys. A keyset that is not authentic, older than the one
    /// that is loaded, or gone, is refused.
    pub async fn load_registry(
        &self,
        wrapper: &dyn KeyWrapper,
        registry: &Registry,
    ) -> Result<LoadReport, LoadError> {
        // One that is put aside, too: it vouches for the rows below it, and so for its own state.
        let tenants = registry.keys.iter().filter(|record| holds_tenant_key(record));
        for record in tenants {
            // One that wraps nothing new is asked for its suite when something below it is to be unwrapped.
            if record.state == KeyState::Active {
                self.check_suite(record)?;
            }
            if let Some(tenant) = self.known_tenant(record) {
                tenant.authenticate(record)?;
                self.confirm(wrapper, record).await?;
            } else {
                let tenant = Tenant::unwrap(wrapper, record).await?;
                self.note_confirmed(tenant.id);
                self.with_tenants(|all| all.insert(tenant.id, Arc::new(tenant)));
            }
        }
        self.install(registry)
    }

    /// Has the provider unwrap a tenant key again when that is due.
    async fn confirm(&self, wrapper: &dyn KeyWrapper, record: &KeyRecord) -> Result<(), LoadError> {
        let limits = &self.limits().outage;
        let confirmed_at = self.confirmation(record.id).at();
        if Posture::at(confirmed_at, self.now(), limits) == Posture::Fresh {
            return Ok(());
        }
        match Tenant::unwrap(wrapper, record).await {
            Ok(_same) => {
                self.note_confirmed(record.id);
                Ok(())
            }
            // Its posture tells; the keys in memory are as good as they were.
            Err(LoadError::Provider { .. } | LoadError::KekMismatch { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn install(&self, registry: &Registry) -> Result<LoadReport, LoadError> {
        let records = &registry.keys;
        self.refuse_older(records)?;
        let organizations: HashSet<_> = records.iter().map(|record| record.organization_id).collect();
        let tenants: HashMap<KeyId, &KeyRecord> = records
            .iter()
            .filter(|record| record.purpose == Purpose::Tenant)
            .map(|record| (record.id, record))
            .collect();
        let mut report = LoadReport {
            organizations: organizations.len(),
            ..LoadReport::default()
        };
        self.authenticate_destroyed(&tenants)?;
        self.refuse_older_keysets(&organizations, &registry.keysets)?;
        for keyset in &registry.keysets {
            self.authenticate_keyset(keyset)?;
        }
        let wholly = records.iter().map(|record| record.id);
        self.check_usages(&registry.usage, wholly)?;
        let keysets = by_purpose(&registry.keysets);
        let mut keys = Vec::new();
        for record in records.iter().filter(|record| record.purpose != Purpose::Tenant) {
            let keyset = keysets.get(&(record.organization_id, &record.purpose)).copied();
            let rules = Rules::new(&record.purpose, keyset);
            let key = self.open_record(record, rules, &tenants)?;
            report.count(&key);
            keys.push(key);
        }
        self.forget_tenants(&organizations, &tenants);
        let held = tenants.into_values().map(|record| self.held(record)).collect();
        let mut current = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(current.with(&organizations, held, keys, &registry.keysets));
        drop(current);
        self.forget_subjects_of_lost_tenants();
        for row in &registry.usage {
            self.counter(row.key_id).learn(row.usage, row.revision);
        }
        Ok(report)
    }

    /// A row that is older than the one that is loaded was put back by somebody.
    fn refuse_older(&self, records: &[KeyRecord]) -> Result<(), LoadError> {
        let loaded = self.snapshot();
        for record in records {
            if let Some(seen) = loaded.revision(record.id).filter(|seen| record.revision < *seen) {
                return Err(LoadError::RolledBack {
                    key_id: record.id,
                    row: record.revision,
                    seen,
                });
            }
        }
        Ok(())
    }

    /// A tenant key that was destroyed cannot vouch for its own row: the one that was active then does. Else whoever writes to
    /// the database could have any tenant key taken for destroyed.
    fn authenticate_destroyed(&self, tenants: &HashMap<KeyId, &KeyRecord>) -> Result<(), LoadError> {
        for record in tenants.values().filter(|record| !holds_tenant_key(record)) {
            match record.wrapped_by {
                WrappedBy::Tenant(heir) => self
                    .authority(record.organization_id, heir)?
                    .authenticate(record)?,
                WrappedBy::Kek(_) => return Err(LoadError::RecordMac { key_id: record.id }),
            }
        }
        Ok(())
    }

    /// A keyset that is older than the one that is loaded, or gone, was put back or taken away by somebody.
    fn refuse_older_keysets(
        &self,
        organizations: &HashSet<OrganizationId>,
        keysets: &[Keyset],
    ) -> Result<(), LoadError> {
        let loaded = self.snapshot();
        for organization in organizations {
            for (purpose, seen) in loaded.keysets(*organization) {
                let found = keysets
                    .iter()
                    .find(|keyset| keyset.organization_id == *organization && keyset.purpose == *purpose);
                let row = found.map_or(0, |keyset| keyset.revision);
                if row < seen {
                    return Err(LoadError::KeysetRolledBack {
                        organization_id: *organization,
                        purpose: purpose.clone(),
                        row,
                        seen,
                    });
                }
            }
        }
        Ok(())
    }

    fn held(&self, record: &KeyRecord) -> Held {
        Held {
            id: record.id,
            organization_id: record.organization_id,
            version: record.version,
            state: record.state,
            revision: record.revision,
            confirmation: self.confirmation(record.id),
        }
    }

    fn open_record(
        &self,
        record: &KeyRecord,
        rules: Rules,
        tenants: &HashMap<KeyId, &KeyRecord>,
    ) -> Result<Loaded, LoadError> {
        let key_id = record.id;
        let unusable = |reason| LoadError::Record { key_id, reason };
        let WrappedBy::Tenant(tenant_id) = record.wrapped_by else {
            return Err(unusable(
                "only a tenant key may be wrapped by the key-encryption key",
            ));
        };
        let parent = tenants
            .get(&tenant_id)
            .filter(|parent| parent.organization_id == record.organization_id)
            .ok_or_else(|| unusable("its tenant key is not in the registry"))?;
        let confirmation = self.confirmation(tenant_id);
        let shared = || (&confirmation, self.counter(key_id));
        let tenant = self
            .known_tenant(parent)
            .ok_or_else(|| unusable("its tenant key is not loaded"))?;
        tenant.authenticate(record)?;
        if !fits(&record.purpose, record.algorithm) {
            return Err(unusable("its algorithm does not fit its purpose"));
        }
        let state = match parent.state {
            // A compromised tenant key taints what it wraps.
            KeyState::Compromised if record.state.is_usable() => KeyState::Compromised,
            // One that is put aside puts everything aside.
            parent if !parent.is_usable() => parent,
            _ => record.state,
        };
        let looked_up = rules.admit_version(record.version) && is_looked_up(record, state);
        if !rules.admit(record.version, state) && !looked_up {
            return Ok(Loaded::new(record, state, rules, shared(), None));
        }
        self.check_suite(parent)?;
        self.check_suite(record)?;
        let material = open_material(&tenant, record)?;
        Ok(Loaded::new(record, state, rules, shared(), Some(material)))
    }

    /// Refuses a key of a suite that is not admitted; one that is destroyed may stay in the registry.
    pub(crate) fn check_suite(&self, record: &KeyRecord) -> Result<(), LoadError> {
        match record.algorithm.suite() {
            Some(suite) if !self.policy().admits(suite) => Err(LoadError::SuiteNotAdmitted {
                key_id: record.id,
                organization_id: record.organization_id,
                purpose: record.purpose.clone(),
                version: record.version,
                suite,
            }),
            _ => Ok(()),
        }
    }

    fn known_tenant(&self, record: &KeyRecord) -> Option<Arc<Tenant>> {
        self.with_tenants(|all| all.get(&record.id).filter(|tenant| tenant.is_of(record)).cloned())
    }

    fn forget_tenants(&self, organizations: &HashSet<OrganizationId>, present: &HashMap<KeyId, &KeyRecord>) {
        self.with_tenants(|all| {
            all.retain(|id, tenant| {
                !organizations.contains(&tenant.organization_id)
                    || present.get(id).is_some_and(|record| holds_tenant_key(record))
            });
        });
    }

    pub(crate) fn with_tenants<T>(&self, f: impl FnOnce(&mut HashMap<KeyId, Arc<Tenant>>) -> T) -> T {
        f(&mut self.tenants.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LoadReport {
    fn count(&mut self, key: &Loaded) {
        if !key.is_usable() {
            self.refused += 1;
            return;
        }
        self.loaded += 1;
        if key.may(Operation::Process) == Decision::AllowFlagged {
            self.flagged.push(key.id);
        }
    }
}

/// An index key that is not active here yet may be active in another replica, which writes under it already: what it wrote
/// must be found. Nothing is written under it here.
fn is_looked_up(record: &KeyRecord, state: KeyState) -> bool {
    matches!(record.purpose, Purpose::Index { .. }) && state == KeyState::PreActivation
}

fn open_material(tenant: &Tenant, record: &KeyRecord) -> Result<Material, LoadError> {
    let key_id = record.id;
    let failed = |source| LoadError::Wrapping { key_id, source };
    let context = record.context().map_err(failed)?;
    let key = tenant
        .wrapping
        .unwrap(&record.wrapped, &context)
        .map_err(failed)?;
    if fingerprint(record.id, &key).map_err(failed)? != record.fingerprint {
        return Err(LoadError::Record {
            key_id,
            reason: "its fingerprint is not the one of its key",
        });
    }
    let material = Material::new(record, &key).map_err(failed)?;
    let public_key = match &material {
        Material::Signer(signer) => Some(signer.public_key().to_vec()),
        Material::Cipher(..) | Material::Mac(_) => None,
    };
    if public_key != record.public_key {
        return Err(LoadError::Record {
            key_id,
            reason: "its public key is not the one of its private key",
        });
    }
    Ok(material)
}

pub(crate) fn fits(purpose: &Purpose, algorithm: Algorithm) -> bool {
    match purpose {
        Purpose::Tenant | Purpose::Field { .. } | Purpose::Subject { .. } => algorithm.suite().is_some(),
        Purpose::Index { .. } | Purpose::Mac { .. } => algorithm == Algorithm::HmacSha256,
        Purpose::TokenSigning | Purpose::CheckpointSigning => algorithm == Algorithm::Ed25519,
        Purpose::Service { service, .. } => match service {
            ServiceUse::Encrypt => algorithm.suite().is_some(),
            ServiceUse::Mac => algorithm == Algorithm::HmacSha256,
            ServiceUse::Sign => algorithm == Algorithm::Ed25519,
        },
    }
}

#[cfg(test)]
mod tests {
    use vutf_kernel::{Env, OsEntropy, SystemClock};

    use super::*;
    use crate::authenticated::Authenticated as _;
    use crate::{CryptoError, FieldRef, decide, memory::MemoryWrapper, plan_missing};
    use vutf_kernel::Secret;

    const HOME: OrganizationId = OrganizationId::DEFAULT;
    const EMAIL: FieldRef<'static> = FieldRef {
        organization_id: HOME,
        table: "users",
        column: "email",
        row: b"r",
        subject: None,
    };

    /// Everything that was made while all keys were active.
    struct Made {
        ring: Keyring,
        wrapper: MemoryWrapper,
        rows: Vec<KeyRecord>,
        sealed: Vec<u8>,
        tag: [u8; 32],
    }

    async fn made() -> Made {
        let wrapper = MemoryWrapper::new("k", Secret::new([1; 32])).unwrap();
        let wanted = [
            Purpose::field("users"),
            Purpose::mac("m"),
            Purpose::TokenSigning,
            Purpose::index("users", "email"),
        ];
        let mut env = Env {
            clock: &SystemClock,
            entropy: &mut OsEntropy,
        };
        let rows = plan_missing(&mut env, &wrapper, HOME, &[], &wanted)
            .await
            .unwrap();
        let ring = Keyring::new();
        ring.load(&wrapper, rows.clone()).await.unwrap();
        let sealed = ring.seal(&EMAIL, b"x", &mut OsEntropy).unwrap();
        let tag = ring.mac(HOME, "m", b"x").unwrap();
        Made {
            ring,
            wrapper,
            rows,
            sealed,
            tag,
        }
    }

    impl Made {
        /// Loads the registry with every key in `state`, the tenant key's in `tenant`; truly authenticated.
        async fn load_as(&self, tenant: KeyState, state: KeyState) -> LoadReport {
            let parent = self
                .rows
                .iter()
                .find(|row| row.purpose == Purpose::Tenant)
                .unwrap();
            let key = Tenant::unwrap(&self.wrapper, parent).await.unwrap().registry_key;
            let rows = self.rows.iter().cloned().map(|mut row| {
                row.state = if row.id == parent.id { tenant } else { state };
                if row.state == KeyState::Destroyed {
                    row.wrapped.clear();
                }
                row.authenticated(&key).unwrap()
            });
            self.ring.load(&self.wrapper, rows.collect()).await.unwrap()
        }
    }

    #[tokio::test]
    async fn every_operation_follows_the_state_of_its_key() {
        let made = made().await;
        for state in KeyState::ALL {
            let report = made.load_as(KeyState::Active, state).await;
            let protect = decide(state, Operation::Protect) == Decision::Allow;
            let process = decide(state, Operation::Process);
            let ring = &made.ring;
            assert_eq!(report.loaded, if state.is_usable() { 4 } else { 0 }, "{state}");
            assert_eq!(report.refused, if state.is_usable() { 0 } else { 4 }, "{state}");
            assert_eq!(
                ring.seal(&EMAIL, b"x", &mut OsEntropy).is_ok(),
                protect,
                "{state}"
            );
            assert_eq!(ring.mac(HOME, "m", b"x").is_ok(), protect, "{state}");
            assert_eq!(
                ring.sign(HOME, &Purpose::TokenSigning, b"x").is_ok(),
                protect,
                "{state}"
            );
            assert_eq!(
                ring.blind_index(HOME, "users", "email", b"x").is_ok(),
                protect,
                "{state}"
            );
            let read = process != Decision::Refuse;
            assert_eq!(ring.open(&EMAIL, &made.sealed).is_ok(), read, "{state}");
            let candidates = ring.blind_index_candidates(HOME, "users", "email", b"x");
            let found = read || state == KeyState::PreActivation;
            assert_eq!(candidates.is_ok(), found, "{state}");
            // What stands under a MAC is not taken away by a compromise; tokens are.
            let flagged = ring.flagged_uses();
            assert_eq!(ring.verify_mac(HOME, "m", b"x", &made.tag), Ok(read), "{state}");
            let counted = u64::from(process == Decision::AllowFlagged);
            assert_eq!(ring.flagged_uses(), flagged + counted, "{state}");
            let believed = process == Decision::Allow;
            let keys = ring.verifying_keys(HOME, &Purpose::TokenSigning).len();
            assert_eq!(keys, usize::from(believed), "{state}");
        }
    }

    #[tokio::test]
    async fn reading_with_a_compromised_key_is_counted_and_reported() {
        let made = made().await;
        assert_eq!(made.ring.flagged_uses(), 0);
        let report = made.load_as(KeyState::Active, KeyState::Compromised).await;
        assert_eq!(report.flagged.len(), 4);
        made.ring.open(&EMAIL, &made.sealed).unwrap();
        assert_eq!(made.ring.flagged_uses(), 1);
    }

    #[tokio::test]
    async fn the_state_of_the_tenant_key_bounds_what_hangs_under_it() {
        let made = made().await;
        for tenant in [KeyState::PreActivation, KeyState::Suspended] {
            let report = made.load_as(tenant, KeyState::Active).await;
            assert_eq!((report.loaded, report.refused), (0, 4), "{tenant}");
            let error = made.ring.open(&EMAIL, &made.sealed).unwrap_err();
            assert_eq!(error, CryptoError::Refused(tenant));
        }
        let report = made.load_as(KeyState::Compromised, KeyState::Active).await;
        assert_eq!(report.flagged.len(), 4);
        assert!(made.ring.seal(&EMAIL, b"x", &mut OsEntropy).is_err());
    }
}
