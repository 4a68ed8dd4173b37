//! The loop that works on jobs over keys: any replica takes any job whose lease is free, so that the death of one costs no more
//! than the length of a lease.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::watch, task::JoinHandle};
use uuid::Uuid;
use vutf_app::jobs::{Jobs, JobsError, Step};
use vutf_crypto_keys::job::{Job, JobReader as _};
use vutf_kernel::{Actor, BreakerState, Class, Ctx, JobId, Lease, Leases as _, Timestamp, id::uuid_v7};

use super::Service;
use crate::telemetry::Metrics;

/// How often a replica without work looks for some.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a job stands still when the database or the key provider is away.
const BREATHE: Duration = Duration::from_millis(500);

/// The loop and the way to end it.
pub(crate) struct Worker {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

struct Loop {
    service: Service,
    metrics: Arc<Metrics>,
    holder: Uuid,
    /// Jobs that have nothing to do before a time.
    waiting: HashMap<JobId, Timestamp>,
    stopped: watch::Receiver<bool>,
}

/// Whether there is more of a job to do at once.
enum Turn {
    More,
    Enough,
}

/// Begins to look for work.
pub(super) fn spawn(service: Service, metrics: Arc<Metrics>) -> Worker {
    let (stop, stopped) = watch::channel(false);
    let mut run = Loop {
        holder: uuid_v7(service.ambient.clock(), &mut *service.ambient.entropy()),
        waiting: HashMap::new(),
        service,
        metrics,
        stopped,
    };
    let runtime = tokio::runtime::Handle::current();
    // A batch computes for some milliseconds without a pause: on a thread of its own nobody waits behind it.
    let task = tokio::task::spawn_blocking(move || runtime.block_on(run.run()));
    Worker { stop, task }
}

impl Worker {
    /// Lets the batch that is under way end, gives the lease back, and ends.
    pub(crate) async fn finish(self, patience: Duration) {
        let _ended_already = self.stop.send(true);
        if tokio::time::timeout(patience, self.task).await.is_err() {
            tracing::warn!(
                "a job over keys did not stop in time; another replica goes on when its lease ends"
            );
        }
    }
}

impl Loop {
    async fn run(&mut self) {
        while !self.is_stopped() {
            match self.service.store.runnable_jobs().await {
                Ok(jobs) => self.round(jobs).await,
                Err(error) => {
                    tracing::warn!(error = %error.chain(), "jobs over keys could not be read; trying again");
                }
            }
            self.pause(LOOK_EVERY).await;
        }
    }

    async fn round(&mut self, jobs: Vec<Job>) {
        self.show(&jobs);
        self.waiting.retain(|id, _| jobs.iter().any(|job| job.id == *id));
        for job in jobs {
            let now = self.service.ambient.now();
            if self.waiting.get(&job.id).is_some_and(|until| now < *until) {
                continue;
            }
            if self.is_stopped() {
                return;
            }
            if let Err(error) = self.work_on(&job).await {
                let id = job.id;
                tracing::warn!(error = %error, %id, "a job over keys stands still; it is tried again");
            }
        }
    }

    /// Batch after batch, while this replica has the lease.
    async fn work_on(&mut self, job: &Job) -> Result<(), JobsError> {
        let service = self.service.clone();
        let jobs = throttled(&service, job);
        let Some(mut lease) = jobs.take(job, self.holder).await? else {
            return Ok(());
        };
        let ctx = context(&service, job);
        let done = loop {
            if self.is_stopped() {
                break Ok(());
            }
            if service.store.breaker_state() != BreakerState::Closed {
                self.pause(BREATHE).await;
                continue;
            }
            match self.turn(&jobs, &ctx, &mut lease, job).await {
                Ok(Turn::More) => {}
                Ok(Turn::Enough) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.give_back(&lease).await;
        done
    }

    async fn turn(
        &mut self,
        jobs: &Jobs<'_>,
        ctx: &Ctx,
        lease: &mut Lease,
        job: &Job,
    ) -> Result<Turn, JobsError> {
        let began = Instant::now();
        match jobs.run_batch(ctx, lease, job.id).await {
            Ok(Step::Moved(now, rows)) => {
                self.show(std::slice::from_ref(&now));
                self.throttle(&now, rows, began.elapsed()).await;
                Ok(Turn::More)
            }
            Ok(Step::Waits(until)) => {
                self.waiting.insert(job.id, until);
                Ok(Turn::Enough)
            }
            Ok(Step::Over(now)) => {
                let (id, state, error) = (now.id, now.state, now.error.as_deref());
                tracing::info!(%id, %state, error, rows = now.rows.done, "a job over keys is over");
                self.show(&[]);
                Ok(Turn::Enough)
            }
            Ok(Step::Stopped) => Ok(Turn::Enough),
            Err(error) if may_pass(&error) => Err(error),
            Err(error) => {
                // Whoever looks at the job is told the reason; what the database said is for the log.
                let reason = match &error {
                    JobsError::Port(_) | JobsError::Keys(_) => error.code().to_owned(),
                    other => other.to_string(),
                };
                jobs.give_up(ctx, lease, job.id, &reason).await?;
                Err(error)
            }
        }
    }

    /// Sleeps for as long as so many rows may take, less what they took.
    async fn throttle(&mut self, job: &Job, rows: u64, took: Duration) {
        let Some(rate) = job.rows_per_second.filter(|_| rows > 0) else {
            return;
        };
        let due = Duration::from_micros(rows.saturating_mul(1_000_000) / u64::from(rate.max(1)));
        self.pause(due.saturating_sub(took)).await;
    }

    /// Sleeps, unless the process is to end.
    async fn pause(&mut self, for_: Duration) {
        let _stopped = tokio::time::timeout(for_, self.stopped.wait_for(|stopped| *stopped)).await;
    }

    fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    fn show(&self, jobs: &[Job]) {
        for word in vutf_crypto_keys::job::JobKind::WORDS {
            let left = jobs
                .iter()
                .filter(|job| job.kind.as_str() == word)
                .map(|job| job.rows.total.saturating_sub(job.rows.done));
            self.metrics.keys().set_job_rows_left(word, left.sum());
        }
    }

    async fn give_back(&self, lease: &Lease) {
        if let Err(error) = self.service.store.release(lease).await {
            tracing::warn!(error = %error.chain(), "the lease of a job over keys could not be given back; it expires by itself");
        }
    }
}

/// A batch is at most a second's worth.
fn throttled<'a>(service: &'a Service, job: &Job) -> Jobs<'a> {
    let mut jobs = service.jobs();
    if let Some(rate) = job.rows_per_second {
        jobs.settings.batch = jobs.settings.batch.min(rate.max(1));
    }
    jobs
}

fn context(service: &Service, job: &Job) -> Ctx {
    let actor = Actor::System {
        job: "key-job".into(),
    };
    Ctx {
        organization_id: job.organization_id,
        ..service.internal(actor)
    }
}

/// Whether the next attempt may work: what is away comes back.
fn may_pass(error: &JobsError) -> bool {
    error.class() == Class::Unavailable
}
