//! In-memory twin of the audit ports: for embedders without a database, for unit tests, and for tamper drills.

mod export;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use uuid::Uuid;
use vutf_kernel::{
    Event, EventId, EventSink, Fault, Lease, Leases, OsEntropy, Page, PageRequest, PortError, Receipts,
    Secret, Timestamp, Transaction,
};

use crate::{
    AuditTx, Cursor, EventFilter, Intake, Leaf, LogEntry, LogReader, Order, PATIENCE, Pending, Protection,
    Record, SEQUENCER_LEASE, SequencerStore, SequencerTx, SignedCheckpoint, Standing, Strays, TreeNode,
    TreeReader, Voucher,
    export::{ExportStore, ExportTx, Position},
    merkle::{Hash, TILE_WIDTH, TileId},
    prepare,
};

/// What somebody with write access to the tables could reach.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The intake, in the order of commits.
    pub intake: Vec<Intake>,
    /// The leaves; read in the order of `seq`.
    pub leaves: Vec<Leaf>,
    /// Where each event stands in the order of commits.
    pub cursors: HashMap<EventId, Cursor>,
    /// Which event is said to have pruned which entry.
    pub pruned: HashMap<i64, EventId>,
    /// Nodes of the tree; read in the order of level and index.
    pub nodes: Vec<TreeNode>,
    /// The newest checkpoint.
    pub latest: Option<SignedCheckpoint>,
    /// The checkpoints that are kept; read in the order of size.
    pub checkpoints: Vec<SignedCheckpoint>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) rows: Rows,
    pub(crate) leases: HashMap<String, Lease>,
    pub(crate) book: crate::retention::memory::Book,
    positions: std::collections::BTreeMap<String, Position>,
}

type Seal = dyn Fn(&str, &Secret<String>) -> Result<Vec<u8>, PortError> + Send + Sync;

/// A log in memory. Clones share it.
#[derive(Clone)]
pub struct MemoryLog {
    state: Arc<Mutex<State>>,
    seal: Arc<Seal>,
}

impl MemoryLog {
    /// An empty log whose private parts go through `seal(name, value)`.
    pub fn new(
        seal: impl Fn(&str, &Secret<String>) -> Result<Vec<u8>, PortError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            state: Arc::default(),
            seal: Arc::new(seal),
        }
    }
    /// An empty log that keeps private parts as they are. For tests: nothing is encrypted.
    pub fn unsealed() -> Self {
        Self::new(|_, value| Ok(value.expose().clone().into_bytes()))
    }
    /// A transaction; its events are in the log once it has committed.
    pub fn begin_tx(&self) -> MemoryTx {
        MemoryTx {
            log: self.clone(),
            staged: Vec::new(),
            receipts: Receipts::default(),
        }
    }
    /// Changes the rows behind the log's back, as somebody with write access to the tables could.
    pub fn tamper<T>(&self, change: impl FnOnce(&mut Rows) -> T) -> T {
        change(&mut self.lock().rows)
    }

    /// Whether nobody has overtaken the lease.
    pub(crate) fn holds(&self, lease: &Lease) -> bool {
        let state = self.lock();
        let held = state.leases.get(&lease.name);
        held.is_some_and(|held| held.holder == lease.holder && held.epoch == lease.epoch)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MemoryLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = &self.lock().rows;
        write!(
            f,
            "MemoryLog({} events, {} leaves)",
            rows.intake.len(),
            rows.leaves.len()
        )
    }
}

