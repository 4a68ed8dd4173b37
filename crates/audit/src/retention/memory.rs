//! In-memory twin of the ports of retention, on a [`MemoryLog`]. It judges nothing: a database does that by itself.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use vutf_kernel::{
    Event, EventId, EventSink, Fault, HoldId, Lease, OrganizationId, PortError, PruneRunId, Timestamp,
    Transaction, Units,
};

use super::{
    Candidate, Census, Doer, Facts, Hold, LEASE, PruneRun, Removal, RetentionStore, RetentionTx, RunEnd,
    action,
};
use crate::{AuditTx as _, GENESIS, LogEntry, LogReader as _, MemoryLog, MemoryTx, SignedCheckpoint};

/// Holds and runs.
#[derive(Default)]
pub(crate) struct Book {
    holds: Vec<Hold>,
    runs: Vec<PruneRun>,
}

enum Change {
    Hold(Hold),
    Release(HoldId, Timestamp, Doer),
    Run(PruneRun),
    End(PruneRunId, RunEnd),
    Remove(EventId, Removal),
}

/// A transaction. Dropping it forgets everything.
struct MemoryRetentionTx {
    log: MemoryLog,
    events: MemoryTx,
    changes: Vec<Change>,
}

#[async_trait]
impl Units<dyn RetentionTx> for MemoryLog {
    async fn begin(&self) -> Result<Box<dyn RetentionTx>, PortError> {
        Ok(Box::new(MemoryRetentionTx {
            log: self.clone(),
            events: self.begin_tx(),
            changes: Vec::new(),
        }))
    }

    async fn retry(&self, _attempt: u32, _error: &PortError) -> bool {
        false
    }
}

#[async_trait]
impl Transaction for MemoryRetentionTx {
    async fn commit(self: Box<Self>) -> Result<(), PortError> {
        Box::new(self.events).commit().await?;
        let mut state = self.log.lock();
        let state = &mut *state;
        for change in self.changes {
            match change {
                Change::Hold(hold) => state.book.holds.push(hold),
                Change::Release(id, at, by) => {
                    let hold = state.book.holds.iter_mut().find(|hold| hold.id == id);
                    if let Some(hold) = hold {
                        hold.released = Some((at, by));
                    }
                }
                Change::Run(run) => state.book.runs.push(run),
                Change::End(id, end) => {
                    if let Some(run) = state.book.runs.iter_mut().find(|run| run.id == id) {
                        run.end = Some(end);
                    }
                }
                Change::Remove(event, removal) => {
                    let gone: HashMap<EventId, i64> = state
                        .rows
                        .leaves
                        .iter()
                        .filter(|leaf| removal.seqs.contains(leaf.seq))
                        .map(|leaf| (leaf.event_id, leaf.seq))
                        .collect();
                    state.rows.intake.retain(|row| !gone.contains_key(&row.id));
                    state.rows.pruned.extend(gone.values().map(|seq| (*seq, event)));
                    if let Some(run) = state.book.runs.iter_mut().find(|run| run.id == removal.run) {
                        run.removed += removal.seqs.count();
                    }
                }
            }
        }
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), PortError> {
        Ok(())
    }
}

#[async_trait]
impl EventSink for MemoryRetentionTx {
    async fn append(&mut self, event: Event) -> Result<(), PortError> {
        self.events.log().append(event).await
    }
}

#[async_trait]
impl RetentionTx for MemoryRetentionTx {
    fn log(&mut self) -> &mut dyn EventSink {
        self
    }

    async fn fence(&mut self, lease: &Lease) -> Result<(), PortError> {
        let state = self.log.lock();
        let held = state.leases.get(LEASE);
        match held.filter(|held| held.holder == lease.holder && held.epoch == lease.epoch) {
            Some(_) => Ok(()),
            None => Err(PortError::new(
                "lease.fence",
                Fault::Stale,
                "the lease was taken over",
            )),
        }
    }

    async fn checkpoint(&mut self) -> Result<Option<SignedCheckpoint>, PortError> {
        Ok(self.log.lock().rows.latest.clone())
    }

    async fn add_hold(&mut self, hold: &Hold, _event: EventId) -> Result<(), PortError> {
        self.changes.push(Change::Hold(hold.clone()));
        Ok(())
    }

    async fn find_hold(&mut self, placed_in: OrganizationId, id: HoldId) -> Result<Option<Hold>, PortError> {
        let state = self.log.lock();
        let mut holds = state.book.holds.iter();
        Ok(holds
            .find(|hold| hold.placed_in == placed_in && hold.id == id)
            .cloned())
    }

