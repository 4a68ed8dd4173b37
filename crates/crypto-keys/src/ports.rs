//! What this crate needs from the outside.

use async_trait::async_trait;
use vutf_kernel::{ApprovalId, BreakerState, EventSink, KeyId, OrganizationId, PortError, Secret};

use crate::{Algorithm, Approval, KekSet, KeyRecord, Keyset, Live, Transition, UsageRecord};

/// A key-encryption key that never leaves its provider. It wraps one tenant key an organization, the keys of files outside the
/// database ([`crate::JournalKey`]), and nothing else.
#[async_trait]
pub trait KeyWrapper: Send + Sync {
    /// The stable id of the key-encryption key; every row it wrapped names it.
    fn kek_id(&self) -> &str;
    /// Wraps `key`, bound to `context`.
    async fn wrap(&self, key: &Secret<[u8; 32]>, context: &[u8]) -> Result<Vec<u8>, PortError>;
    /// Unwraps what [`KeyWrapper::wrap`] made with the same `context`; anything else is [`vutf_kernel::Fault::Other`].
    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Secret<[u8; 32]>, PortError>;
    /// Whether it can be used now.
    async fn ping(&self) -> Result<(), PortError>;
    /// The technology, for health and metrics, e.g. `file`.
    fn technology(&self) -> &'static str;
    /// The circuit breaker's state; `None` where there is none.
    fn breaker_state(&self) -> Option<BreakerState> {
        None
    }
    /// The set behind it, when it stands for several key-encryption keys. Whoever decorates a set passes this on.
    fn as_set(&self) -> Option<&KekSet> {
        None
    }
}

/// Reads the key registry, outside of transactions: whoever only looks must not hold the one that writes.
#[async_trait]
pub trait KeyReader: LifecycleReader + LiveCiphertext + Send + Sync {
    /// One key, whoever it belongs to: the caller checks its organization.
    async fn find(&self, id: KeyId) -> Result<Option<KeyRecord>, PortError>;
    /// Every committed key but those of single persons ([`crate::Purpose::Subject`]), of one organization or of all, in no
    /// particular order.
    async fn list(&self, organization: Option<OrganizationId>) -> Result<Vec<KeyRecord>, PortError>;
    /// The tenant keys of one organization or of all, in no particular order: as many as there are tenants, whatever else the
    /// registry holds.
    async fn list_tenant_keys(
        &self,
        organization: Option<OrganizationId>,
    ) -> Result<Vec<KeyRecord>, PortError>;
    /// Up to `limit` keys that `parent` wraps, those of single persons and destroyed ones included, in the order of their ids
    /// and from the first after `after`.
    async fn list_wrapped_by(
        &self,
        parent: KeyId,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<KeyRecord>, PortError>;
    /// Some key of a single person that is of `algorithm` and not destroyed, whoever it belongs to; `None` when there is none.
    async fn find_personal(&self, algorithm: Algorithm) -> Result<Option<KeyRecord>, PortError>;
}

/// Reads what stands in the registry beside the keys.
#[async_trait]
pub trait LifecycleReader: Send + Sync {
    /// Every keyset, of one organization or of all, in no particular order.
    async fn keysets(&self, organization: Option<OrganizationId>) -> Result<Vec<Keyset>, PortError>;
    /// The history of a key, oldest first.
    async fn transitions(&self, key: KeyId) -> Result<Vec<Transition>, PortError>;
    /// The newest requests of an organization, newest first, at most `limit`.
    async fn approvals(&self, organization: OrganizationId, limit: u32) -> Result<Vec<Approval>, PortError>;
    /// One request, of any organization: the caller checks.
    async fn approval(&self, id: ApprovalId) -> Result<Option<Approval>, PortError>;
    /// Every request that a tenant key vouches for, decided ones included, in no particular order.
    async fn approvals_under(&self, tenant: KeyId) -> Result<Vec<Approval>, PortError>;
    /// The request about a subject that is not decided, be its time over or not.
    async fn open_approval(&self, subject: uuid::Uuid) -> Result<Option<Approval>, PortError>;
    /// What each key was used for, as far as it was written down, of one organization or of all.
    async fn usage(&self, organization: Option<OrganizationId>) -> Result<Vec<UsageRecord>, PortError>;
}

/// Counts what is lost with a key.
#[async_trait]
pub trait LiveCiphertext: Send + Sync {
    /// How many rows only `key` opens: fields for an encryption key, index values for an index key.
    /// [`Live::Unknown`] for whatever is not in the store, and for whatever the store has not counted.
    async fn count(&self, key: &KeyRecord) -> Result<Live, PortError>;
}

/// The key registry within a transaction. It never deletes a row.
#[async_trait]
pub trait KeyRepo: Send {
    /// Adds a key; [`vutf_kernel::Fault::Duplicate`] when its organization has that version of that purpose already, or would
    /// get a second active one. So whoever rotates deactivates first.
    async fn insert(&mut self, record: &KeyRecord) -> Result<(), PortError>;
    /// Replaces the row with the same id if its revision is one less than `record`'s; [`vutf_kernel::Fault::Stale`]
    /// otherwise, [`vutf_kernel::Fault::Duplicate`] when it would be the second active one of its purpose.
    async fn replace(&mut self, record: &KeyRecord) -> Result<(), PortError>;
}

/// What stands in the registry beside the keys, within a transaction. It never deletes a row.
#[async_trait]
pub trait LifecycleRepo: Send {
    /// Adds a line to a key's history.
    async fn note(&mut self, line: &Transition) -> Result<(), PortError>;
    /// Adds a keyset; [`vutf_kernel::Fault::Duplicate`] when its organization has one for the purpose.
    async fn insert_keyset(&mut self, keyset: &Keyset) -> Result<(), PortError>;
    /// Replaces the keyset of the same purpose if its revision is one less; [`vutf_kernel::Fault::Stale`] otherwise.
    async fn replace_keyset(&mut self, keyset: &Keyset) -> Result<(), PortError>;
    /// Adds a request; [`vutf_kernel::Fault::Duplicate`] when there is an open one about the same subject.
    async fn insert_approval(&mut self, approval: &Approval) -> Result<(), PortError>;
    /// Replaces the request with the same id if its revision is one less; [`vutf_kernel::Fault::Stale`] otherwise.
    async fn replace_approval(&mut self, approval: &Approval) -> Result<(), PortError>;
    /// Writes down a key's use for the first time; [`vutf_kernel::Fault::Duplicate`] when somebody else did.
    async fn insert_usage(&mut self, usage: &UsageRecord) -> Result<(), PortError>;
    /// Replaces what is written down if its revision is one less; [`vutf_kernel::Fault::Stale`] otherwise. Several replicas do
    /// so at once.
    async fn replace_usage(&mut self, usage: &UsageRecord) -> Result<(), PortError>;
}

/// The transaction that the use cases of this crate are given.
pub trait KeysTx: Send {
    /// The registry.
    fn keys(&mut self) -> &mut dyn KeyRepo;
    /// What stands beside the keys.
    fn lifecycle(&mut self) -> &mut dyn LifecycleRepo;
    /// Where the audit events go.
    fn events(&mut self) -> &mut dyn EventSink;
}
