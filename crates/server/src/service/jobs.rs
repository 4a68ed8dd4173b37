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
use vutf_crypto_keys::job::{Job, JobKind, JobReader as _};
use vutf_kernel::{Actor, BreakerState, Class, Ctx, JobId, Lease, Leases as _, Timestamp, id::uuid_v7};

use super::Service;
use crate::telemetry::Metrics;

/// How often a replica without work looks for some.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a job stands still when the database or the key provider is away.
const BREATHE: Duration = Duration::from_millis(500);

/// How long a replica stays on one job while others may wait.
const SLICE: Duration = Duration::from_secs(10);

/// The loop and the way to end it.
pub(crate) struct Worker {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

struct Loop {
    service: Service,
    metrics: Arc<Metrics>,
    holder: Uuid,
    /// How long one job is worked on before the next has its turn.
    slice: Duration,
    /// Jobs that have nothing to do before a time.
    waiting: HashMap<JobId, Timestamp>,
    /// What each job that is not over has yet to do.
    left: HashMap<JobId, (&'static str, u64)>,
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
        slice: SLICE,
        waiting: HashMap::new(),
        left: HashMap::new(),
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
                Ok(jobs) => {
                    if let Turn::More = self.round(jobs).await {
                        continue;
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %error.chain(), "jobs over keys could not be read; trying again");
                }
            }
            self.pause(LOOK_EVERY).await;
        }
    }

    /// A turn for each job: so that one that takes hours keeps no other waiting.
    async fn round(&mut self, jobs: Vec<Job>) -> Turn {
        self.left = jobs.iter().map(|job| (job.id, rows_left(job))).collect();
        self.show();
        self.waiting.retain(|id, _| jobs.iter().any(|job| job.id == *id));
        let mut turn = Turn::Enough;
        for job in jobs {
            let now = self.service.ambient.now();
            if self.waiting.get(&job.id).is_some_and(|until| now < *until) {
                continue;
            }
            if self.is_stopped() {
                return Turn::Enough;
            }
            match self.work_on(&job).await {
                Ok(Turn::More) => turn = Turn::More,
                Ok(Turn::Enough) => {}
                Err(error) => {
                    let id = job.id;
                    tracing::warn!(error = %error, %id, "a job over keys stands still; it is tried again");
                }
            }
        }
        turn
    }

    /// Batch after batch for one slice, while this replica has the lease.
    async fn work_on(&mut self, job: &Job) -> Result<Turn, JobsError> {
        let service = self.service.clone();
        let jobs = throttled(&service, job);
        let Some(mut lease) = jobs.take(job, self.holder).await? else {
            return Ok(Turn::Enough);
        };
        let began = Instant::now();
        let ctx = context(&service, job);
        let done = loop {
            if self.is_stopped() {
                break Ok(Turn::Enough);
            }
            if began.elapsed() >= self.slice {
                break Ok(Turn::More);
            }
            if service.store.breaker_state() != BreakerState::Closed {
                self.pause(BREATHE).await;
                continue;
            }
            match self.turn(&jobs, &ctx, &mut lease, job).await {
                Ok(Turn::More) => {}
                Ok(Turn::Enough) => break Ok(Turn::Enough),
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
                self.left.insert(now.id, rows_left(&now));
                self.show();
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
                self.left.remove(&id);
                self.show();
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

    fn show(&self) {
        for word in JobKind::WORDS {
            let of_kind = self.left.values().filter(|(kind, _)| *kind == word);
            let rows = of_kind.map(|(_, rows)| rows).sum();
            self.metrics.keys().set_job_rows_left(word, rows);
        }
    }

    async fn give_back(&self, lease: &Lease) {
        if let Err(error) = self.service.store.release(lease).await {
            tracing::warn!(error = %error.chain(), "the lease of a job over keys could not be given back; it expires by itself");
        }
    }
}

fn rows_left(job: &Job) -> (&'static str, u64) {
    (job.kind.as_str(), job.rows.total.saturating_sub(job.rows.done))
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

#[cfg(test)]
mod tests {
    use vutf_app::{UnitOfWork, jobs::NewJob, keys::Target};
    use vutf_crypto_keys::Purpose;
    use vutf_kernel::{Ambient, Units};
    use vutf_testkit::factory::Factory;

    use super::*;
    use crate::{
        config::{Sources, load},
        service::Schema,
    };

    const PEOPLE: usize = 60;

    async fn service(home: &std::path::Path) -> Service {
        let sources = Sources {
            env: vec![("VUTF__DATA_DIR".into(), home.as_os_str().to_owned())],
            ..Sources::default()
        };
        let config = Arc::new(load(&sources).unwrap().config);
        Service::assemble(config, Ambient::system(), Schema::Migrate)
            .await
            .unwrap()
    }

    async fn people(service: &Service) {
        let (units, mut factory): (&dyn Units<dyn UnitOfWork>, _) = (&service.store, Factory::new(1));
        let mut unit = units.begin().await.unwrap();
        for _ in 0..PEOPLE {
            let user = factory.user();
            unit.users().insert(&user).await.unwrap();
            unit.passwords().put(&factory.password(&user)).await.unwrap();
        }
        unit.commit().await.unwrap();
    }

    /// A job that does a row a second.
    async fn slow(service: &Service, kind: JobKind) -> Job {
        let ctx = service.internal(Actor::Operator);
        let target = Target::Purpose(kind.purpose().clone());
        service.keys().rotate(&ctx, &target).await.unwrap();
        let new = NewJob {
            kind,
            rows_per_second: Some(1),
        };
        service.jobs().start(&ctx, new).await.unwrap()
    }

    async fn found(service: &Service, job: &Job) -> Job {
        let found = service.store.job(job.organization_id, job.id).await.unwrap();
        found.unwrap()
    }

    #[tokio::test]
    async fn jobs_take_turns_and_each_kind_is_counted() {
        let home = tempfile::tempdir().unwrap();
        let service = service(home.path()).await;
        people(&service).await;
        let kinds = [
            JobKind::Reencrypt {
                purpose: Purpose::field("passwords"),
            },
            JobKind::Rewrap,
        ];
        let mut jobs = Vec::new();
        for kind in kinds {
            jobs.push(slow(&service, kind).await);
        }
        let (_stop, stopped) = watch::channel(false);
        let metrics = Arc::new(Metrics::new().unwrap());
        let mut run = Loop {
            holder: uuid_v7(service.ambient.clock(), &mut *service.ambient.entropy()),
            slice: Duration::from_millis(10),
            waiting: HashMap::new(),
            left: HashMap::new(),
            service: service.clone(),
            metrics: Arc::clone(&metrics),
            stopped,
        };
        // The first turn of a job counts its rows, the second does one.
        for _ in 0..3 {
            let runnable = service.store.runnable_jobs().await.unwrap();
            let round = tokio::time::timeout(Duration::from_secs(30), run.round(runnable)).await;
            assert!(matches!(round, Ok(Turn::More)), "no job keeps the others waiting");
        }
        for job in &jobs {
            let job = found(&service, job).await;
            let (kind, rows) = (job.kind.as_str(), job.rows);
            assert!((1..rows.total).contains(&rows.done), "{kind}: {rows:?}");
            let left = rows.total - rows.done;
            let line = format!("vutf_key_job_rows_remaining{{kind=\"{kind}\"}} {left}");
            let text = metrics.render();
            assert!(
                text.lines().any(|rendered| rendered == line),
                "{line} is not in:\n{text}"
            );
        }
        service.close().await;
    }
}
