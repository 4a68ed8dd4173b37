//! A person asks to be erased (GDPR Art. 17). It is done after a while, in which they may think better of it: whoever is in somebody
//! else's session must not be able to destroy at once what cannot be brought back. Until then the account is as it was.
//!
//! Erasing itself is the caller's: [`crate::user::erase`], which ends the request in its own transaction.

pub mod ask;
pub mod cancel;
pub mod due;
pub mod receipt;
pub mod view;

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use vutf_kernel::{Entropy, OrganizationId, PortError, Secret, Timestamp, UserId};

use crate::refresh::TokenHash;

/// By which scanners recognise a leaked one.
const PREFIX: &str = "vutf_er_";

/// What is kept of a request. It stays when it is done: by its receipt whoever was erased learns that they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasureRequest {
    /// The tenant.
    pub organization_id: OrganizationId,
    /// Who.
    pub user_id: UserId,
    /// SHA-256 of the receipt, which has 256 bits.
    pub receipt: TokenHash,
    /// When it was made.
    pub requested_at: Timestamp,
    /// Not before this.
    pub due_at: Timestamp,
    /// When it was done.
    pub done_at: Option<Timestamp>,
}

/// Requests, one a person at most.
#[async_trait]
pub trait ErasureRequestRepo: Send {
    /// Adds one; `false`, with nothing changed, when the person has one.
    async fn put(&mut self, request: &ErasureRequest) -> Result<bool, PortError>;
    /// A person's.
    async fn find(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<ErasureRequest>, PortError>;
    /// By the hash of its receipt.
    async fn by_receipt(
        &mut self,
        organization: OrganizationId,
        receipt: &TokenHash,
    ) -> Result<Option<ErasureRequest>, PortError>;
    /// Takes one back that is not done: `true` for one caller.
    async fn remove(&mut self, organization: OrganizationId, user: UserId) -> Result<bool, PortError>;
    /// Those of all tenants that are due and not done, the longest due first.
    async fn due(&mut self, now: Timestamp, limit: u32) -> Result<Vec<ErasureRequest>, PortError>;
    /// Puts one off that is not done; `false` when there is none.
    async fn postpone(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        until: Timestamp,
    ) -> Result<bool, PortError>;
    /// Notes that it is done; `false` when there is none, or it was done before.
    async fn finish(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        at: Timestamp,
    ) -> Result<bool, PortError>;
}

fn fresh_receipt(entropy: &mut dyn Entropy) -> Secret<String> {
    let random = Secret::new(entropy.bytes::<32>());
    let mut text = String::with_capacity(PREFIX.len() + 43);
    text.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(random.expose(), &mut text);
    Secret::new(text)
}
