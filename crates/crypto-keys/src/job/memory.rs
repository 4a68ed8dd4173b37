//! The in-memory twin of the jobs' ports.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use uuid::Uuid;
use vutf_kernel::{
    Event, EventSink, Fault, JobId, Lease, OrganizationId, PortError, Receipts, Transaction, UserId,
};

use super::{
    Chunk, IndexChange, IndexedRow, Job, JobReader, JobRepo, JobsTx, RowChange, SealedColumn, SealedRow,
    SealedRows, SealedTable, Wanted,
};
use crate::{BlindIndex, SubjectKeys, envelope};

/// Rows that one read looks at: few, so that tests see more than one.
const WINDOW: usize = 8;

/// A row with ciphertexts.
#[derive(Clone, Debug)]
pub struct MemoryRow {
    /// The tenant.
    pub organization_id: OrganizationId,
    /// Whose row it is.
    pub subject: Option<UserId>,
    /// Ciphertexts by column.
    pub cells: HashMap<&'static str, Vec<u8>>,
    /// Blind indexes by column.
    pub indexes: HashMap<&'static str, BlindIndex>,
}

#[derive(Clone, Default)]
struct State {
    revision: u64,
    jobs: Vec<Job>,
    leases: HashMap<String, Lease>,
    rows: BTreeMap<(&'static str, Uuid), MemoryRow>,
    events: Vec<Event>,
}

/// Jobs and rows in memory. Clones share them.
#[derive(Clone)]
pub struct MemoryJobs {
    tables: &'static [SealedTable],
    state: Arc<Mutex<State>>,
}

impl MemoryJobs {
    /// With these tables, and no row.
    pub fn new(tables: &'static [SealedTable]) -> Self {
        Self {
            tables,
            state: Arc::default(),
        }
    }
    /// Starts a transaction that sees everything as it is now.
    pub fn begin(&self) -> MemoryJobsTx {
        let state = self.lock().clone();
        MemoryJobsTx {
            shared: self.clone(),
            state,
            receipts: Receipts::default(),
        }
    }
    /// Puts a row, as somebody else's transaction would.
    pub fn put(&self, table: &'static str, id: Uuid, row: MemoryRow) {
        let mut state = self.lock();
        state.rows.insert((table, id), row);
        state.revision += 1;
    }
    /// A row as it is now.
    pub fn row(&self, table: &'static str, id: Uuid) -> Option<MemoryRow> {
        self.lock().rows.get(&(table, id)).cloned()
    }
    /// Makes `lease` the one that holds under its name.
    pub fn grant(&self, lease: Lease) {
        self.lock().leases.insert(lease.name.clone(), lease);
    }
    /// Every event that was committed.
    pub fn events(&self) -> Vec<Event> {
        self.lock().events.clone()
    }
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn window<T>(
        &self,
        table: &str,
        after: Option<Uuid>,
        limit: u32,
        mut wanted: impl FnMut(Uuid, &MemoryRow) -> Option<T>,
    ) -> Chunk<T> {
        let state = self.lock();
        let looked_at = state
            .rows
            .iter()
            .filter(|((name, id), _)| *name == table && after.is_none_or(|after| *id > after));
        let (mut rows, mut reached) = (Vec::new(), None);
        for (seen, ((_, id), row)) in looked_at.enumerate() {
            if seen == WINDOW || rows.len() == limit as usize {
                return Chunk { rows, reached };
            }
            rows.extend(wanted(*id, row));
            reached = Some(*id);
        }
        Chunk { rows, reached: None }
    }
}

/// A transaction on [`MemoryJobs`]; of two that overlap, the second to commit loses with [`Fault::Contention`].
pub struct MemoryJobsTx {
    shared: MemoryJobs,
    state: State,
    receipts: Receipts,
}

#[async_trait]
impl Transaction for MemoryJobsTx {
    async fn commit(self: Box<Self>) -> Result<(), PortError> {
        let mut current = self.shared.lock();
        if current.revision != self.state.revision {
            let cause = "another transaction was committed first";
            return Err(PortError::new("jobs.commit", Fault::Contention, cause));
        }
        *current = self.state;
        current.revision += 1;
        self.receipts.confirm();
        Ok(())
    }
    async fn rollback(self: Box<Self>) -> Result<(), PortError> {
        Ok(())
    }
}

#[async_trait]
impl SealedRows for MemoryJobs {
    /// None: what is here is under the keys of tables.
    async fn subject_keys(&self, _: Vec<&[u8]>) -> Result<SubjectKeys, PortError> {
        Ok(SubjectKeys::default())
    }

    fn sealed_tables(&self) -> &'static [SealedTable] {
        self.tables
    }

    async fn sealed_under(
        &self,
        wanted: Wanted<'_>,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Chunk<SealedRow>, PortError> {
        let names = |ciphertext: &[u8]| {
            envelope::key_hint(ciphertext).is_ok_and(|hint| wanted.keys.contains(&hint.key_id))
        };
        Ok(self.window(wanted.table.name, after, limit, |id, row| {
            let of_person = wanted.subject.is_none_or(|subject| row.subject == Some(subject));
            let cells: Vec<_> = wanted
                .table
                .columns
                .iter()
                .filter_map(|column| Some((column.name, row.cells.get(column.name)?.clone())))
                .filter(|(_, ciphertext)| names(ciphertext))
                .collect();
            (row.organization_id == wanted.organization_id && of_person && !cells.is_empty()).then_some(
                SealedRow {
                    row: id,
                    subject: row.subject,
                    cells,
                },
            )
        }))
    }

