//! What is done about persons without anybody asking at that moment: one replica at a time, by lease, erases those who asked for it and
//! whose time has come, and switches accounts off that nobody uses.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{task::JoinHandle, time::Instant};
use uuid::Uuid;
use vutf_app::erasure::Held;
use vutf_audit::retention::RetentionStore as _;
use vutf_identity::{
    erasure_request::due::DueError,
    presence::sweep::{SweepIdleError, sweep_idle},
};
use vutf_kernel::{Actor, Ctx, Leases as _, OrganizationId, PortError, UserId, id::uuid_v7};
use vutf_store_seaorm::SeaStore;

use super::Service;
use crate::telemetry::Metrics;

const LEASE: &str = "people";
/// A person who waited for days waits so much longer at most.
const EVERY: Duration = Duration::from_secs(10);
/// Accounts are idle by the day.
const IDLE_EVERY: Duration = Duration::from_hours(1);
/// Longer than a round takes; renewed with each. A replica that dies costs so much time.
const HELD: Duration = Duration::from_mins(2);

#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("{}", .0.chain())]
    Lease(#[from] PortError),
    #[error(transparent)]
    Erase(#[from] DueError),
    #[error(transparent)]
    Sweep(#[from] SweepIdleError),
}

/// Legal holds, as the audit log has them.
struct Holds<'a>(&'a SeaStore);

#[async_trait]
impl Held for Holds<'_> {
    /// A hold that names no person is about everybody: an erasure destroys what is private in the lines that it keeps.
    async fn is_held(&self, organization: OrganizationId, person: UserId) -> Result<bool, PortError> {
        let holds = self.0.holds(None).await?;
        Ok(holds.iter().filter(|hold| hold.released.is_none()).any(|hold| {
            let scope = &hold.scope;
            let of_tenant = scope.organization_id.is_none_or(|held| held == organization);
            let named = [scope.subject, scope.actor];
            let of_person = named.contains(&Some(person)) || named == [None, None];
            of_tenant && of_person
        }))
    }
}

/// To end it, abort it: each account is one transaction.
pub(super) fn spawn(service: Service, metrics: Arc<Metrics>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let holder = uuid_v7(service.ambient.clock(), &mut *service.ambient.entropy());
        let mut idle_at = Instant::now();
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let look_for_idle = Instant::now() >= idle_at;
            match round(&service, &metrics, holder, look_for_idle).await {
                Ok(true) if look_for_idle => idle_at = Instant::now() + IDLE_EVERY,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = %error, "erasures that persons asked for, or idle accounts: tried again later");
                }
            }
        }
    })
}

/// Batch after batch until there is no more; `false` if another replica is at it.
async fn round(
    service: &Service,
    metrics: &Metrics,
    holder: Uuid,
    look_for_idle: bool,
) -> Result<bool, RoundError> {
    let ctx = service.internal(Actor::System { job: "people".into() });
    loop {
        let now = service.ambient.now();
        let Some(lease) = service.store.acquire(LEASE, holder, now, HELD).await? else {
            return Ok(false);
        };
        let more = batch(service, metrics, &ctx, look_for_idle).await?;
        if !more {
            service.store.release(&lease).await?;
            return Ok(true);
        }
    }
}

async fn batch(
    service: &Service,
    metrics: &Metrics,
    ctx: &Ctx,
    look_for_idle: bool,
) -> Result<bool, RoundError> {
    let carried = service.erasure().carry_out(ctx, &Holds(&service.store)).await?;
    metrics.people().carried(carried.erased, carried.postponed);
    if carried.erased > 0 {
        tracing::info!(persons = carried.erased, "persons were erased who asked for it");
    }
    if !look_for_idle {
        return Ok(carried.more);
    }
    let swept = sweep_idle(ctx, &service.identity).await?;
    metrics.people().swept(swept.warned, swept.disabled);
    if swept.disabled > 0 {
        tracing::info!(
            accounts = swept.disabled,
            "accounts were switched off that nobody uses"
        );
    }
    Ok(carried.more || swept.more)
}
