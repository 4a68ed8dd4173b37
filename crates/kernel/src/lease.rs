//! Single-writer work is guarded by a lease in the database, so that any replica may die at any time.

use std::time::Duration;

use async_trait::async_trait;

use crate::{PortError, Timestamp};

/// A lease that was granted. Every write under it carries `epoch`; a holder that was overtaken is fenced off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is guarded, e.g. `audit-sequencer`.
    pub name: String,
    /// Who holds it: one id a process.
    pub holder: uuid::Uuid,
    /// Grows by one with every change of holder.
    pub epoch: i64,
    /// Until when it holds if it is not renewed.
    pub expires_at: Timestamp,
}

/// Grants leases by name. They belong to the whole installation, not to a tenant.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes the lease, or renews it if `holder` has it; `None` while somebody else holds it. Every change of holder raises
    /// the epoch.
    async fn acquire(
        &self,
        name: &str,
        holder: uuid::Uuid,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Lease>, PortError>;
    /// Gives a lease back before it expires, so that another replica need not wait. One that was taken over is left alone.
    async fn release(&self, lease: &Lease) -> Result<(), PortError>;
}
