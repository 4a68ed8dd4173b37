//! Reading the log, outside of transactions.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Statement};
use uuid::Uuid;
use vutf_audit::{EventFilter, Leaf, LogEntry, LogReader, Protection, Record, SealedPart, Strays};
use vutf_crypto_keys::{KeyState, subject::key_named_by};
use vutf_kernel::{EventId, KeyId, Page, PageRequest, PortError, Timestamp};

use super::{intake_of, shown_leaf};
use crate::{
    SeaStore,
    entity::{audit_intake, audit_leaf, audit_subject_ref, crypto_keys},
};

/// An anti-join: a row that the sequencer passed over shows, too.
const PENDING: &str = "SELECT COUNT(*) AS n FROM audit_intake i WHERE NOT EXISTS (SELECT 1 FROM audit_leaf l WHERE l.event_id = i.id)";

/// Events that wait among the newest ones: as cheap in a long log as in a short one. Not from the last cursor, which whoever
/// can write to the database can set. `LIMIT 1` keeps PostgreSQL from making a join of it, which would read the whole log.
const WAITING: &str = "SELECT COUNT(*) AS n, MIN(w.occurred_at) AS oldest FROM \
     (SELECT id, occurred_at FROM audit_intake ORDER BY xid DESC, ord DESC LIMIT 5000) w \
     WHERE NOT EXISTS (SELECT 1 FROM audit_leaf l WHERE l.event_id = w.id LIMIT 1 OFFSET 0)";

#[derive(FromQueryResult)]
struct Count {
    n: i64,
}

#[derive(FromQueryResult)]
struct Waiting {
    n: i64,
    oldest: Option<i64>,
}

#[async_trait]
impl LogReader for SeaStore {
    async fn entries(&self, from_seq: i64, limit: u32) -> Result<Vec<LogEntry>, PortError> {
        self.log_entries(from_seq, limit).await
    }

    async fn head(&self) -> Result<Option<Leaf>, PortError> {
        Ok(self.last_leaf().await?.as_ref().map(shown_leaf))
    }

    async fn pending_count(&self) -> Result<u64, PortError> {
        let statement = Statement::from_string(self.backend(), PENDING);
        self.count("audit.pending", statement).await
    }

    async fn strays(&self, head: Option<&Leaf>) -> Result<Strays, PortError> {
        self.log_strays(head).await
    }

    async fn protection(&self) -> Result<Protection, PortError> {
        self.log_protection().await
    }

    async fn entry(&self, id: EventId) -> Result<Option<Record>, PortError> {
        let query = audit_intake::Entity::find().filter(audit_intake::Column::Id.eq(id.as_uuid()));
        let rows = self.read("audit.entry", |db| query.all(db)).await?;
        Ok(self.records(rows).await?.pop())
    }

    async fn search(&self, filter: &EventFilter, page: &PageRequest) -> Result<Page<Record>, PortError> {
        self.log_search(filter, page).await
    }
}

/// How far the log has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditLag {
    /// Events without a place among the newest 5,000: a cheap count, for metrics. The exact one is `pending_count`.
    pub pending: u64,
    /// When the oldest of them happened.
    pub oldest_pending: Option<Timestamp>,
    /// The last sequence number; 0 while there is none.
    pub last_sequence: u64,
}

impl SeaStore {
    /// How far the log has come.
    pub async fn audit_lag(&self) -> Result<AuditLag, PortError> {
        let last = self.last_leaf().await?;
        let waiting = Statement::from_string(self.backend(), WAITING);
        let waiting = self
            .read("audit.lag", |db| Waiting::find_by_statement(waiting).one(db))
            .await?;
        Ok(AuditLag {
            pending: waiting
                .as_ref()
                .and_then(|row| u64::try_from(row.n).ok())
                .unwrap_or_default(),
            oldest_pending: waiting.and_then(|row| row.oldest).map(Timestamp::from_micros),
            last_sequence: last
                .and_then(|leaf| u64::try_from(leaf.seq).ok())
                .unwrap_or_default(),
        })
    }

    async fn last_leaf(&self) -> Result<Option<audit_leaf::Model>, PortError> {
        let query = audit_leaf::Entity::find().order_by_desc(audit_leaf::Column::Seq);
        self.read("audit.head", |db| query.one(db)).await
    }

    async fn count(&self, op: &'static str, statement: Statement) -> Result<u64, PortError> {
        let found = self
            .read(op, |db| Count::find_by_statement(statement).one(db))
            .await?;
        Ok(found
            .and_then(|row| u64::try_from(row.n).ok())
            .unwrap_or_default())
    }

    pub(super) async fn records(&self, rows: Vec<audit_intake::Model>) -> Result<Vec<Record>, PortError> {
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let mut subjects = self.subjects(&ids).await?;
        let query = audit_leaf::Entity::find().filter(audit_leaf::Column::EventId.is_in(ids));
        let leaves = self.read("audit.leaves_of", |db| query.all(db)).await?;
        let mut leaves: HashMap<Uuid, _> = leaves.into_iter().map(|leaf| (leaf.event_id, leaf)).collect();
        let mut records = Vec::with_capacity(rows.len());
        for row in rows {
            let leaf = leaves.remove(&row.id).as_ref().map(shown_leaf);
            let people = subjects.remove(&row.id).unwrap_or_default();
            records.push(Record {
                intake: intake_of(row, people),
                leaf,
                erased: Vec::new(),
            });
        }
        self.note_erased(&mut records).await?;
        Ok(records)
    }

    /// Tells which private parts are under keys that were destroyed; no key is unwrapped for it.
    async fn note_erased(&self, records: &mut [Record]) -> Result<(), PortError> {
        let parts = records.iter().flat_map(|record| &record.intake.parts);
        let named: HashSet<KeyId> = parts.filter_map(|part| key_named_by(&part.ciphertext)).collect();
        if named.is_empty() {
            return Ok(());
        }
        let destroyed = crypto_keys::Entity::find()
            .select_only()
            .column(crypto_keys::Column::Id)
            .filter(crypto_keys::Column::Id.is_in(named.iter().map(KeyId::as_uuid)))
            .filter(crypto_keys::Column::State.eq(KeyState::Destroyed.as_str()))
            .into_tuple();
        let destroyed: Vec<Uuid> = self.read("audit.erased", |db| destroyed.all(db)).await?;
        for record in records {
            let is_erased = |part: &&SealedPart| {
                key_named_by(&part.ciphertext).is_some_and(|id| destroyed.contains(&id.as_uuid()))
            };
            let parts = record.intake.parts.iter().filter(is_erased);
            record.erased = parts.map(|part| part.name.clone()).collect();
        }
        Ok(())
    }

    async fn subjects(&self, events: &[Uuid]) -> Result<HashMap<Uuid, Vec<Uuid>>, PortError> {
        let mut subjects: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        for chunk in events.chunks(500) {
            let query = audit_subject_ref::Entity::find()
                .filter(audit_subject_ref::Column::EventId.is_in(chunk.to_vec()));
            for row in self.read("audit.subjects", |db| query.all(db)).await? {
                subjects.entry(row.event_id).or_default().push(row.subject_id);
            }
        }
        Ok(subjects)
    }
}
