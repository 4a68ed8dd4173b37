//! Durable work over what older versions of a key protect.

pub(crate) mod cancel;
pub(crate) mod list;
pub(crate) mod pause;
pub(crate) mod resume;
pub(crate) mod start;
pub(crate) mod view;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_app::jobs::JobRef;
use vutf_crypto_keys::job::{Job, JobState};
use vutf_kernel::{JobId, Timestamp};

use crate::http::request::{Id, IfMatch, etag};

/// A job.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyJob)]
pub(crate) struct JobBody {
    /// Its id.
    id: Uuid,
    /// `reencrypt`, `rewrap` or `reindex`.
    #[schema(example = "reencrypt")]
    kind: &'static str,
    /// The key whose older versions are to be of no more use.
    #[schema(example = "field:users")]
    purpose: String,
    /// `pending`, `running`, `paused`, `done`, `failed` or `cancelled`.
    #[schema(example = "running")]
    state: &'static str,
    /// How many rows a second it may write; `null`: as many as it can.
    rows_per_second: Option<u32>,
    /// Rows, over all passes.
    rows: RowsBody,
    /// The pass that it is in, from 1; 0 before the first. It ends with the first pass that finds nothing, begun when every
    /// replica had the new key.
    pass: u32,
    /// What it could not mend, or why it failed.
    error: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    /// When it last came on or was changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: String,
    /// Grows with each change; the `ETag` is `"v<version>"`.
    version: i64,
}

/// Rows of a job.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyJobRows)]
pub(crate) struct RowsBody {
    /// Written anew.
    done: u64,
    /// Left as they were: somebody else wrote them meanwhile, or they cannot be mended.
    skipped: u64,
    /// Counted at the beginning: an estimate.
    total: u64,
}

impl From<Job> for JobBody {
    fn from(job: Job) -> Self {
        Self {
            id: job.id.as_uuid(),
            kind: job.kind.as_str(),
            purpose: job.kind.purpose().to_string(),
            state: job.state.as_str(),
            rows_per_second: job.rows_per_second,
            rows: RowsBody {
                done: job.rows.done,
                skipped: job.rows.skipped,
                total: job.rows.total,
            },
            pass: job.pass.number,
            error: job.error,
            created_at: Timestamp::rfc3339(job.stamps.created_at),
            updated_at: Timestamp::rfc3339(job.stamps.updated_at),
            version: job.stamps.version,
        }
    }
}

/// A job, in the version that the caller read, if they say so.
pub(super) fn named(id: Id, read: IfMatch) -> JobRef {
    JobRef {
        id: JobId::from_uuid(id.0),
        version: read.0,
    }
}

/// 202 with the place where its progress is seen.
pub(super) fn accepted(job: Job) -> HttpResponse {
    let place = format!("/api/v1/keys/jobs/{}", job.id);
    let mut answer = HttpResponse::Accepted();
    answer.insert_header((header::LOCATION, place));
    answer.insert_header(etag(job.stamps.version));
    answer.json(JobBody::from(job))
}

/// 200 with the job as it is now.
pub(super) fn shown(job: Job) -> HttpResponse {
    let mut answer = HttpResponse::build(StatusCode::OK);
    answer.insert_header(etag(job.stamps.version));
    if !job.state.is_over() && job.state != JobState::Paused {
        // Whoever watches a job need not ask more often.
        answer.insert_header((header::RETRY_AFTER, "2"));
    }
    answer.json(JobBody::from(job))
}