impl Rows {
    fn tile(&self, id: TileId) -> Vec<Hash> {
        let first = id.index.saturating_mul(TILE_WIDTH);
        let within = |index: u64| (first..first.saturating_add(TILE_WIDTH)).contains(&index);
        let mut found: Vec<(u64, Hash)> = if id.level == 0 {
            let places = self
                .leaves
                .iter()
                .filter_map(|leaf| Some((u64::try_from(leaf.seq).ok()?, leaf)));
            places
                .map(|(seq, leaf)| (seq, leaf.leaf_hash))
                .filter(|(seq, _)| within(*seq))
                .collect()
        } else {
            let level = self
                .nodes
                .iter()
                .filter(|node| node.level == id.level && within(node.index));
            level.map(|node| (node.index, node.hash)).collect()
        };
        found.sort_unstable();
        // From the left without a gap: what lies behind one has no place in a tile.
        let dense = (first..)
            .zip(found)
            .take_while(|(wanted, (index, _))| wanted == index);
        dense.map(|(_, (_, hash))| hash).collect()
    }
    fn pending(&self) -> impl Iterator<Item = (Cursor, &Intake)> {
        let placed: HashSet<EventId> = self.leaves.iter().map(|leaf| leaf.event_id).collect();
        let waits = self.intake.iter().filter(move |row| !placed.contains(&row.id));
        waits.filter_map(|row| Some((*self.cursors.get(&row.id)?, row)))
    }
    fn happened(&self, event: EventId) -> Option<Timestamp> {
        let row = self.intake.iter().find(|row| row.id == event)?;
        Some(row.occurred_at)
    }
    fn record(&self, intake: &Intake) -> Record {
        Record {
            erased: Vec::new(),
            intake: intake.clone(),
            leaf: self
                .leaves
                .iter()
                .find(|leaf| leaf.event_id == intake.id)
                .cloned(),
        }
    }
}

/// A transaction on a [`MemoryLog`]. Dropping it forgets its events.
#[derive(Debug)]
pub struct MemoryTx {
    log: MemoryLog,
    staged: Vec<Intake>,
    receipts: Receipts,
}

#[async_trait]
impl EventSink for MemoryTx {
    async fn append(&mut self, event: Event) -> Result<(), PortError> {
        self.receipts.expect(&event);
        let seal = Arc::clone(&self.log.seal);
        self.staged
            .push(prepare(event, &mut OsEntropy, |name, value| seal(name, value))?);
        Ok(())
    }
}

impl AuditTx for MemoryTx {
    fn log(&mut self) -> &mut dyn EventSink {
        self
    }
}

impl MemoryTx {
    pub(crate) fn settle(self) -> Result<(), PortError> {
        let log = self.log.clone();
        let mut state = log.lock();
        self.settle_in(&mut state)
    }

    /// As [`Self::settle`], for a commit that changes more under the same lock.
    fn settle_in(self, state: &mut State) -> Result<(), PortError> {
        let known: HashSet<EventId> = state.rows.intake.iter().map(|row| row.id).collect();
        if self.staged.iter().any(|row| known.contains(&row.id)) {
            return Err(PortError::new(
                "audit.append",
                Fault::Duplicate,
                "event id is taken",
            ));
        }
        let first = state.rows.cursors.len();
        for (ord, row) in (first..).zip(&self.staged) {
            let ord = i64::try_from(ord).unwrap_or(i64::MAX);
            state.rows.cursors.insert(row.id, Cursor { xid: 0, ord });
        }
        state.rows.intake.extend(self.staged);
        self.receipts.confirm();
        Ok(())
    }
}

#[async_trait]
impl Transaction for MemoryTx {
    async fn commit(self: Box<Self>) -> Result<(), PortError> {
        self.settle()
    }
    async fn rollback(self: Box<Self>) -> Result<(), PortError> {
        Ok(())
    }
}

