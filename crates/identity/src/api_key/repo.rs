//! What is kept of API keys. The store seals names and addresses, and authenticates the rest of the row.

use async_trait::async_trait;
use vutf_kernel::{ApiKeyId, OrganizationId, Page, PageRequest, PortError, Secret, Timestamp, UserId};

use super::ApiKey;

/// A use of a key, as it is noted.
#[derive(Clone, Debug)]
pub struct KeyUse {
    /// Which.
    pub key_id: ApiKeyId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// Whose.
    pub user_id: UserId,
    /// When.
    pub at: Timestamp,
    /// From where; PII.
    pub ip: Option<Secret<String>>,
}

/// API keys.
#[async_trait]
pub trait ApiKeyRepo: Send {
    /// Lets one transaction at a time change the keys of an owner, until it ends.
    async fn lock_owner(&mut self, organization: OrganizationId, owner: UserId) -> Result<(), PortError>;
    /// Adds one. [`vutf_kernel::Fault::Duplicate`] when another key has its lookup.
    async fn insert(&mut self, key: &ApiKey) -> Result<(), PortError>;
    /// One, ended or not.
    async fn find(&mut self, organization: OrganizationId, id: ApiKeyId)
    -> Result<Option<ApiKey>, PortError>;
    /// The one whose place `id` took.
    async fn predecessor(
        &mut self,
        organization: OrganizationId,
        id: ApiKeyId,
    ) -> Result<Option<ApiKey>, PortError>;
    /// Keys, ended ones included, by ascending id; those of one owner, or of all.
    async fn list(
        &mut self,
        organization: OrganizationId,
        owner: Option<UserId>,
        page: &PageRequest,
    ) -> Result<Page<ApiKey>, PortError>;
    /// The keys of an owner that live.
    async fn live_of(
        &mut self,
        organization: OrganizationId,
        owner: UserId,
        now: Timestamp,
    ) -> Result<Vec<ApiKey>, PortError>;
    /// Writes end and successor of the key whose version is one less than `key.stamps.version`; what else `key` says stays as it
    /// was. [`vutf_kernel::Fault::Stale`] when there is none.
    async fn end(&mut self, key: &ApiKey) -> Result<(), PortError>;
    /// Notes a use, unless one was noted after `unless_since`; `false` when it was not noted. No new version.
    async fn note_use(&mut self, used: &KeyUse, unless_since: Timestamp) -> Result<bool, PortError>;
    /// Removes all keys of an owner; how many rows that were.
    async fn remove_of(&mut self, organization: OrganizationId, owner: UserId) -> Result<u64, PortError>;
}
