//! Alerts: the outbox is emptied by one replica at a time, by lease, at least once. What fails is tried again with growing
//! pauses, so many times, and is then given up, which a metric tells.

mod line;
mod mail;
mod webhook;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::{sync::watch, task::JoinHandle};
use uuid::Uuid;
use vutf_audit::analysis::{
    AnalysisReader as _, AnalysisUnit,
    alert::{AlertSink, Attempt, QueuedAlert, Sink, Undelivered},
};
use vutf_kernel::{Lease, Leases as _, PortError, Timestamp, id::uuid_v7, transact};

use super::{Service, StartError};
use crate::{
    config::{Alerts, Config},
    telemetry::Metrics,
};

const LEASE: &str = "audit-alerts";
/// How often the outbox is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Alerts of one round, one after another.
const ROUND: u32 = 8;
/// The longest pause between attempts at one alert.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// The ways that are set up.
pub(super) type Sinks = Arc<Vec<Box<dyn AlertSink>>>;

/// The loop and the way to end it.
pub(super) struct Courier {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

struct Loop {
    service: Service,
    metrics: Arc<Metrics>,
    sinks: Sinks,
    holder: Uuid,
    lease: Option<Lease>,
}

/// The ways that the configuration names.
pub(super) fn sinks(config: &Config) -> Result<Sinks, StartError> {
    let alerts = &config.audit.alerts;
    let mut sinks: Vec<Box<dyn AlertSink>> = Vec::new();
    if alerts.log {
        sinks.push(Box::new(line::Line));
    }
    if let Some(webhook) = webhook::Webhook::new(alerts)? {
        sinks.push(Box::new(webhook));
    }
    if let Some(mailer) = super::mail::smtp(config)?.filter(|_| !alerts.mail_to.is_empty()) {
        sinks.push(Box::new(mail::Letter::new(mailer, alerts.mail_to.clone())));
    }
    Ok(Arc::new(sinks))
}

pub(super) fn spawn(service: Service, metrics: Arc<Metrics>, sinks: Sinks) -> Courier {
    let (stop, stopped) = watch::channel(false);
    let run = Loop {
        holder: uuid_v7(service.ambient.clock(), &mut *service.ambient.entropy()),
        service,
        metrics,
        sinks,
        lease: None,
    };
    Courier {
        stop,
        task: tokio::spawn(run.run(stopped)),
    }
}

impl Courier {
    /// Lets the attempt that is under way end, and ends.
    pub(super) async fn finish(self, patience: Duration) {
        let _ended_already = self.stop.send(true);
        if tokio::time::timeout(patience, self.task).await.is_err() {
            tracing::warn!("an alert was still under way at the end; it is sent again");
        }
    }
}

impl Loop {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            match self.round(&stopped).await {
                Ok(ROUND..) => {}
                Ok(_) => {
                    let _pause = tokio::time::timeout(LOOK_EVERY, stopped.wait_for(|stopped| *stopped)).await;
                }
                Err(error) => {
                    tracing::warn!(error = %error.chain(), "alerts could not be looked at; trying again");
                    let _pause =
                        tokio::time::timeout(LOOK_EVERY * 5, stopped.wait_for(|stopped| *stopped)).await;
                }
            }
            if *stopped.borrow() {
                return self.release().await;
            }
        }
    }

    /// How many alerts were tried.
    async fn round(&mut self, stopped: &watch::Receiver<bool>) -> Result<u32, PortError> {
        let now = self.service.ambient.now();
        if !self.take(now).await? {
            return Ok(0);
        }
        let mut tried = 0;
        for alert in self.service.store.due_alerts(now, ROUND).await? {
            if *stopped.borrow() || !self.take(self.service.ambient.now()).await? {
                break;
            }
            self.tell(&alert).await?;
            tried += 1;
        }
        let counts = self.service.store.alert_counts().await?;
        self.metrics.analysis().set_alerts(counts.pending, counts.parked);
        Ok(tried)
    }

    /// Whether this replica has the lease, for longer than an attempt can take.
    async fn take(&mut self, now: Timestamp) -> Result<bool, PortError> {
        let attempt = self.longest_attempt();
        let held = self.lease.as_ref().map(|lease| lease.expires_at.since(now));
        if held.is_some_and(|left| left >= attempt) {
            return Ok(true);
        }
        let store = &self.service.store;
        self.lease = store.acquire(LEASE, self.holder, now, attempt * 2).await?;
        if self.lease.is_none() {
            // The holder tells it.
            self.metrics.analysis().set_alerts(0, 0);
        }
        Ok(self.lease.is_some())
    }

    async fn release(&mut self) {
        if let Some(lease) = self.lease.take()
            && let Err(error) = self.service.store.release(&lease).await
        {
            tracing::warn!(error = %error.chain(), "the lease of the alerts could not be given back; it expires by itself");
        }
    }

    async fn tell(&self, alert: &QueuedAlert) -> Result<(), PortError> {
        let sink = self.sinks.iter().find(|sink| sink.sink() == alert.sink);
        let done = match sink {
            Some(sink) => sink.deliver(alert).await,
            None => Err(Undelivered::for_good("this way is not set up any more")),
        };
        let (id, sink) = (alert.detection.id, alert.sink);
        let attempt = judged(
            &self.service.config.audit.alerts,
            alert,
            done,
            self.service.ambient.now(),
        );
        let result = match &attempt {
            Attempt::Sent => "sent",
            Attempt::Again { reason, .. } => {
                tracing::warn!(%id, sink = sink.as_str(), reason, "an alert was not taken; it is tried again");
                "failed"
            }
            Attempt::Parked { reason } => {
                tracing::error!(%id, sink = sink.as_str(), reason, "an alert is given up: nobody was told of this finding");
                "parked"
            }
        };
        self.metrics.analysis().delivered(sink, result);
        self.settle(alert, attempt).await
    }

    async fn settle(&self, alert: &QueuedAlert, attempt: Attempt) -> Result<(), PortError> {
        let settled = Arc::new((alert.clone(), attempt));
        let store = &self.service.store;
        transact::<dyn AnalysisUnit, _, _>(store, &self.service.ambient, |unit, env| {
            let settled = Arc::clone(&settled);
            Box::pin(async move {
                let (alert, attempt) = &*settled;
                unit.analysis().settle(alert, attempt, env.now()).await
            })
        })
        .await
    }

    fn longest_attempt(&self) -> Duration {
        let config = &self.service.config;
        let longest = config.audit.alerts.webhook_timeout.max(config.mail.timeout);
        longest + Duration::from_secs(5)
    }
}

/// What comes of an attempt.
fn judged(settings: &Alerts, alert: &QueuedAlert, done: Result<(), Undelivered>, now: Timestamp) -> Attempt {
    let failed = match done {
        Ok(()) => return Attempt::Sent,
        Err(failed) => failed,
    };
    let mut pauses = ExponentialBuilder::default()
        .with_min_delay(settings.first_pause)
        .with_max_delay(LONGEST_PAUSE.max(settings.first_pause))
        .with_max_times(settings.attempts.saturating_sub(1) as usize)
        .with_jitter()
        .build();
    match pauses.nth(alert.attempts as usize).filter(|_| !failed.is_final) {
        Some(pause) => Attempt::Again {
            at: now.plus(pause),
            reason: failed.reason,
        },
        None => Attempt::Parked {
            reason: failed.reason,
        },
    }
}

/// Which ways there are.
pub(super) fn kinds(sinks: &Sinks) -> Vec<Sink> {
    sinks.iter().map(|sink| sink.sink()).collect()
}