#[async_trait]
impl Leases for MemoryLog {
    async fn acquire(
        &self,
        name: &str,
        holder: Uuid,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Lease>, PortError> {
        let mut state = self.lock();
        let epoch = match state.leases.get(name) {
            Some(held) if held.holder == holder => held.epoch,
            Some(held) if held.expires_at > now => return Ok(None),
            Some(held) => held.epoch + 1,
            None => 1,
        };
        let lease = Lease {
            name: name.to_owned(),
            holder,
            epoch,
            expires_at: now.plus(ttl),
        };
        state.leases.insert(name.to_owned(), lease.clone());
        Ok(Some(lease))
    }

    async fn release(&self, lease: &Lease) -> Result<(), PortError> {
        let mut state = self.lock();
        let held = state.leases.get_mut(&lease.name);
        if let Some(held) = held.filter(|held| held.holder == lease.holder && held.epoch == lease.epoch) {
            held.expires_at = Timestamp::from_micros(0);
        }
        Ok(())
    }
}

#[async_trait]
impl SequencerStore for MemoryLog {
    async fn begin(&self, lease: &Lease) -> Result<Box<dyn SequencerTx>, PortError> {
        Ok(Box::new(MemorySequencerTx {
            log: self.clone(),
            lease: lease.clone(),
            staged: Staged::default(),
        }))
    }
}

struct MemorySequencerTx {
    log: MemoryLog,
    lease: Lease,
    staged: Staged,
}

#[derive(Default)]
struct Staged {
    leaves: Vec<Leaf>,
    nodes: Vec<TreeNode>,
    latest: Option<SignedCheckpoint>,
    kept: Vec<SignedCheckpoint>,
}

#[async_trait]
impl SequencerTx for MemorySequencerTx {
    async fn head(&mut self) -> Result<Option<Leaf>, PortError> {
        let state = self.log.lock();
        Ok(state.rows.leaves.iter().max_by_key(|leaf| leaf.seq).cloned())
    }

    async fn pending(&mut self, limit: u32) -> Result<Vec<Pending>, PortError> {
        let state = self.log.lock();
        let pending = state.rows.pending().take(limit as usize);
        Ok(pending
            .map(|(cursor, intake)| Pending {
                event_id: intake.id,
                body: intake.body.clone(),
                cursor,
                // Nobody else writes to this process's memory.
                voucher: Voucher::Service,
            })
            .collect())
    }

    async fn standing(&mut self, event: EventId) -> Result<Option<Standing>, PortError> {
        let rows = &self.log.lock().rows;
        let there = rows.intake.iter().any(|row| row.id == event);
        let cursor = rows.cursors.get(&event).copied().filter(|_| there);
        Ok(cursor.map(|cursor| Standing {
            cursor,
            vouched: true,
        }))
    }

    async fn tile(&mut self, id: TileId) -> Result<Vec<Hash>, PortError> {
        Ok(self.log.lock().rows.tile(id))
    }

    async fn latest(&mut self) -> Result<Option<SignedCheckpoint>, PortError> {
        Ok(self.log.lock().rows.latest.clone())
    }

    async fn append(&mut self, leaves: &[Leaf], nodes: &[TreeNode]) -> Result<(), PortError> {
        self.staged.leaves.extend_from_slice(leaves);
        self.staged.nodes.extend_from_slice(nodes);
        Ok(())
    }

    async fn publish(&mut self, checkpoint: &SignedCheckpoint, keep: bool) -> Result<(), PortError> {
        self.staged.latest = Some(checkpoint.clone());
        self.staged.kept.extend(keep.then(|| checkpoint.clone()));
        Ok(())
    }
}

#[async_trait]
impl Transaction for MemorySequencerTx {
    async fn commit(self: Box<Self>) -> Result<(), PortError> {
        let mut state = self.log.lock();
        let held = state
            .leases
            .get(SEQUENCER_LEASE)
            .filter(|_| self.lease.name == SEQUENCER_LEASE);
        let overtaken =
            held.is_none_or(|held| held.holder != self.lease.holder || held.epoch != self.lease.epoch);
        let taken = |leaf: &Leaf| state.rows.leaves.iter().any(|other| other.seq == leaf.seq);
        if overtaken || self.staged.leaves.first().is_some_and(taken) {
            return Err(PortError::new(
                "audit.sequence",
                Fault::Stale,
                "the lease was overtaken",
            ));
        }
        let Staged {
            leaves,
            nodes,
            latest,
            kept,
        } = self.staged;
        state.rows.leaves.extend(leaves);
        state.rows.nodes.extend(nodes);
        state.rows.checkpoints.extend(kept);
        if latest.is_some() {
            state.rows.latest = latest;
        }
        Ok(())
    }
    async fn rollback(self: Box<Self>) -> Result<(), PortError> {
        Ok(())
    }
}

#[async_trait]
impl TreeReader for MemoryLog {
    async fn tile(&self, id: TileId) -> Result<Vec<Hash>, PortError> {
        Ok(self.lock().rows.tile(id))
    }

    async fn latest(&self) -> Result<Option<SignedCheckpoint>, PortError> {
        Ok(self.lock().rows.latest.clone())
    }

