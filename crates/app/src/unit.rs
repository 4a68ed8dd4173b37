//! One transaction over all domains.

use async_trait::async_trait;
use vutf_audit::AuditTx;
use vutf_crypto_keys::{KeysTx, job::JobsTx};
use vutf_identity::IdentityTx;
use vutf_kernel::Transaction;

/// Everything that one transaction may touch. Hand `&mut *unit` to a domain as its own `…Tx`.
pub trait UnitOfWork: IdentityTx + AuditTx + KeysTx + JobsTx + Transaction {}

impl<T: IdentityTx + AuditTx + KeysTx + JobsTx + Transaction> UnitOfWork for T {}

/// Loads the key registry anew, e.g. after another replica rotated a key.
#[async_trait]
pub trait KeyReloader: Send + Sync {
    /// Whether it was loaded.
    async fn reload(&self) -> bool;
}
