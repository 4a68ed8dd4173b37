//! One transaction over all domains.

use async_trait::async_trait;
use vutf_audit::{AuditTx, analysis::AnalysisUnit};
use vutf_crypto_keys::{KeysTx, job::JobsTx};
use vutf_identity::IdentityUnit;

use crate::erasure::ErasureTx;

/// Everything that one transaction may touch. Hand `&mut *unit` to a domain as its own `…Tx`.
pub trait UnitOfWork: IdentityUnit + AuditTx + AnalysisUnit + KeysTx + JobsTx + ErasureTx {}

impl<T: IdentityUnit + AuditTx + AnalysisUnit + KeysTx + JobsTx + ErasureTx> UnitOfWork for T {}

/// Loads the key registry anew, e.g. after another replica rotated a key.
#[async_trait]
pub trait KeyReloader: Send + Sync {
    /// Whether it was loaded.
    async fn reload(&self) -> bool;
}
