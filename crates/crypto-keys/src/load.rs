//! From rows to keys in memory.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError},
};

use vutf_kernel::{KeyId, OrganizationId};

use crate::{
    Algorithm, Decision, KeyRecord, KeyState, KeyWrapper, Keyring, LoadError, Operation, Purpose, ServiceUse,
    WrappedBy, decide,
    outage::Posture,
    snapshot::{Held, Loaded, Material},
    tenant::Tenant,
};

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
        let tenants = records
            .iter()
            .filter(|record| record.purpose == Purpose::Tenant && record.state.is_usable());
        for record in tenants {
            self.check_suite(record)?;
            if let Some(tenant) = self.known_tenant(record) {
                tenant.authenticate(record)?;
                self.confirm(wrapper, record).await?;
            } else {
                let tenant = Tenant::unwrap(wrapper, record).await?;
                self.note_confirmed(tenant.id);
                self.with_tenants(|all| all.insert(tenant.id, Arc::new(tenant)));
            }
        }
        self.install(&records)
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

    fn install(&self, records: &[KeyRecord]) -> Result<LoadReport, LoadError> {
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
        let mut keys = Vec::new();
        for record in records.iter().filter(|record| record.purpose != Purpose::Tenant) {
            let key = self.open_record(record, &tenants)?;
            report.count(&key);
            keys.push(key);
        }
        self.forget_tenants(&organizations, &tenants);
        let held = tenants.into_values().map(|record| self.held(record)).collect();
        let mut current = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(current.with(&organizations, held, keys));
        drop(current);
        self.forget_subjects_of_lost_tenants();
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
        if !parent.state.is_usable() {
            // The row cannot be authenticated any more, so nothing it says about its own state counts.
            return Ok(Loaded::new(record, parent.state, &confirmation, None));
        }
        let tenant = self
            .known_tenant(parent)
            .ok_or_else(|| unusable("its tenant key is not loaded"))?;
        tenant.authenticate(record)?;
        if !fits(&record.purpose, record.algorithm) {
            return Err(unusable("its algorithm does not fit its purpose"));
        }
        // A compromised tenant key taints what it wraps.
        let state = match parent.state {
            KeyState::Compromised if record.state.is_usable() => KeyState::Compromised,
            _ => record.state,
        };
        if !state.is_usable() && !is_looked_up(record, state) {
            return Ok(Loaded::new(record, state, &confirmation, None));
        }
        self.check_suite(record)?;
        let material = open_material(&tenant, record)?;
        Ok(Loaded::new(record, state, &confirmation, Some(material)))
    }

    /// Refuses a key of a suite that is not admitted; one that is destroyed may stay in the registry.
    pub(crate) fn check_suite(&self, record: &KeyRecord) -> Result<(), LoadError> {
        match record.algorithm.suite() {
            Some(suite) if !self.policy().admits(suite) => Err(LoadError::SuiteNotAdmitted {
                key_id: record.id,
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
                    || present.get(id).is_some_and(|record| record.state.is_usable())
            });
        });
    }

    pub(crate) fn with_tenants<T>(&self, f: impl FnOnce(&mut HashMap<KeyId, Arc<Tenant>>) -> T) -> T {
        f(&mut self.tenants.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LoadReport {
    fn count(&mut self, key: &Loaded) {
        if !key.state.is_usable() {
            self.refused += 1;
            return;
        }
        self.loaded += 1;
        if decide(key.state, Operation::Process) == Decision::AllowFlagged {
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
    let material = Material::new(record, key).map_err(failed)?;
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
        Purpose::TokenSigning => algorithm == Algorithm::Ed25519,
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
    use crate::{CryptoError, FieldRef, memory::MemoryWrapper, plan_missing};
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
            let believed = process == Decision::Allow;
            assert_eq!(
                ring.verify_mac(HOME, "m", b"x", &made.tag),
                Ok(believed),
                "{state}"
            );
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
        for tenant in [KeyState::PreActivation, KeyState::Suspended, KeyState::Destroyed] {
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
