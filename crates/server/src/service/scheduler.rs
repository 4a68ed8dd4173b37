//! The key scheduler's loop: one replica at a time, by lease, sees to it that keys are rotated in time.
//!
//! A round that fails is tried again with growing pauses, so that a provider or a database that is away is not stormed when it
//! comes back. A round that panics is a round that failed.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle, time::Instant};
use uuid::Uuid;
use vutf_app::{jobs::JobsError, keys::KeysError};
use vutf_kernel::{Actor, Ctx, Lease, Leases, PortError, id::uuid_v7};

use super::Service;
use crate::telemetry::Metrics;

const LEASE: &str = "key-scheduler";
/// Shorter ones would be lost to another replica by a slow round.
const SHORTEST_HOLD: Duration = Duration::from_secs(30);
/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_mins(15);

/// The loop and the way to end it.
pub(super) struct Scheduler {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("{}", .0.chain())]
    Port(#[from] PortError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Jobs(#[from] JobsError),
    #[error("it panicked")]
    Panicked,
}

struct Loop {
    service: Service,
    metrics: Arc<Metrics>,
    holder: Uuid,
    lease: Option<Lease>,
    pace: Pace,
}

/// Begins with a round at once.
pub(super) fn spawn(service: Service, metrics: Arc<Metrics>) -> Scheduler {
    let (stop, stopped) = watch::channel(false);
    let run = Loop {
        holder: uuid_v7(service.ambient.clock(), &mut *service.ambient.entropy()),
        lease: None,
        pace: Pace::new(service.config.keys.scheduler_interval),
        service,
        metrics,
    };
    Scheduler {
        stop,
        task: tokio::spawn(run.run(stopped)),
    }
}

impl Scheduler {
    /// Lets the round that is under way end, gives the lease back, and ends.
    pub(super) async fn finish(self, patience: Duration) {
        let _ended_already = self.stop.send(true);
        if tokio::time::timeout(patience, self.task).await.is_err() {
            tracing::warn!(
                "the key scheduler did not finish in time; another replica takes over when its lease ends"
            );
        }
    }
}

impl Loop {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut next = Instant::now();
        while !*stopped.borrow() {
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                _ = stopped.changed() => break,
            }
            next = Instant::now() + self.turn().await;
        }
        self.write_down().await;
        self.release().await;
    }

    /// A round if it is this replica's turn; how long to wait for the next.
    async fn turn(&mut self) -> Duration {
        self.write_down().await;
        let done = self.attempt().await;
        match &done {
            Ok(false) => return self.pace.interval,
            Ok(true) => {
                self.metrics.keys().scheduler_round(true);
                let now = self.service.ambient.now().as_secs();
                self.metrics.keys().set_scheduler_last_success(now);
            }
            Err(error) => {
                self.metrics.keys().scheduler_round(false);
                tracing::error!(error = %error, "the key scheduler failed; it tries again");
            }
        }
        self.pace.after(done.is_ok())
    }

    /// `false` while another replica has the lease.
    async fn attempt(&mut self) -> Result<bool, RoundError> {
        let now = self.service.ambient.now();
        let hold = SHORTEST_HOLD.max(self.pace.interval.saturating_mul(2));
        self.lease = self.service.store.acquire(LEASE, self.holder, now, hold).await?;
        if self.lease.is_none() {
            return Ok(false);
        }
        // In a task of its own, so that a panic is an error.
        let service = self.service.clone();
        let round = tokio::spawn(async move { round(&service).await });
        round.await.unwrap_or(Err(RoundError::Panicked))?;
        Ok(true)
    }

    /// Every replica knows what it has used itself.
    async fn write_down(&self) {
        let ctx = self.service.internal(Actor::System {
            job: "key-scheduler".into(),
        });
        if let Err(error) = self.service.keys().flush_usage(&ctx).await {
            tracing::warn!(error = %error.chain(), "the use of keys could not be written down; it is tried again");
        }
    }

    async fn release(&mut self) {
        if let Some(lease) = self.lease.take()
            && let Err(error) = self.service.store.release(&lease).await
        {
            tracing::warn!(error = %error, "the key scheduler's lease could not be given back; it expires by itself");
        }
    }
}

/// What is to be done about keys now. Each step is idempotent: a round that was cut off, or two at once, do no harm. What
/// fails in one organization, or in one step, does not keep the rest from being done.
async fn round(service: &Service) -> Result<(), RoundError> {
    let mut outcome = Ok(());
    for organization_id in service.keyring.organizations() {
        let actor = Actor::System {
            job: "key-scheduler".into(),
        };
        let ctx = Ctx {
            organization_id,
            ..service.internal(actor)
        };
        for done in [
            rotate(service, &ctx).await,
            mend(service, &ctx).await,
            announce(service, &ctx).await,
        ] {
            outcome = outcome.and(done);
        }
    }
    outcome
}

async fn rotate(service: &Service, ctx: &Ctx) -> Result<(), RoundError> {
    for record in service.keys().rotate_due(ctx).await? {
        let (purpose, version) = (record.purpose.to_string(), record.version);
        tracing::info!(purpose, version, "a key was due and is rotated");
    }
    Ok(())
}

async fn mend(service: &Service, ctx: &Ctx) -> Result<(), RoundError> {
    for job in service.jobs().mend_compromised(ctx).await? {
        let (id, purpose) = (job.id.to_string(), job.kind.purpose().to_string());
        tracing::warn!(
            job = id,
            purpose,
            "what a compromised key protects is written anew"
        );
    }
    Ok(())
}

async fn announce(service: &Service, ctx: &Ctx) -> Result<(), RoundError> {
    let ahead = service.config.keys.rotation_warning;
    for record in service.keys().announce_due(ctx, &service.store, ahead).await? {
        let (purpose, version) = (record.purpose.to_string(), record.version);
        let not_after = record.not_after.map(vutf_kernel::Timestamp::rfc3339);
        tracing::warn!(
            purpose,
            version,
            not_after,
            "a key that is rotated by hand is due: see `violentutf-api keys status`"
        );
    }
    Ok(())
}

/// How long to wait between rounds.
#[derive(Debug)]
struct Pace {
    interval: Duration,
    failures: u32,
}

impl Pace {
    fn new(interval: Duration) -> Self {
        Self {
            interval,
            failures: 0,
        }
    }

    fn after(&mut self, well: bool) -> Duration {
        self.failures = if well { 0 } else { self.failures.saturating_add(1) };
        let doubled = self.interval.saturating_mul(1 << self.failures.min(10));
        doubled.min(LONGEST_PAUSE.max(self.interval))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_while_rounds_fail_and_never_beyond_the_bound() {
        let minute = Duration::from_mins(1);
        let mut pace = Pace::new(minute);
        assert_eq!(pace.after(true), minute);
        assert_eq!(
            [(); 5].map(|()| pace.after(false).as_secs() / 60),
            [2, 4, 8, 15, 15]
        );
        for _ in 0..1_000 {
            assert!(pace.after(false) <= LONGEST_PAUSE);
        }
        assert_eq!(pace.after(true), minute);
        let mut slow = Pace::new(Duration::from_hours(1));
        assert_eq!(
            slow.after(false),
            Duration::from_hours(1),
            "never more often than in good times"
        );
    }
}
