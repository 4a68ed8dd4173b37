//! The housekeeper's loop: one replica at a time, by lease, removes what has been of no use for long.

use std::time::Duration;

use tokio::task::JoinHandle;
use uuid::Uuid;
use vutf_identity::housekeeping::{Sweep, SweepError, sweep};
use vutf_kernel::{Actor, Leases, PortError, id::uuid_v7};

use super::Service;

const LEASE: &str = "housekeeping";
/// What is removed is a month old: nobody waits for it.
const EVERY: Duration = Duration::from_mins(5);
/// Much longer than a batch takes; renewed with each. A replica that dies costs one round.
const HELD: Duration = Duration::from_mins(1);

#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("{}", .0.chain())]
    Lease(#[from] PortError),
    #[error(transparent)]
    Sweep(#[from] SweepError),
}

/// Begins with a round at once. To end it, abort it: a batch is one transaction.
pub(super) fn spawn(service: Service) -> JoinHandle<()> {
    tokio::spawn(async move {
        let holder = uuid_v7(service.ambient.clock(), &mut *service.ambient.entropy());
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            if let Err(error) = round(&service, holder).await {
                tracing::warn!(error = %error, "housekeeping failed; it is tried again later");
            }
        }
    })
}

/// Batch after batch until there is no more, unless another replica is at it.
async fn round(service: &Service, holder: Uuid) -> Result<(), RoundError> {
    let ctx = service.internal(Actor::System {
        job: "housekeeping".into(),
    });
    loop {
        let now = service.ambient.now();
        let Some(lease) = service.store.acquire(LEASE, holder, now, HELD).await? else {
            return Ok(());
        };
        let swept = sweep(&ctx, &service.identity, Sweep::default()).await?;
        if !swept.more {
            return Ok(service.store.release(&lease).await?);
        }
    }
}