    async fn release_hold(
        &mut self,
        id: HoldId,
        at: Timestamp,
        by: &Doer,
        _event: EventId,
    ) -> Result<(), PortError> {
        self.changes.push(Change::Release(id, at, by.clone()));
        Ok(())
    }

    async fn add_run(&mut self, run: &PruneRun, _event: EventId) -> Result<(), PortError> {
        self.changes.push(Change::Run(run.clone()));
        Ok(())
    }

    async fn end_run(&mut self, id: PruneRunId, end: &RunEnd) -> Result<(), PortError> {
        self.changes.push(Change::End(id, end.clone()));
        Ok(())
    }

    async fn remove(&mut self, event: EventId, removal: &Removal, _now: Timestamp) -> Result<(), PortError> {
        self.changes.push(Change::Remove(event, removal.clone()));
        Ok(())
    }
}

#[async_trait]
impl RetentionStore for MemoryLog {
    async fn scan(
        &self,
        after: Option<EventId>,
        before: Timestamp,
        limit: u32,
        with_subjects: bool,
    ) -> Result<Vec<Facts>, PortError> {
        let state = self.lock();
        let seqs: HashMap<EventId, i64> = state
            .rows
            .leaves
            .iter()
            .map(|leaf| (leaf.event_id, leaf.seq))
            .collect();
        let fits = |id: EventId, at: Timestamp| at < before && after.is_none_or(|after| id > after);
        let rows = state
            .rows
            .intake
            .iter()
            .filter(|row| fits(row.id, row.occurred_at));
        let mut page: Vec<Facts> = rows
            .filter_map(|row| {
                Some(Facts {
                    id: row.id,
                    seq: *seqs.get(&row.id)?,
                    action: row.action.clone(),
                    occurred_at: row.occurred_at,
                    organization_id: row.organization_id,
                    actor_id: row.actor_id,
                    subjects: if with_subjects {
                        row.subjects.clone()
                    } else {
                        Vec::new()
                    },
                })
            })
            .collect();
        page.sort_by_key(|facts| facts.id);
        page.truncate(limit as usize);
        Ok(page)
    }

    async fn candidates(&self, seqs: &[i64]) -> Result<Vec<Candidate>, PortError> {
        let mut found = Vec::with_capacity(seqs.len());
        for seq in seqs {
            let from = seq.saturating_sub(1).max(0);
            let entries: Vec<LogEntry> = self.entries(from, 2).await?;
            let before = entries.iter().find(|entry| entry.leaf.seq == seq - 1);
            let previous = before.map_or(GENESIS, |entry| entry.leaf.chain);
            let here = entries.into_iter().find(|entry| entry.leaf.seq == *seq);
            found.extend(here.map(|entry| Candidate { entry, previous }));
        }
        Ok(found)
    }

    async fn census(&self) -> Result<Vec<Census>, PortError> {
        let state = self.lock();
        let mut counts: BTreeMap<&str, (u64, Timestamp)> = BTreeMap::new();
        for row in &state.rows.intake {
            let line = counts.entry(&row.action).or_insert((0, row.occurred_at));
            *line = (line.0 + 1, line.1.min(row.occurred_at));
        }
        let lines = counts.into_iter().map(|(action, (count, oldest))| Census {
            action: action.to_owned(),
            count,
            oldest,
        });
        Ok(lines.collect())
    }

    async fn holds(&self, placed_in: Option<OrganizationId>) -> Result<Vec<Hold>, PortError> {
        let state = self.lock();
        let of_tenant = |hold: &&Hold| placed_in.is_none_or(|tenant| hold.placed_in == tenant);
        Ok(state.book.holds.iter().filter(of_tenant).cloned().collect())
    }

    async fn hold_events(&self) -> Result<Vec<Vec<u8>>, PortError> {
        let state = self.lock();
        let tells = |name: &str| [action::HOLD_PLACE.name, action::HOLD_RELEASE.name].contains(&name);
        let rows = state
            .rows
            .intake
            .iter()
            .filter(|row| tells(&row.action) && row.outcome == "success");
        Ok(rows.map(|row| row.body.clone()).collect())
    }

    async fn runs(&self, limit: u32) -> Result<Vec<PruneRun>, PortError> {
        let state = self.lock();
        Ok(state
            .book
            .runs
            .iter()
            .rev()
            .take(limit as usize)
            .cloned()
            .collect())
    }

    async fn open_run(&self) -> Result<Option<PruneRun>, PortError> {
        let state = self.lock();
        Ok(state.book.runs.iter().find(|run| run.end.is_none()).cloned())
    }

    async fn make_months(&self, _now: Timestamp) -> Result<Vec<String>, PortError> {
        Ok(Vec::new())
    }

    async fn drop_empty_months(&self) -> Result<Vec<String>, PortError> {
        Ok(Vec::new())
    }
}
