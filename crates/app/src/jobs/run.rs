//! One step of a job, by the replica that holds its lease.

use std::sync::Arc;

use uuid::Uuid;
use vutf_crypto_keys::{
    KeyState, KeysTx, Keyset, LoadError, Purpose, commit_keyset,
    job::{Cursor, Job, JobKind, JobState, Moved, Verdict},
    plan_keyset,
};
use vutf_identity::role::permission;
use vutf_kernel::{Ctx, Env, Fault, JobId, Lease, PortError, Timestamp, UseCaseError, transact};

use super::{
    Jobs, JobsError, require,
    work::{Next, Prepared, Work},
};

/// Parts without a row to do that one step passes over.
const PARTS: usize = 64;

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many rows were looked at or written; there is more to do.
    Moved(Job, u64),
    /// There is nothing to do before.
    Waits(Timestamp),
    /// The job is over, by this step.
    Over(Job),
    /// Somebody else has the job now, or somebody has stopped it.
    Stopped,
}

impl Jobs<'_> {
    /// Takes the lease of a job for `holder`, or `None` while another replica has it.
    pub async fn take(&self, job: &Job, holder: Uuid) -> Result<Option<Lease>, PortError> {
        let now = self.keys.ambient.now();
        let name = job.kind.lease(job.organization_id);
        self.leases.acquire(&name, holder, now, self.settings.lease).await
    }

    /// Does one batch of a job: reads and computes outside of a transaction, and writes rows, cursor and event in one.
    ///
    /// Whatever happens in between, the next step goes on from what was committed. `lease` is renewed when half of it is over.
    pub async fn run_batch(&self, ctx: &Ctx, lease: &mut Lease, id: JobId) -> Result<Step, JobsError> {
        require(ctx, &permission::KEYS_MANAGE)?;
        let found = self.reader.job(ctx.organization_id, id).await?;
        let Some(job) = found.filter(|job| job.state.is_runnable()) else {
            return Ok(Step::Stopped);
        };
        if !self.renewed(lease).await? {
            return Ok(Step::Stopped);
        }
        let done = if job.state == JobState::Pending {
            self.begin(lease, job).await
        } else {
            self.go_on(ctx, lease, job).await
        };
        match done {
            // The job was paused or cancelled meanwhile, or the lease is another's.
            Err(error) if error.port().is_some_and(|port| port.fault == Fault::Stale) => Ok(Step::Stopped),
            other => other,
        }
    }

    /// Ends a job that cannot go on, with the reason.
    pub async fn give_up(&self, ctx: &Ctx, lease: &Lease, id: JobId, reason: &str) -> Result<(), JobsError> {
        let found = self.reader.job(ctx.organization_id, id).await?;
        if let Some(job) = found.filter(|job| job.state.is_runnable()) {
            let failed = job.failed(reason.to_owned(), self.keys.ambient.now());
            self.finish(ctx, lease, failed, None, None).await?;
        }
        Ok(())
    }

    async fn renewed(&self, lease: &mut Lease) -> Result<bool, PortError> {
        let now = self.keys.ambient.now();
        if lease.expires_at.since(now) > self.settings.lease / 2 {
            return Ok(true);
        }
        let ttl = self.settings.lease;
        match self.leases.acquire(&lease.name, lease.holder, now, ttl).await? {
            Some(renewed) => {
                *lease = renewed;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Counts what there is to do. The keys are loaded first: a replica that has not seen a rotation would find nothing old.
    async fn begin(&self, lease: &mut Lease, job: Job) -> Result<Step, JobsError> {
        self.keys.reload().await?;
        let work = self.work(&job).await?;
        let began = self.keys.ambient.now();
        let (mut cursor, mut total) = (Cursor::default(), 0_u64);
        while let Some((count, next)) = self.count(job.organization_id, &work, cursor).await? {
            (cursor, total) = (next, total.saturating_add(count));
            if !self.renewed(lease).await? {
                return Ok(Step::Stopped);
            }
        }
        let job = job.begun(total, began);
        self.put(lease, job.clone()).await?;
        Ok(Step::Moved(job, 0))
    }

    async fn go_on(&self, ctx: &Ctx, lease: &Lease, job: Job) -> Result<Step, JobsError> {
        let work = self.work(&job).await?;
        let mut cursor = job.cursor;
        let mut limit = self.settings.batch;
        for _ in 0..PARTS {
            match self.prepare(job.organization_id, &work, cursor, limit).await? {
                Next::Nothing(next) => cursor = next,
                Next::End => return self.judge(ctx, lease, job, &work).await,
                Next::Batch(prepared) => match self.commit(ctx, lease, &job, prepared).await {
                    Err(JobsError::Port(error)) if error.fault == Fault::Duplicate && limit > 1 => {
                        // One of these rows has an index that another has: find out which.
                        limit = limit.div_ceil(8);
                    }
                    Err(JobsError::Port(error)) if error.fault == Fault::Duplicate => {
                        return self.pass_by(ctx, lease, job, &work, cursor).await;
                    }
                    other => return other,
                },
            }
        }
        let passed_over = Moved {
            cursor,
            ..Moved::default()
        };
        let job = job.moved(passed_over, self.keys.ambient.now());
        self.put(lease, job.clone()).await?;
        Ok(Step::Moved(job, 0))
    }

    async fn commit(
        &self,
        ctx: &Ctx,
        lease: &Lease,
        job: &Job,
        prepared: Box<Prepared>,
    ) -> Result<Step, JobsError> {
        let prepared = Arc::new(*prepared);
        let job = transact(self.keys.units, self.keys.ambient, |unit, mut env: Env<'_>| {
            let (ctx, lease, job, prepared) =
                (ctx.clone(), lease.clone(), job.clone(), Arc::clone(&prepared));
            Box::pin(async move {
                unit.jobs().hold(&lease).await?;
                let mut moved = prepared.moved.clone();
                moved.done = prepared.write(&ctx, &mut env, unit).await?;
                let job = job.moved(moved.clone(), env.now());
                unit.jobs().replace(&job).await?;
                // A rewrapped batch has an event of its own, about the tenant key.
                if job.kind != JobKind::Rewrap {
                    let (first, last) = (&prepared.first, &prepared.last);
                    let event = job.batch_event(&ctx, &mut env, &moved, first, last);
                    KeysTx::events(unit).append(event).await?;
                }
                Ok::<_, JobsError>(job)
            })
        })
        .await?;
        Ok(Step::Moved(job, prepared.moved.found))
    }

    /// Notes one row that has an index which another row has, and goes on behind it.
    async fn pass_by(
        &self,
        ctx: &Ctx,
        lease: &Lease,
        job: Job,
        work: &Work,
        cursor: Cursor,
    ) -> Result<Step, JobsError> {
        let Next::Batch(prepared) = self.prepare(job.organization_id, work, cursor, 1).await? else {
            return Ok(Step::Moved(job, 0));
        };
        let (purpose, row) = (job.kind.purpose(), prepared.first);
        let moved = Moved {
            stuck: prepared.moved.found,
            error: Some(format!("{purpose} of row {row}: another row has the same value")),
            ..prepared.moved
        };
        let job = transact(self.keys.units, self.keys.ambient, |unit, mut env: Env<'_>| {
            let (ctx, lease, job, moved, row) = (
                ctx.clone(),
                lease.clone(),
                job.clone(),
                moved.clone(),
                row.clone(),
            );
            Box::pin(async move {
                unit.jobs().hold(&lease).await?;
                let job = job.moved(moved.clone(), env.now());
                unit.jobs().replace(&job).await?;
                let event = job.batch_event(&ctx, &mut env, &moved, &row, &row);
                KeysTx::events(unit).append(event).await?;
                Ok::<_, JobsError>(job)
            })
        })
        .await?;
        Ok(Step::Moved(job, moved.found))
    }

    /// After the last row: once more, later, or over.
    async fn judge(&self, ctx: &Ctx, lease: &Lease, job: Job, work: &Work) -> Result<Step, JobsError> {
        let now = self.keys.ambient.now();
        let rotated = work.since().unwrap_or(job.stamps.created_at);
        match job.judged(rotated.plus(self.settings.settle), now) {
            Verdict::Wait(until) => Ok(Step::Waits(until)),
            Verdict::Again(job) => {
                self.keys.reload().await?;
                self.put(lease, job.clone()).await?;
                Ok(Step::Moved(job, 0))
            }
            Verdict::Over(job) => {
                let keyset = match job.state {
                    JobState::Done => self.raised(&job, work.version()).await?,
                    _ => None,
                };
                let version = (job.state == JobState::Done).then(|| work.version());
                self.finish(ctx, lease, job.clone(), version, keyset).await?;
                self.keys.reload().await?;
                Ok(Step::Over(job))
            }
        }
    }

    /// The keyset with `version` as its oldest: nothing is left that an older one protects, so nothing may be read with one, be
    /// it put back by somebody or found in a copy. The older keys stay as they are; whoever wants to destroy them, may.
    ///
    /// A tenant key is left out: it authenticates what the registry says about the past.
    async fn raised(&self, job: &Job, version: u32) -> Result<Option<Keyset>, JobsError> {
        let (organization, purpose) = (job.organization_id, job.kind.purpose());
        if *purpose == Purpose::Tenant {
            return Ok(None);
        }
        let keysets = self.keys.reader.keysets(Some(organization)).await?;
        let current = keysets.iter().find(|keyset| keyset.purpose == *purpose);
        let mut policy = current.map(|keyset| keyset.policy.clone()).unwrap_or_default();
        if policy.minimum_version >= version {
            return Ok(None);
        }
        policy.minimum_version = version;
        let tenants = self.keys.reader.list_tenant_keys(Some(organization)).await?;
        let active = tenants.iter().filter(|tenant| tenant.state == KeyState::Active);
        let tenant = active
            .max_by_key(|tenant| tenant.version)
            .ok_or(LoadError::NoTenantKey {
                organization_id: organization,
            })?;
        let now = self.keys.ambient.now();
        let keyset = plan_keyset(self.keys.keyring, now, tenant, purpose, current, policy)?;
        Ok(Some(keyset))
    }

    async fn put(&self, lease: &Lease, job: Job) -> Result<(), JobsError> {
        transact(self.keys.units, self.keys.ambient, |unit, _env: Env<'_>| {
            let (lease, job) = (lease.clone(), job.clone());
            Box::pin(async move {
                unit.jobs().hold(&lease).await?;
                unit.jobs().replace(&job).await?;
                Ok(())
            })
        })
        .await
    }

    async fn finish(
        &self,
        ctx: &Ctx,
        lease: &Lease,
        job: Job,
        version: Option<u32>,
        keyset: Option<Keyset>,
    ) -> Result<(), JobsError> {
        transact(self.keys.units, self.keys.ambient, |unit, mut env: Env<'_>| {
            let (ctx, lease, job, keyset) = (ctx.clone(), lease.clone(), job.clone(), keyset.clone());
            Box::pin(async move {
                unit.jobs().hold(&lease).await?;
                unit.jobs().replace(&job).await?;
                if let Some(keyset) = &keyset {
                    commit_keyset(&ctx, &mut env, unit, keyset).await?;
                }
                let event = job.finish_event(&ctx, &mut env, version);
                KeysTx::events(unit).append(event).await?;
                Ok(())
            })
        })
        .await
    }
}
