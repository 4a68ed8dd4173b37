//! Durable jobs over what older versions of keys protect: asked for by people, done by whichever replica holds the lease.

mod error;
mod mend;
mod run;
mod work;

use std::time::Duration;

use vutf_crypto_keys::{
    KeysTx,
    action::{KEY_JOB_CANCEL, KEY_JOB_LIST, KEY_JOB_PAUSE, KEY_JOB_READ, KEY_JOB_RESUME, KEY_JOB_START},
    job::{BATCH, Job, JobKind, JobReader, SealedRows, WrongState, indexed, protected},
};
use vutf_identity::{records_refusal, role::permission};
use vutf_kernel::{
    Action, Ctx, Env, Event, Fault, JobId, Leases, Outcome, Permission, Question, Resource, Timestamp,
    UseCaseError, UserId, transact,
};

pub use self::{error::JobsError, run::Step};
use crate::keys::Keys;

/// Jobs that a list shows, newest first.
pub const LISTED: u32 = 100;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// What.
    pub kind: JobKind,
    /// How many rows a second it may write; `None`: as many as it can.
    pub rows_per_second: Option<u32>,
}

/// A job, in whatever version it is, or in the one that the caller read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobRef {
    /// The job.
    pub id: JobId,
    /// The version that the caller read; of any other nothing is changed.
    pub version: Option<i64>,
}

impl From<JobId> for JobRef {
    fn from(id: JobId) -> Self {
        Self { id, version: None }
    }
}

/// How jobs are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobSettings {
    /// How long a replica that died keeps others from going on with its job.
    pub lease: Duration,
    /// How long after a rotation a replica may still protect with the older version: longer than any of them goes without
    /// loading the registry.
    pub settle: Duration,
    /// Rows in a batch, at most [`BATCH`].
    pub batch: u32,
}

impl JobSettings {
    /// The documented defaults, for replicas that load the registry every `reload`.
    pub fn new(reload: Duration) -> Self {
        Self {
            lease: Duration::from_secs(10),
            settle: reload.saturating_mul(2),
            batch: BATCH,
        }
    }
}

/// The handles that the use cases of this module need.
pub struct Jobs<'a> {
    /// Keys, and what they need.
    pub keys: Keys<'a>,
    /// Reads jobs.
    pub reader: &'a dyn JobReader,
    /// Reads ciphertexts.
    pub rows: &'a dyn SealedRows,
    /// Which replica works on which job.
    pub leases: &'a dyn Leases,
    /// Numbers.
    pub settings: JobSettings,
}

