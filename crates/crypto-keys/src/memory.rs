//! In-memory twins of the ports: the embedder's default and the unit tests' store.

mod lifecycle;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use vutf_kernel::{
    Event, EventSink, Fault, KeyId, OrganizationId, OsEntropy, PortError, Receipts, Secret, Transaction,
};

use crate::{
    Algorithm, CryptoError, KeyReader, KeyRecord, KeyRepo, KeyState, KeyWrapper, KeysTx, LifecycleRepo,
    Purpose, WrappedBy, WrappingKey,
};

/// A key-encryption key in memory: gone with the process, and everything under it too.
#[derive(Debug)]
pub struct MemoryWrapper {
    kek_id: String,
    key: WrappingKey,
}

impl MemoryWrapper {
    /// From a key that the caller keeps.
    pub fn new(kek_id: &str, key: Secret<[u8; 32]>) -> Result<Self, CryptoError> {
        Ok(Self {
            kek_id: kek_id.to_owned(),
            key: WrappingKey::new(kek_id, key)?,
        })
    }
}

#[async_trait]
impl KeyWrapper for MemoryWrapper {
    fn kek_id(&self) -> &str {
        &self.kek_id
    }
    async fn wrap(&self, key: &Secret<[u8; 32]>, context: &[u8]) -> Result<Vec<u8>, PortError> {
        // A provider brings its own randomness, as a hardware module does.
        self.key
            .wrap(key, context, &mut OsEntropy)
            .map_err(|error| error.into_port("kek.wrap"))
    }
    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Secret<[u8; 32]>, PortError> {
        self.key
            .unwrap(wrapped, context)
            .map_err(|error| error.into_port("kek.unwrap"))
    }
    async fn ping(&self) -> Result<(), PortError> {
        Ok(())
    }
    fn technology(&self) -> &'static str {
        "memory"
    }
}

#[derive(Clone, Default)]
struct Rows {
    revision: u64,
    keys: Vec<KeyRecord>,
    beside: lifecycle::Beside,
    events: Vec<Event>,
}

impl Rows {
    /// Whether `record` would be the second active version of its purpose.
    fn has_other_active(&self, record: &KeyRecord) -> bool {
        record.state == KeyState::Active
            && self.keys.iter().any(|other| {
                other.id != record.id
                    && other.state == KeyState::Active
                    && (other.organization_id, &other.purpose) == (record.organization_id, &record.purpose)
            })
    }
}

/// The registry in memory. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryKeys(Arc<Mutex<Rows>>);

impl MemoryKeys {
    /// Starts a transaction that sees the registry as it is now.
    pub fn begin(&self) -> MemoryKeysTx {
        MemoryKeysTx {
            shared: self.clone(),
            rows: self.rows().clone(),
            receipts: Receipts::default(),
        }
    }
    /// Every event that was committed.
    pub fn events(&self) -> Vec<Event> {
        self.rows().events.clone()
    }
    fn rows(&self) -> std::sync::MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transaction on [`MemoryKeys`]; of two that overlap, the second to commit loses with [`Fault::Contention`].
pub struct MemoryKeysTx {
    shared: MemoryKeys,
    rows: Rows,
    receipts: Receipts,
}

#[async_trait]
impl Transaction for MemoryKeysTx {
    async fn commit(self: Box<Self>) -> Result<(), PortError> {
        let mut current = self.shared.rows();
        if current.revision != self.rows.revision {
            let cause = "another transaction was committed first";
            return Err(PortError::new("keys.commit", Fault::Contention, cause));
        }
        *current = self.rows;
        current.revision += 1;
        self.receipts.confirm();
        Ok(())
    }
    async fn rollback(self: Box<Self>) -> Result<(), PortError> {
        Ok(())
    }
}

#[async_trait]
impl KeyReader for MemoryKeys {
    async fn find(&self, id: KeyId) -> Result<Option<KeyRecord>, PortError> {
        Ok(self.rows().keys.iter().find(|record| record.id == id).cloned())
    }
    async fn list(&self, organization: Option<OrganizationId>) -> Result<Vec<KeyRecord>, PortError> {
        let wanted = |record: &&KeyRecord| {
            record.purpose.subject_id().is_none()
                && organization.is_none_or(|id| record.organization_id == id)
        };
        Ok(self.rows().keys.iter().filter(wanted).cloned().collect())
    }
    async fn list_tenant_keys(
        &self,
        organization: Option<OrganizationId>,
    ) -> Result<Vec<KeyRecord>, PortError> {
        let all = self.list(organization).await?;
        Ok(all
            .into_iter()
            .filter(|record| record.purpose == Purpose::Tenant)
            .collect())
    }
    async fn find_personal(&self, algorithm: Algorithm) -> Result<Option<KeyRecord>, PortError> {
        let wanted = |record: &&KeyRecord| {
            record.purpose.subject_id().is_some()
                && record.algorithm == algorithm
                && record.state != KeyState::Destroyed
        };
        Ok(self.rows().keys.iter().find(wanted).cloned())
    }
    async fn list_wrapped_by(
        &self,
        parent: KeyId,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<KeyRecord>, PortError> {
        let under = |record: &&KeyRecord| {
            record.wrapped_by == WrappedBy::Tenant(parent) && after.is_none_or(|after| record.id > after)
        };
        let mut found: Vec<KeyRecord> = self.rows().keys.iter().filter(under).cloned().collect();
        found.sort_by_key(|record| record.id);
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }
}

#[async_trait]
impl KeyRepo for MemoryKeysTx {
    async fn insert(&mut self, record: &KeyRecord) -> Result<(), PortError> {
        let taken = self.rows.keys.iter().any(|other| {
            let place = |r: &KeyRecord| (r.organization_id, r.purpose.clone(), r.version);
            other.id == record.id || place(other) == place(record)
        });
        if taken || self.rows.has_other_active(record) {
            let cause = "the organization has this version, or an active one, of this purpose";
            return Err(PortError::new("keys.insert", Fault::Duplicate, cause));
        }
        self.rows.keys.push(record.clone());
        Ok(())
    }

    async fn replace(&mut self, record: &KeyRecord) -> Result<(), PortError> {
        let other_active = self.rows.has_other_active(record);
        let found =
            self.rows.keys.iter_mut().find(|other| {
                other.id == record.id && other.revision.checked_add(1) == Some(record.revision)
            });
        let Some(row) = found else {
            let cause = "the key was changed meanwhile";
            return Err(PortError::new("keys.replace", Fault::Stale, cause));
        };
        if other_active {
            let cause = "the organization has another active key of this purpose";
            return Err(PortError::new("keys.replace", Fault::Duplicate, cause));
        }
        *row = record.clone();
        Ok(())
    }
}

#[async_trait]
impl EventSink for MemoryKeysTx {
    async fn append(&mut self, event: Event) -> Result<(), PortError> {
        self.receipts.expect(&event);
        self.rows.events.push(event);
        Ok(())
    }
}

impl KeysTx for MemoryKeysTx {
    fn keys(&mut self) -> &mut dyn KeyRepo {
        self
    }
    fn lifecycle(&mut self) -> &mut dyn LifecycleRepo {
        self
    }
    fn events(&mut self) -> &mut dyn EventSink {
        self
    }
}
