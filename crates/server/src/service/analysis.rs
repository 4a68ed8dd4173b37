//! The loop that evaluates the rules over the audit log: one replica at a time, by lease. Whoever takes the lease over goes on
//! from the last snapshot; what it finds again has the ids that are there already.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle, time::Instant};
use uuid::Uuid;
use vutf_audit::{
    LogReader as _,
    analysis::{
        ANALYSIS_LEASE, Alerting, Detection, Engine, Evaluation, Limits, RuleSet, Vitals,
        action::JOB,
        alert::Sink,
        evaluate::{load, step, watch as watchdogs},
    },
};
use vutf_kernel::{Actor, Ctx, Fault, Lease, Leases as _, PortError, id::uuid_v7};

use super::Service;
use crate::telemetry::Metrics;

/// A step reads, opens and writes a batch: much shorter than this.
const HELD: Duration = Duration::from_secs(15);
/// How often a snapshot is taken, if anything was evaluated: what a replica that takes over has to go through again.
const SAVE_EVERY: Duration = Duration::from_mins(1);
/// Or after so many events.
const SAVE_AFTER: u32 = 20_000;
/// How often the process is looked at, if everything was evaluated.
const WATCH_EVERY: Duration = Duration::from_secs(5);
/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The loop and the way to end it.
pub(super) struct Analyst {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

struct Loop {
    service: Service,
    metrics: Arc<Metrics>,
    alerting: Alerting,
    holder: Uuid,
    /// The engine and the lease under which it was loaded: another epoch is another replica's progress.
    at_work: Option<(Engine, Lease)>,
    unsaved: u32,
    save_at: Instant,
    watch_at: Instant,
    evicted: u64,
    failures: u32,
}

pub(super) fn spawn(service: Service, metrics: Arc<Metrics>, sinks: Vec<Sink>) -> Analyst {
    let (stop, stopped) = watch::channel(false);
    let alerts = &service.config.audit.alerts;
    let run = Loop {
        alerting: Alerting {
            sinks,
            minimum: alerts.minimum_severity.into(),
            max_age: alerts.max_age,
        },
        holder: uuid_v7(service.ambient.clock(), &mut *service.ambient.entropy()),
        at_work: None,
        unsaved: 0,
        save_at: Instant::now() + SAVE_EVERY,
        evicted: 0,
        failures: 0,
        watch_at: Instant::now(),
        service,
        metrics,
    };
    Analyst {
        stop,
        task: tokio::spawn(run.run(stopped)),
    }
}

impl Analyst {
    /// Takes a snapshot, gives the lease back, and ends.
    pub(super) async fn finish(self, patience: Duration) {
        let _ended_already = self.stop.send(true);
        if tokio::time::timeout(patience, self.task).await.is_err() {
            tracing::warn!("the analysis did not stop in time; another replica goes on when its lease ends");
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
        if self.unsaved > 0
            && let Err(error) = self.advance(true).await
        {
            tracing::warn!(error = %error.chain(), "the last snapshot of the analysis could not be kept");
        }
        if let Some((_, lease)) = self.at_work.take()
            && let Err(error) = self.service.store.release(&lease).await
        {
            tracing::warn!(error = %error.chain(), "the lease of the analysis could not be given back; it expires by itself");
        }
    }

    /// A step if it is this replica's turn; how long to wait for the next.
    async fn turn(&mut self) -> Duration {
        let interval = self.service.config.audit.analysis_interval;
        match self.work().await {
            Ok(more) => {
                self.failures = 0;
                self.metrics.analysis().set_failing(false);
                if more { Duration::ZERO } else { interval }
            }
            // Another replica took over: it has the state that counts.
            Err(error) if error.fault == Fault::Stale => {
                self.at_work = None;
                interval
            }
            Err(error) => {
                // The engine may be ahead of what is committed.
                self.at_work = None;
                self.failures = self.failures.saturating_add(1);
                self.metrics.analysis().set_failing(true);
                if self.failures == 1 {
                    tracing::error!(error = %error.chain(), "the audit log cannot be evaluated; trying again");
                }
                interval
                    .saturating_mul(1 << self.failures.min(10))
                    .min(LONGEST_PAUSE)
                    .max(interval)
            }
        }
    }

    /// Whether there is more to do at once.
    async fn work(&mut self) -> Result<bool, PortError> {
        if !self.take().await? {
            return Ok(false);
        }
        let due = self.unsaved >= SAVE_AFTER || (self.unsaved > 0 && Instant::now() >= self.save_at);
        let taken = self.advance(due).await?;
        if taken == 0 {
            self.watch().await?;
            self.show().await?;
        }
        Ok(taken >= self.service.config.audit.analysis_batch)
    }

    /// The lease, and the engine that belongs to it.
    async fn take(&mut self) -> Result<bool, PortError> {
        let now = self.service.ambient.now();
        let held = self
            .at_work
            .as_ref()
            .map(|(_, lease)| lease.expires_at.since(now));
        if held.is_some_and(|left| left >= HELD / 2) {
            return Ok(true);
        }
        let store = &self.service.store;
        let lease = store.acquire(ANALYSIS_LEASE, self.holder, now, HELD).await?;
        let Some(lease) = lease else {
            self.at_work = None;
            // The holder tells it.
            self.metrics.analysis().set_lag(0);
            return Ok(false);
        };
        match &mut self.at_work {
            Some((_, held)) if held.epoch == lease.epoch => *held = lease,
            _ => {
                let (engine, problem) = load(self.evaluation()).await?;
                if let Some(problem) = problem {
                    tracing::error!(
                        error = %problem,
                        "the analysis begins again with the first event; findings that are there are not raised again"
                    );
                }
                self.evicted = engine.evicted();
                self.unsaved = 0;
                self.at_work = Some((engine, lease));
            }
        }
        Ok(true)
    }

    /// The next batch; how many events it had.
    async fn advance(&mut self, save: bool) -> Result<u32, PortError> {
        let (service, alerting) = (&self.service, &self.alerting);
        let Some((engine, lease)) = &mut self.at_work else {
            return Ok(0);
        };
        let ctx = context(service);
        let batch = service.config.audit.analysis_batch;
        let done = step(&ctx, evaluation(service, alerting), engine, lease, batch, save).await?;
        let evicted = engine.evicted();
        self.metrics
            .analysis()
            .evicted(evicted.saturating_sub(self.evicted));
        self.evicted = evicted;
        self.unsaved = if save {
            0
        } else {
            self.unsaved.saturating_add(done.taken)
        };
        if save {
            self.save_at = Instant::now() + SAVE_EVERY;
        }
        self.tell(&done.found);
        Ok(done.taken)
    }

    /// What does not come cannot be in the log. Asked of the database and not of this process's sequencer, which may stand.
    async fn watch(&mut self) -> Result<(), PortError> {
        if Instant::now() < self.watch_at {
            return Ok(());
        }
        self.watch_at = Instant::now() + WATCH_EVERY;
        let lag = self.service.store.audit_lag().await?;
        let vitals = Vitals {
            at: self.service.ambient.now(),
            answered: self.metrics.analysis().answers(),
            pending: lag.pending,
            oldest_pending: lag.oldest_pending,
        };
        let (service, alerting) = (&self.service, &self.alerting);
        let Some((engine, lease)) = &mut self.at_work else {
            return Ok(());
        };
        let ctx = context(service);
        let found = watchdogs(&ctx, evaluation(service, alerting), engine, lease, &vitals).await?;
        self.tell(&found);
        Ok(())
    }

    async fn show(&self) -> Result<(), PortError> {
        let head = self.service.store.head().await?.map_or(-1, |leaf| leaf.seq);
        if let Some((engine, _)) = &self.at_work {
            self.metrics.analysis().set_lag(head.saturating_sub(engine.seq()));
        }
        Ok(())
    }

    fn tell(&self, found: &[Detection]) {
        for detection in found {
            self.metrics.analysis().found(detection.severity);
        }
    }

    fn evaluation(&self) -> Evaluation<'_> {
        evaluation(&self.service, &self.alerting)
    }
}

fn evaluation<'a>(service: &'a Service, alerting: &'a Alerting) -> Evaluation<'a> {
    Evaluation {
        units: &service.store,
        reader: &service.store,
        log: &service.store,
        origins: &service.store,
        rules: &service.rules,
        limits: Limits::default(),
        alerting,
        ambient: &service.ambient,
    }
}

fn context(service: &Service) -> Ctx {
    service.internal(Actor::System { job: JOB.into() })
}

/// The rules that come with the service, and those of `audit.rules_dir`, whose cases are tried.
pub(crate) fn rules(config: &crate::config::Config) -> Result<Arc<RuleSet>, String> {
    let built_in = RuleSet::built_in().map_err(|error| error.to_string())?;
    let Some(folder) = &config.audit.rules_dir else {
        return Ok(Arc::new(built_in));
    };
    let unreadable = |error: std::io::Error| format!("audit.rules_dir ({}): {error}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            files.push((name, std::fs::read_to_string(&path).map_err(unreadable)?));
        }
    }
    files.sort();
    let texts = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let own = RuleSet::parse(texts).and_then(|own| own.check().map(|()| own));
    let all = own.and_then(|own| built_in.and(own));
    Ok(Arc::new(
        all.map_err(|error| format!("audit.rules_dir: {error}"))?,
    ))
}