impl Jobs<'_> {
    /// Asks for work. A replica takes it within a second or so.
    pub async fn start(&self, ctx: &Ctx, new: NewJob) -> Result<Job, JobsError> {
        let done = self.make(ctx, new).await;
        self.audited(ctx, KEY_JOB_START, KEY_JOB_START.none(), done).await
    }

    /// The newest jobs of `ctx`'s organization, newest first. What cannot be recorded is not shown (AU-5).
    pub async fn list(&self, ctx: &Ctx) -> Result<Vec<Job>, JobsError> {
        let done = self.find_all(ctx).await;
        self.audited(ctx, KEY_JOB_LIST, KEY_JOB_LIST.none(), done).await
    }

    /// One job, and how far it has come.
    pub async fn get(&self, ctx: &Ctx, id: JobId) -> Result<Job, JobsError> {
        let resource = KEY_JOB_READ.one(id.as_uuid());
        let done = match self.find(ctx, id).await {
            Ok(job) => self
                .keys
                .record(ctx, KEY_JOB_READ, resource.clone(), |event| {
                    let question = Question::all(KEY_JOB_READ).with("id", Some(id));
                    event.shows(&question, &[id.as_uuid()])
                })
                .await
                .map(|()| job)
                .map_err(JobsError::from),
            Err(error) => Err(error),
        };
        self.audited(ctx, KEY_JOB_READ, resource, done).await
    }

    /// How far a job has come since it was started by or shown to whoever waits for it: that was recorded, and a record of
    /// each look would bury it. Refusals are recorded as ever.
    pub async fn follow(&self, ctx: &Ctx, id: JobId) -> Result<Job, JobsError> {
        let done = self.find(ctx, id).await;
        self.audited(ctx, KEY_JOB_READ, KEY_JOB_READ.one(id.as_uuid()), done)
            .await
    }

    /// Lets a job stand still after its present batch.
    pub async fn pause(&self, ctx: &Ctx, job: impl Into<JobRef>) -> Result<Job, JobsError> {
        self.change(ctx, job.into(), KEY_JOB_PAUSE, Job::paused).await
    }

    /// Lets a job go on where it stood.
    pub async fn resume(&self, ctx: &Ctx, job: impl Into<JobRef>) -> Result<Job, JobsError> {
        self.change(ctx, job.into(), KEY_JOB_RESUME, Job::resumed).await
    }

    /// Ends a job after its present batch. What it did stays done.
    pub async fn cancel(&self, ctx: &Ctx, job: impl Into<JobRef>) -> Result<Job, JobsError> {
        self.change(ctx, job.into(), KEY_JOB_CANCEL, Job::cancelled).await
    }

    async fn make(&self, ctx: &Ctx, new: NewJob) -> Result<Job, JobsError> {
        require(ctx, &permission::KEYS_MANAGE)?;
        self.admit(&new.kind)?;
        let made = transact(self.keys.units, self.keys.ambient, |unit, mut env: Env<'_>| {
            let (ctx, new) = (ctx.clone(), new.clone());
            Box::pin(async move {
                let by = ctx.actor.user_id();
                let rate = new.rows_per_second;
                let job = Job::new(&mut env, ctx.organization_id, by, new.kind, rate);
                let event = job.event(&ctx, &mut env, KEY_JOB_START);
                unit.jobs().insert(&job).await?;
                KeysTx::events(unit).append(event).await?;
                Ok::<_, JobsError>(job)
            })
        })
        .await;
        match made {
            Err(JobsError::Port(error)) if error.fault == Fault::Duplicate => Err(JobsError::UnderWay),
            other => other,
        }
    }

    /// Whether there is anything that the job could do.
    fn admit(&self, kind: &JobKind) -> Result<(), JobsError> {
        let tables = self.rows.sealed_tables();
        let unknown = || JobsError::NothingSealed(kind.purpose().clone());
        match kind {
            JobKind::Rewrap => Ok(()),
            JobKind::Reindex { purpose } => indexed(tables, purpose).map(|_| ()).ok_or_else(unknown),
            JobKind::Reencrypt { purpose } => {
                let found = protected(tables, purpose);
                if found.iter().any(|table| table.append_only) {
                    return Err(JobsError::AppendOnly(purpose.clone()));
                }
                found.first().map(|_| ()).ok_or_else(unknown)
            }
        }
    }

    async fn find_all(&self, ctx: &Ctx) -> Result<Vec<Job>, JobsError> {
        require(ctx, &permission::KEYS_READ)?;
        let jobs = self.reader.jobs(ctx.organization_id, LISTED).await?;
        let ids: Vec<_> = jobs.iter().map(|job| job.id.as_uuid()).collect();
        self.keys
            .record(ctx, KEY_JOB_LIST, KEY_JOB_LIST.none(), |event| {
                event.shows(&Question::all(KEY_JOB_LIST), &ids)
            })
            .await?;
        Ok(jobs)
    }

    async fn find(&self, ctx: &Ctx, id: JobId) -> Result<Job, JobsError> {
        require(ctx, &permission::KEYS_READ)?;
        let found = self.reader.job(ctx.organization_id, id).await?;
        found.ok_or(JobsError::NotFound)
    }

    async fn change(
        &self,
        ctx: &Ctx,
        job: JobRef,
        action: Action,
        next: fn(Job, Option<UserId>, Timestamp) -> Result<Job, WrongState>,
    ) -> Result<Job, JobsError> {
        let done = self.commit_change(ctx, job, action, next).await;
        self.audited(ctx, action, action.one(job.id.as_uuid()), done)
            .await
    }

    async fn commit_change(
        &self,
        ctx: &Ctx,
        read: JobRef,
        action: Action,
        next: fn(Job, Option<UserId>, Timestamp) -> Result<Job, WrongState>,
    ) -> Result<Job, JobsError> {
        require(ctx, &permission::KEYS_MANAGE)?;
        transact(self.keys.units, self.keys.ambient, |unit, mut env: Env<'_>| {
            let ctx = ctx.clone();
            Box::pin(async move {
                let found = unit.jobs().find(ctx.organization_id, read.id).await?;
                let job = found.ok_or(JobsError::NotFound)?;
                if read.version.is_some_and(|version| version != job.stamps.version) {
                    return Err(JobsError::Stale);
                }
                let job = next(job, ctx.actor.user_id(), env.now())?;
                unit.jobs().replace(&job).await?;
                let event = job.event(&ctx, &mut env, action);
                KeysTx::events(unit).append(event).await?;
                Ok(job)
            })
        })
        .await
    }

    /// Writes a refusal to the log; its own transaction, if there was one, is rolled back.
    async fn audited<T: Send>(
        &self,
        ctx: &Ctx,
        action: Action,
        resource: Resource,
        done: Result<T, JobsError>,
    ) -> Result<T, JobsError> {
        if let Err(error) = &done
            && error.port().is_none()
            && records_refusal(error.class())
        {
            let outcome = Outcome::refused(error.code());
            transact(self.keys.units, self.keys.ambient, |unit, mut env| {
                let event = Event::new(ctx, &mut env, action.name, resource.clone(), outcome.clone());
                Box::pin(async move { KeysTx::events(unit).append(event).await })
            })
            .await?;
        }
        done
    }
}

fn require(ctx: &Ctx, permission: &Permission) -> Result<(), JobsError> {
    if ctx.may(permission) {
        Ok(())
    } else {
        Err(JobsError::Denied(permission.clone()))
    }
}
