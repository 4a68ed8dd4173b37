//! `keys reencrypt`, `keys reindex`, `keys jobs`: durable work over what older versions of keys protect.

use std::time::Duration;

use serde_json::{Value, json};
use vutf_app::jobs::{JobsError, NewJob};
use vutf_crypto_keys::{
    Purpose,
    job::{Job, JobKind, JobState},
};

use super::{
    answer::table,
    args::{KeyJobs, Work},
    failure::{FAILED, Failure, Outcome},
    output::Output,
    progress::Progress,
    start,
};
use crate::service::Service;

/// How often `--wait` looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is to be done about a key, by its purpose: fields are sealed anew, keys under a tenant key wrapped anew.
pub(super) fn reencryption(purpose: Purpose) -> Result<JobKind, Failure> {
    let kind = match &purpose {
        Purpose::Tenant => JobKind::parse("rewrap", purpose),
        _ => JobKind::parse("reencrypt", purpose),
    };
    kind.map_err(|_unfit| {
        Failure::Usage("expected field:TABLE, subject:ID or tenant; for an index use `keys reindex`".into())
    })
}

pub(super) fn reindexing(purpose: Purpose) -> Result<JobKind, Failure> {
    JobKind::parse("reindex", purpose).map_err(|_unfit| Failure::Usage("expected index:TABLE.COLUMN".into()))
}

/// Asks for work, or takes up what is under way already, and waits for it if that is wanted.
pub(super) async fn work(service: &Service, kind: JobKind, how: &Work, out: &mut Output) -> Outcome {
    let ctx = start::operator(service);
    let new = NewJob {
        kind: kind.clone(),
        rows_per_second: how.rows_per_second,
    };
    let job = match service.jobs().start(&ctx, new).await {
        // Whoever waits wants it done, whoever asked for it.
        Err(JobsError::UnderWay) if how.wait => under_way(service, &kind).await?,
        started => started.map_err(|error| Failure::of(&error))?,
    };
    if how.wait {
        return wait(service, job, out).await;
    }
    let text = format!(
        "Job {} will be done by a service that runs. Watch it: violentutf-api keys jobs show {}",
        job.id, job.id
    );
    Ok(out.answer(&text, &described(&job))?)
}

pub(super) async fn run(service: &Service, action: KeyJobs, out: &mut Output) -> Outcome {
    let (ctx, jobs) = (start::operator(service), service.jobs());
    let done = match action {
        KeyJobs::List => return list(service, out).await,
        KeyJobs::Show { id, wait: false } => jobs.get(&ctx, id).await,
        KeyJobs::Show { id, wait: true } => {
            let job = jobs.get(&ctx, id).await.map_err(|error| Failure::of(&error))?;
            return wait(service, job, out).await;
        }
        KeyJobs::Pause { id } => jobs.pause(&ctx, id).await,
        KeyJobs::Resume { id } => jobs.resume(&ctx, id).await,
        KeyJobs::Cancel { id } => jobs.cancel(&ctx, id).await,
    };
    let job = done.map_err(|error| Failure::of(&error))?;
    Ok(out.answer(&shown(std::slice::from_ref(&job)), &described(&job))?)
}

async fn list(service: &Service, out: &mut Output) -> Outcome {
    let jobs = service.jobs().list(&start::operator(service)).await;
    let jobs = jobs.map_err(|error| Failure::of(&error))?;
    let value: Vec<Value> = jobs.iter().map(described).collect();
    Ok(out.answer(&shown(&jobs), &json!({"jobs": value}))?)
}

async fn under_way(service: &Service, kind: &JobKind) -> Result<Job, Failure> {
    let jobs = service.jobs().list(&start::operator(service)).await;
    let mut jobs = jobs.map_err(|error| Failure::of(&error))?;
    jobs.retain(|job| job.kind == *kind && !job.state.is_over());
    let over = || {
        Failure::Failed("the job that was under way is over by now; see `violentutf-api keys jobs`".into())
    };
    jobs.pop().ok_or_else(over)
}

/// Works on it as one more replica, so that it is done whether a service runs or not, until it is over or stands still.
async fn wait(service: &Service, mut job: Job, out: &mut Output) -> Outcome {
    let worker = service.work_on_jobs().map_err(|error| Failure::of(&error))?;
    let ctx = start::operator(service);
    let mut progress = None;
    while !job.state.is_over() && job.state != JobState::Paused {
        tokio::time::sleep(LOOK_EVERY).await;
        job = match service.jobs().follow(&ctx, job.id).await {
            Ok(job) => job,
            // A database that is away for a moment is no reason to leave.
            Err(error) if error.class() == vutf_kernel::Class::Unavailable => continue,
            Err(error) => return Err(Failure::of(&error)),
        };
        if job.rows.total > 0 {
            let bar = progress.get_or_insert_with(|| Progress::new("rows", job.rows.total, !out.is_json()));
            bar.reached(job.rows.done);
        }
    }
    drop(progress);
    worker.finish(Duration::from_secs(10)).await;
    out.answer(&shown(std::slice::from_ref(&job)), &described(&job))?;
    if job.state == JobState::Done {
        return Ok(());
    }
    out.flush()?;
    Err(Failure::Told(FAILED))
}

fn shown(jobs: &[Job]) -> String {
    let row = |job: &Job| {
        [
            job.id.to_string(),
            job.kind.as_str().to_owned(),
            job.kind.purpose().to_string(),
            job.state.to_string(),
            format!("{}/{}", job.rows.done, job.rows.total),
            job.stamps.updated_at.rfc3339(),
            job.error.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = jobs.iter().map(row).collect();
    table(
        ["ID", "KIND", "PURPOSE", "STATE", "ROWS", "CHANGED", "ERROR"],
        &rows,
    )
}

fn described(job: &Job) -> Value {
    json!({
        "id": job.id,
        "kind": job.kind.as_str(),
        "purpose": job.kind.purpose().to_string(),
        "state": job.state.as_str(),
        "rows_per_second": job.rows_per_second,
        "rows": {"done": job.rows.done, "skipped": job.rows.skipped, "total": job.rows.total},
        "pass": job.pass.number,
        "error": job.error,
        "created_at": job.stamps.created_at,
        "updated_at": job.stamps.updated_at,
    })
}