    async fn checkpoints(&self, from_size: u64, limit: u32) -> Result<Vec<SignedCheckpoint>, PortError> {
        let rows = &self.lock().rows;
        let kept = rows.checkpoints.iter();
        let mut found: Vec<_> = kept.filter(|kept| kept.size >= from_size).cloned().collect();
        found.sort_by_key(|kept| kept.size);
        found.truncate(limit as usize);
        Ok(found)
    }

    async fn nodes(&self, level: u8, from_index: u64, limit: u32) -> Result<Vec<TreeNode>, PortError> {
        let rows = &self.lock().rows;
        let of_level = rows
            .nodes
            .iter()
            .filter(|node| node.level == level && node.index >= from_index);
        let mut found: Vec<_> = of_level.copied().collect();
        found.sort_by_key(|node| node.index);
        found.truncate(limit as usize);
        Ok(found)
    }
}

#[async_trait]
impl LogReader for MemoryLog {
    async fn entries(&self, from_seq: i64, limit: u32) -> Result<Vec<LogEntry>, PortError> {
        let rows = &self.lock().rows;
        let mut leaves: Vec<&Leaf> = rows.leaves.iter().filter(|leaf| leaf.seq >= from_seq).collect();
        leaves.sort_by_key(|leaf| leaf.seq);
        leaves.truncate(limit as usize);
        let by_id: HashMap<EventId, &Intake> = rows.intake.iter().map(|row| (row.id, row)).collect();
        Ok(leaves
            .into_iter()
            .map(|leaf| LogEntry {
                leaf: leaf.clone(),
                intake: by_id.get(&leaf.event_id).map(|row| (*row).clone()),
                pruned: rows.pruned.get(&leaf.seq).copied(),
                cursor: rows.cursors.get(&leaf.event_id).copied(),
                misfit: None,
            })
            .collect())
    }

    async fn head(&self) -> Result<Option<Leaf>, PortError> {
        let rows = &self.lock().rows;
        Ok(rows.leaves.iter().max_by_key(|leaf| leaf.seq).cloned())
    }

    async fn pending_count(&self) -> Result<u64, PortError> {
        Ok(self.lock().rows.pending().count() as u64)
    }

    async fn strays(&self, head: Option<&Leaf>) -> Result<Strays, PortError> {
        let Some(head) = head else {
            return Ok(Strays::default());
        };
        let rows = &self.lock().rows;
        let happened = rows.happened(head.event_id);
        let late = |at: Timestamp| happened.is_some_and(|head| at.plus(PATIENCE) < head);
        let passed_over = rows
            .pending()
            .find(|(cursor, row)| *cursor < head.cursor || late(row.occurred_at));
        Ok(Strays {
            passed_over: passed_over.map(|(_, row)| row.id),
            // References stand in the events themselves here.
            orphan_reference: None,
            forged: None,
            outside_tree: None,
        })
    }

    async fn protection(&self) -> Result<Protection, PortError> {
        Ok(Protection::default())
    }

    async fn entry(&self, id: EventId) -> Result<Option<Record>, PortError> {
        let rows = &self.lock().rows;
        Ok(rows
            .intake
            .iter()
            .find(|row| row.id == id)
            .map(|row| rows.record(row)))
    }

    async fn search(&self, filter: &EventFilter, page: &PageRequest) -> Result<Page<Record>, PortError> {
        let rows = &self.lock().rows;
        let mut found: Vec<&Intake> = rows
            .intake
            .iter()
            .filter(|row| filter.matches(row))
            .filter(|row| match (page.after, filter.order) {
                (None, _) => true,
                (Some(after), Order::Ascending) => row.id.as_uuid() > after,
                (Some(after), Order::Descending) => row.id.as_uuid() < after,
            })
            .collect();
        found.sort_by_key(|row| row.id);
        if filter.order == Order::Descending {
            found.reverse();
        }
        found.truncate(usize::from(page.limit) + 1);
        let page = Page::from_overfetch(found, page.limit, |row| row.id.as_uuid());
        Ok(page.map(|row| rows.record(row)))
    }
}
