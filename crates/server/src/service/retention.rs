//! The keeper's loop: one replica at a time, by lease, removes what is old enough, and keeps room for the events to come.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinHandle, time::Instant};
use uuid::Uuid;
use vutf_audit::retention::{LEASE, RetentionError, RetentionStore as _, Stopped, prune};
use vutf_kernel::{Actor, Ctx, Leases as _, PortError, PruneRunId, id::uuid_v7};

use super::{Service, sequencer_status::SequencerStatus};
use crate::telemetry::Metrics;

/// How soon a run begins that somebody asked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often room is made ahead. A quarter of a year is always there, so a failure has time to be noticed.
const MONTHS_EVERY: Duration = Duration::from_hours(6);
/// Longer than a look takes; a run renews it with each batch.
const HELD: Duration = Duration::from_mins(2);

#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("{}", .0.chain())]
    Port(#[from] PortError),
    #[error(transparent)]
    Request(#[from] RetentionError),
}

struct Loop {
    service: Service,
    metrics: Arc<Metrics>,
    log: Arc<SequencerStatus>,
    ctx: Ctx,
    holder: Uuid,
    months_at: Instant,
    /// What stopped the last run, so that it is told once.
    told: Option<String>,
}

/// To end it, abort it: a batch is one transaction.
pub(super) fn spawn(service: Service, metrics: Arc<Metrics>, log: Arc<SequencerStatus>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut run = Loop {
            metrics,
            log,
            ctx: service.internal(Actor::System {
                job: "retention".into(),
            }),
            holder: uuid_v7(service.ambient.clock(), &mut *service.ambient.entropy()),
            months_at: Instant::now(),
            told: None,
            service,
        };
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = run.round().await {
                tracing::warn!(error = %error, "retention of the audit log failed; it is tried again later");
            }
        }
    })
}

impl Loop {
    async fn round(&mut self) -> Result<(), RoundError> {
        if Instant::now() >= self.months_at {
            self.make_months().await?;
            self.months_at = Instant::now() + MONTHS_EVERY;
        }
        // A log that is not the one that was noted is evidence: nothing of it goes.
        if !self.service.retention.enabled || self.log.is_refused() {
            return Ok(());
        }
        match self.due().await? {
            Some(run) => self.prune(run).await,
            None => Ok(()),
        }
    }

    /// A run that somebody asked for, or that another replica did not end; or the one that is due by time.
    async fn due(&self) -> Result<Option<PruneRunId>, RoundError> {
        let store = &self.service.store;
        if let Some(open) = store.open_run().await? {
            return Ok(Some(open.id));
        }
        let now = self.service.ambient.now();
        let newest = store.runs(1).await?;
        let interval = self.service.config.audit.retention.interval;
        let is_due = newest
            .first()
            .is_none_or(|run| now.since(run.requested_at) >= interval);
        // Under the lease, so that two replicas do not ask at once.
        if !is_due || store.acquire(LEASE, self.holder, now, HELD).await?.is_none() {
            return Ok(None);
        }
        match self.service.retention().request(&self.ctx).await {
            Ok(run) => Ok(Some(run.id)),
            Err(RetentionError::UnderWay) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn prune(&mut self, run: PruneRunId) -> Result<(), RoundError> {
        let done = prune(&self.ctx, self.service.retention(), self.holder, run, &mut |_| {}).await;
        match done {
            Ok(report) => {
                self.told = None;
                let removed = report.count();
                let metrics = self.metrics.retention();
                metrics.set_stopped(false);
                metrics.pruned(removed);
                if removed > 0 {
                    tracing::info!(removed, "audit entries were pruned");
                    self.drop_months().await?;
                }
                Ok(())
            }
            Err(Stopped::Busy) => Ok(()),
            Err(Stopped::Port(error)) => Err(error.into()),
            Err(stopped) => {
                self.metrics.retention().set_stopped(true);
                let text = stopped.to_string();
                if self.told.as_ref() != Some(&text) {
                    tracing::error!(
                        "nothing more is pruned, since the audit log is not as it was written: {text}"
                    );
                    self.told = Some(text);
                }
                Ok(())
            }
        }
    }

    async fn make_months(&self) -> Result<(), PortError> {
        let made = self.service.store.make_months(self.service.ambient.now()).await?;
        if !made.is_empty() {
            tracing::info!(?made, "partitions of the audit log were made");
        }
        Ok(())
    }

    async fn drop_months(&self) -> Result<(), PortError> {
        let dropped = self.service.store.drop_empty_months().await?;
        if !dropped.is_empty() {
            tracing::info!(?dropped, "empty partitions of the audit log were dropped");
        }
        Ok(())
    }
}
