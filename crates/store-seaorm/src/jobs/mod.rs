//! Durable jobs over ciphertexts, and what they read and write.

mod live;
mod read;
mod statement;
mod write;

use async_trait::async_trait;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use vutf_crypto_keys::job::{Counts, Cursor, Job, JobKind, JobReader, JobRepo, JobState, JobsTx, Pass};
use vutf_kernel::{Fault, JobId, OrganizationId, PortError, Timestamp};

use crate::{
    SeaStore,
    entity::key_jobs::{ActiveModel, Column, Entity, Model},
    error::port,
    identity::{set_stamps, stamps_of},
    row::corrupt,
    tx::Tx,
};

const RUNNABLE: [JobState; 2] = [JobState::Pending, JobState::Running];

#[async_trait]
impl JobReader for SeaStore {
    async fn job(&self, organization_id: OrganizationId, id: JobId) -> Result<Option<Job>, PortError> {
        let query =
            Entity::find_by_id(id.as_uuid()).filter(Column::OrganizationId.eq(organization_id.as_uuid()));
        let row = self.read("key_jobs.find", |db| query.one(db)).await?;
        row.map(job).transpose()
    }

    async fn jobs(&self, organization_id: OrganizationId, limit: u32) -> Result<Vec<Job>, PortError> {
        let query = Entity::find()
            .filter(Column::OrganizationId.eq(organization_id.as_uuid()))
            .order_by_desc(Column::Id)
            .limit(u64::from(limit));
        let rows = self.read("key_jobs.list", |db| query.all(db)).await?;
        rows.into_iter().map(job).collect()
    }

    async fn runnable_jobs(&self) -> Result<Vec<Job>, PortError> {
        let query = Entity::find()
            .filter(Column::State.is_in(RUNNABLE.map(JobState::as_str)))
            .order_by_asc(Column::Id);
        let rows = self.read("key_jobs.runnable", |db| query.all(db)).await?;
        rows.into_iter().map(job).collect()
    }
}

impl JobsTx for Tx {
    fn jobs(&mut self) -> &mut dyn JobRepo {
        self
    }
}

impl Tx {
    pub(super) async fn insert_job(&self, job: &Job) -> Result<(), PortError> {
        Entity::insert(row(job)?)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("key_jobs.insert"))
    }

    pub(super) async fn lock_job(
        &self,
        organization_id: OrganizationId,
        id: JobId,
    ) -> Result<Option<Job>, PortError> {
        let found = Entity::find_by_id(id.as_uuid())
            .filter(Column::OrganizationId.eq(organization_id.as_uuid()))
            .lock_exclusive()
            .one(&self.db)
            .await
            .map_err(port("key_jobs.lock"))?;
        found.map(job).transpose()
    }

    pub(super) async fn replace_job(&self, job: &Job) -> Result<(), PortError> {
        let done = Entity::update_many()
            .set(row(job)?)
            .filter(Column::Id.eq(job.id.as_uuid()))
            .filter(Column::Version.eq(job.stamps.version.saturating_sub(1)))
            .exec(&self.db)
            .await
            .map_err(port("key_jobs.replace"))?;
        if done.rows_affected == 1 {
            return Ok(());
        }
        let cause = "the job was changed meanwhile";
        Err(PortError::new("key_jobs.replace", Fault::Stale, cause))
    }
}

fn row(job: &Job) -> Result<ActiveModel, PortError> {
    let mut row = ActiveModel {
        id: Set(job.id.as_uuid()),
        organization_id: Set(job.organization_id.as_uuid()),
        kind: Set(job.kind.as_str().to_owned()),
        purpose: Set(job.kind.purpose().to_string()),
        state: Set(job.state.as_str().to_owned()),
        rows_per_second: Set(job.rows_per_second.map(i64::from)),
        cursor: Set(job.cursor.encode()),
        pass_number: Set(i64::from(job.pass.number)),
        pass_started_at: Set(job.pass.started_at.map(Timestamp::as_micros)),
        pass_found: Set(number(job.pass.found)?),
        pass_stuck: Set(number(job.pass.stuck)?),
        rows_done: Set(number(job.rows.done)?),
        rows_skipped: Set(number(job.rows.skipped)?),
        rows_total: Set(number(job.rows.total)?),
        error: Set(job.error.clone()),
        ..Default::default()
    };
    set_stamps!(row, &job.stamps);
    Ok(row)
}

fn number(count: u64) -> Result<i64, PortError> {
    i64::try_from(count).map_err(|error| PortError::other("key_jobs.count", error))
}

fn job(row: Model) -> Result<Job, PortError> {
    let id = row.id;
    let bad = |column: &'static str, problem: String| corrupt("key_jobs", column, id, problem);
    let unknown = |column| move |problem: vutf_crypto_keys::UnknownText| bad(column, problem.to_string());
    let count = |column, value: i64| u64::try_from(value).map_err(|error| bad(column, error.to_string()));
    let purpose = row.purpose.parse().map_err(unknown("purpose"))?;
    Ok(Job {
        id: JobId::from_uuid(id),
        organization_id: OrganizationId::from_uuid(row.organization_id),
        kind: JobKind::parse(&row.kind, purpose).map_err(unknown("kind"))?,
        state: row.state.parse().map_err(unknown("state"))?,
        rows_per_second: row
            .rows_per_second
            .map(u32::try_from)
            .transpose()
            .map_err(|error| bad("rows_per_second", error.to_string()))?,
        cursor: Cursor::decode(&row.cursor).ok_or_else(|| bad("cursor", "not a cursor".to_owned()))?,
        pass: Pass {
            number: u32::try_from(row.pass_number).map_err(|error| bad("pass_number", error.to_string()))?,
            started_at: row.pass_started_at.map(Timestamp::from_micros),
            found: count("pass_found", row.pass_found)?,
            stuck: count("pass_stuck", row.pass_stuck)?,
        },
        rows: Counts {
            done: count("rows_done", row.rows_done)?,
            skipped: count("rows_skipped", row.rows_skipped)?,
            total: count("rows_total", row.rows_total)?,
        },
        stamps: stamps_of!(row),
        error: row.error,
    })
}