    async fn count_under(
        &self,
        wanted: Wanted<'_>,
        after: Option<Uuid>,
    ) -> Result<(u64, Option<Uuid>), PortError> {
        let chunk = self.sealed_under(wanted, after, u32::MAX).await?;
        Ok((chunk.rows.len() as u64, chunk.reached))
    }

    async fn indexed_before(
        &self,
        organization_id: OrganizationId,
        table: &SealedTable,
        column: &SealedColumn,
        version: u32,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Chunk<IndexedRow>, PortError> {
        Ok(self.window(table.name, after, limit, |id, row| {
            let index = row.indexes.get(column.name)?;
            let old = row.organization_id == organization_id && index.version < version;
            old.then_some(IndexedRow {
                row: id,
                subject: row.subject,
                ciphertext: row.cells.get(column.name)?.clone(),
            })
        }))
    }
}

#[async_trait]
impl JobReader for MemoryJobs {
    async fn job(&self, organization_id: OrganizationId, id: JobId) -> Result<Option<Job>, PortError> {
        Ok(find(&self.lock(), organization_id, id))
    }
    async fn jobs(&self, organization_id: OrganizationId, limit: u32) -> Result<Vec<Job>, PortError> {
        let mut jobs = self.lock().jobs.clone();
        jobs.retain(|job| job.organization_id == organization_id);
        jobs.sort_by_key(|job| std::cmp::Reverse(job.id));
        jobs.truncate(limit as usize);
        Ok(jobs)
    }
    async fn runnable_jobs(&self) -> Result<Vec<Job>, PortError> {
        let mut jobs = self.lock().jobs.clone();
        jobs.retain(|job| job.state.is_runnable());
        jobs.sort_by_key(|job| job.id);
        Ok(jobs)
    }
}

fn find(state: &State, organization_id: OrganizationId, id: JobId) -> Option<Job> {
    let mut jobs = state.jobs.iter();
    jobs.find(|job| job.id == id && job.organization_id == organization_id)
        .cloned()
}

#[async_trait]
impl JobRepo for MemoryJobsTx {
    async fn insert(&mut self, job: &Job) -> Result<(), PortError> {
        let same = |other: &&Job| {
            other.id == job.id
                || (!other.state.is_over()
                    && (other.organization_id, &other.kind) == (job.organization_id, &job.kind))
        };
        if self.state.jobs.iter().find(same).is_some() {
            return Err(PortError::new(
                "jobs.insert",
                Fault::Duplicate,
                "there is such a job",
            ));
        }
        self.state.jobs.push(job.clone());
        Ok(())
    }

    async fn find(&mut self, organization_id: OrganizationId, id: JobId) -> Result<Option<Job>, PortError> {
        Ok(find(&self.state, organization_id, id))
    }

    async fn replace(&mut self, job: &Job) -> Result<(), PortError> {
        let before = |other: &&mut Job| {
            other.id == job.id && other.stamps.version.checked_add(1) == Some(job.stamps.version)
        };
        let Some(row) = self.state.jobs.iter_mut().find(before) else {
            return Err(PortError::new(
                "jobs.replace",
                Fault::Stale,
                "it was changed meanwhile",
            ));
        };
        *row = job.clone();
        Ok(())
    }

    async fn hold(&mut self, lease: &Lease) -> Result<(), PortError> {
        let held = self.state.leases.get(&lease.name);
        if held.is_some_and(|held| (held.holder, held.epoch) == (lease.holder, lease.epoch)) {
            return Ok(());
        }
        Err(PortError::new(
            "lease.fence",
            Fault::Stale,
            "the lease was taken over",
        ))
    }

    async fn reseal(
        &mut self,
        organization_id: OrganizationId,
        table: &SealedTable,
        changes: &[RowChange],
    ) -> Result<u64, PortError> {
        let mut written = 0;
        for change in changes {
            let row = self.state.rows.get_mut(&(table.name, change.row));
            let unchanged = |row: &&mut MemoryRow| {
                let mut cells = change.cells.iter();
                row.organization_id == organization_id
                    && cells.all(|(column, before, _)| row.cells.get(column) == Some(before))
            };
            if let Some(row) = row.filter(unchanged) {
                let cells = change.cells.iter();
                row.cells
                    .extend(cells.map(|(column, _, after)| (*column, after.clone())));
                written += 1;
            }
        }
        Ok(written)
    }

    async fn reindex(
        &mut self,
        organization_id: OrganizationId,
        table: &SealedTable,
        column: &SealedColumn,
        changes: &[IndexChange],
    ) -> Result<u64, PortError> {
        let before = self.state.rows.clone();
        let mut written = 0;
        for change in changes {
            let taken = self.state.rows.iter().any(|((name, id), row)| {
                *name == table.name
                    && *id != change.row
                    && row.organization_id == organization_id
                    && row.indexes.get(column.name) == Some(&change.index)
            });
            if taken {
                self.state.rows = before;
                return Err(PortError::new(
                    "jobs.reindex",
                    Fault::Duplicate,
                    "the index is taken",
                ));
            }
            let row = self.state.rows.get_mut(&(table.name, change.row));
            let unchanged = |row: &&mut MemoryRow| {
                row.organization_id == organization_id
                    && row.cells.get(column.name) == Some(&change.ciphertext)
            };
            if let Some(row) = row.filter(unchanged) {
                row.indexes.insert(column.name, change.index);
                written += 1;
            }
        }
        Ok(written)
    }
}

#[async_trait]
impl EventSink for MemoryJobsTx {
    async fn append(&mut self, event: Event) -> Result<(), PortError> {
        self.receipts.expect(&event);
        self.state.events.push(event);
        Ok(())
    }
}

impl JobsTx for MemoryJobsTx {
    fn jobs(&mut self) -> &mut dyn JobRepo {
        self
    }
}
