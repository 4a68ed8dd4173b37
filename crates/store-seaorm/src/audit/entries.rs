//! The log in its own order, read row by row: what cannot be read is told with the entry's number, since that is what
//! verification is asked for.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QueryResult, QuerySelect, QueryTrait, Select, Statement,
};
use uuid::Uuid;
use vutf_audit::{Cursor, FindingKind, Leaf, LogEntry, Misfit, Voucher, leaf_hash};
use vutf_crypto_keys::Keyring;
use vutf_kernel::{EventId, PortError};

use super::{
    intake_of, shown_leaf,
    voucher::{has_key, voucher},
};
use crate::{
    SeaStore,
    entity::{audit_intake, audit_leaf, audit_subject_ref},
};

/// SQLite keeps a value of any type in any column, and reads text as bytes: what was written otherwise is not what was written.
const MISTYPED: &str = "SELECT l.seq AS seq FROM audit_leaf l LEFT JOIN audit_intake i ON i.id = l.event_id \
     WHERE l.seq BETWEEN $1 AND $2 AND NOT (typeof(l.event_id) = 'blob' AND typeof(l.leaf_hash) = 'blob' \
     AND typeof(l.chain) = 'blob' AND typeof(l.xid) = 'integer' AND typeof(l.ord) = 'integer' AND (i.id IS NULL OR (\
     typeof(i.xid) = 'integer' AND typeof(i.occurred_at) = 'integer' AND typeof(i.organization_id) = 'blob' \
     AND typeof(i.request_id) = 'text' AND typeof(i.actor_kind) = 'text' AND typeof(i.actor_id) IN ('blob', 'null') \
     AND typeof(i.action) = 'text' AND typeof(i.resource_kind) = 'text' AND typeof(i.resource_id) IN ('blob', 'null') \
     AND typeof(i.outcome) = 'text' AND typeof(i.body) = 'blob' AND typeof(i.parts) = 'blob' AND typeof(i.mac) = 'blob')))";

const VOUCHED_BEFORE: &str = "SELECT 1 AS x FROM audit_leaf l JOIN audit_intake i ON i.id = l.event_id \
     WHERE l.seq < $1 AND length(i.mac) > 0 LIMIT 1";

const PRUNED: &str = "SELECT seq, event_id FROM audit_pruned WHERE seq BETWEEN $1 AND $2";

/// Ids in one query: far below the parameters that SQLite allows.
const IDS: usize = 500;

type Rows<T> = HashMap<Uuid, Result<T, Misfit>>;

/// Whose data an event touched, with the tenant that each reference stands in.
type References = Vec<(Uuid, Uuid)>;

impl SeaStore {
    pub(super) async fn log_entries(&self, from_seq: i64, limit: u32) -> Result<Vec<LogEntry>, PortError> {
        let query = audit_leaf::Entity::find()
            .filter(audit_leaf::Column::Seq.gte(from_seq))
            .order_by_asc(audit_leaf::Column::Seq)
            .limit(u64::from(limit));
        self.with_events(&query).await
    }

    /// The entries of these numbers, in their order; those that are there.
    pub(super) async fn entries_at(&self, seqs: &[i64]) -> Result<Vec<LogEntry>, PortError> {
        let mut entries = Vec::with_capacity(seqs.len());
        for chunk in seqs.chunks(IDS) {
            let query = audit_leaf::Entity::find()
                .filter(audit_leaf::Column::Seq.is_in(chunk.to_vec()))
                .order_by_asc(audit_leaf::Column::Seq);
            entries.extend(self.with_events(&query).await?);
        }
        Ok(entries)
    }

    /// The places of these numbers alone; those that are there.
    pub(super) async fn leaves_at(&self, seqs: &[i64]) -> Result<Vec<Leaf>, PortError> {
        let mut leaves = Vec::with_capacity(seqs.len());
        for chunk in seqs.chunks(IDS) {
            let query = audit_leaf::Entity::find().filter(audit_leaf::Column::Seq.is_in(chunk.to_vec()));
            let rows = self.rows("audit.leaves", &query).await?;
            leaves.extend(rows.iter().map(|row| placed(row).leaf));
        }
        Ok(leaves)
    }

    async fn with_events(&self, query: &Select<audit_leaf::Entity>) -> Result<Vec<LogEntry>, PortError> {
        let mut entries: Vec<LogEntry> = self
            .rows("audit.leaves", query)
            .await?
            .iter()
            .map(placed)
            .collect();
        let ids: Vec<Uuid> = entries
            .iter()
            .map(|entry| entry.leaf.event_id.as_uuid())
            .collect();
        let mut intakes = self.intakes(&ids).await?;
        let mut references = self.references(&ids).await?;
        if has_key(&self.inner.keyring) {
            self.judge_vouchers(&mut entries, &intakes).await?;
        }
        for entry in &mut entries {
            let id = entry.leaf.event_id.as_uuid();
            let people = references.remove(&id).unwrap_or_else(|| Ok(Vec::new()));
            if let (None, Some(row)) = (&entry.misfit, intakes.remove(&id)) {
                fill(entry, row, people);
            }
        }
        self.note_mistyped(&mut entries).await?;
        self.note_pruned(&mut entries).await?;
        Ok(entries)
    }

    async fn note_pruned(&self, entries: &mut [LogEntry]) -> Result<(), PortError> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Ok(());
        };
        let span = [first.leaf.seq.into(), last.leaf.seq.into()];
        let statement = Statement::from_sql_and_values(self.backend(), PRUNED, span);
        let rows = self
            .read("audit.pruned", |db| db.query_all_raw(statement))
            .await?;
        let by: HashMap<i64, Uuid> = rows
            .iter()
            // An id that is none names no event.
            .filter_map(|row| {
                Some((
                    row.try_get("", "seq").ok()?,
                    row.try_get("", "event_id").unwrap_or_default(),
                ))
            })
            .collect();
        for entry in entries {
            entry.pruned = by.get(&entry.leaf.seq).copied().map(EventId::from_uuid);
        }
        Ok(())
    }

    /// A MAC that is none of the row, and none where an earlier entry has one: only the first keys were made without.
    async fn judge_vouchers(
        &self,
        entries: &mut [LogEntry],
        intakes: &Rows<audit_intake::Model>,
    ) -> Result<(), PortError> {
        let mut vouched = false;
        for entry in entries.iter_mut().filter(|entry| entry.misfit.is_none()) {
            let Some(Ok(row)) = intakes.get(&entry.leaf.event_id.as_uuid()) else {
                continue;
            };
            let detail = if row.mac.is_empty() {
                vouched = vouched || self.is_vouched_before(entry.leaf.seq).await?;
                vouched.then_some("its MAC is gone")
            } else {
                vouched = true;
                is_forged(&self.inner.keyring, &entry.leaf, row).then_some("its MAC is not that of the body")
            };
            entry.misfit = detail.map(|detail| Misfit::new(FindingKind::ColumnChanged, detail));
        }
        Ok(())
    }

    async fn is_vouched_before(&self, seq: i64) -> Result<bool, PortError> {
        let statement = Statement::from_sql_and_values(self.backend(), VOUCHED_BEFORE, [seq.into()]);
        let found = self
            .read("audit.vouched", |db| db.query_one_raw(statement))
            .await?;
        Ok(found.is_some())
    }

    async fn intakes(&self, ids: &[Uuid]) -> Result<Rows<audit_intake::Model>, PortError> {
        let mut intakes = HashMap::with_capacity(ids.len());
        for chunk in ids.chunks(IDS) {
            let query = audit_intake::Entity::find().filter(audit_intake::Column::Id.is_in(chunk.to_vec()));
            for row in self.rows("audit.intakes", &query).await? {
                if let Ok(id) = row.try_get::<Uuid>("", "id") {
                    let read = audit_intake::Model::from_query_result(&row, "");
                    intakes.insert(id, read.map_err(|_| unreadable("audit_intake")));
                }
            }
        }
        Ok(intakes)
    }

    async fn references(&self, ids: &[Uuid]) -> Result<Rows<References>, PortError> {
        let mut references: Rows<References> = HashMap::new();
        for chunk in ids.chunks(IDS) {
            let query = audit_subject_ref::Entity::find()
                .filter(audit_subject_ref::Column::EventId.is_in(chunk.to_vec()));
            for row in self.rows("audit.subjects", &query).await? {
                let Ok(id) = row.try_get::<Uuid>("", "event_id") else {
                    continue;
                };
                let of_event = references.entry(id).or_insert_with(|| Ok(Vec::new()));
                match (
                    audit_subject_ref::Model::from_query_result(&row, ""),
                    &mut *of_event,
                ) {
                    (Ok(row), Ok(people)) => people.push((row.subject_id, row.organization_id)),
                    (Err(_), Ok(_)) => *of_event = Err(unreadable("audit_subject_ref")),
                    (_, Err(_)) => {}
                }
            }
        }
        Ok(references)
    }

    async fn note_mistyped(&self, entries: &mut [LogEntry]) -> Result<(), PortError> {
        let (DbBackend::Sqlite, [first, ..]) = (self.backend(), &*entries) else {
            return Ok(());
        };
        let from = first.leaf.seq;
        let until = entries.last().map_or(from, |entry| entry.leaf.seq);
        let statement = Statement::from_sql_and_values(self.backend(), MISTYPED, [from.into(), until.into()]);
        let rows = self.read("audit.types", |db| db.query_all_raw(statement)).await?;
        for row in rows {
            let seq: Option<i64> = row.try_get("", "seq").ok();
            let entry = entries.iter_mut().find(|entry| Some(entry.leaf.seq) == seq);
            if let Some(entry) = entry.filter(|entry| entry.misfit.is_none()) {
                let detail = "a column holds a value of another type than was written";
                entry.misfit = Some(Misfit::new(FindingKind::ColumnChanged, detail));
            }
        }
        Ok(())
    }

    async fn rows<E: EntityTrait>(
        &self,
        op: &'static str,
        query: &Select<E>,
    ) -> Result<Vec<QueryResult>, PortError> {
        let statement = query.build(self.backend());
        self.read(op, |db| db.query_all_raw(statement)).await
    }
}

/// Only what the leaf vouches for is judged by its MAC: another body is told as such.
fn is_forged(keyring: &Keyring, leaf: &Leaf, row: &audit_intake::Model) -> bool {
    leaf_hash(&row.body) == leaf.leaf_hash
        && matches!(voucher(keyring, row.id, &row.body, &row.mac), Ok(Voucher::Forged))
}

fn unreadable(table: &str) -> Misfit {
    let detail = format!("the row of {table} holds what no version of this program wrote");
    Misfit::new(FindingKind::ColumnChanged, detail)
}

/// The place alone. One whose number cannot be read lies behind all others: the number that it had is missing then.
fn placed(row: &QueryResult) -> LogEntry {
    let read: Result<audit_leaf::Model, DbErr> = audit_leaf::Model::from_query_result(row, "");
    let (leaf, misfit) = if let Ok(model) = read {
        (shown_leaf(&model), None)
    } else {
        let seq = row.try_get("", "seq").unwrap_or(i64::MAX);
        (nothing_at(seq), Some(unreadable("audit_leaf")))
    };
    LogEntry {
        leaf,
        intake: None,
        pruned: None,
        cursor: None,
        misfit,
    }
}

fn nothing_at(seq: i64) -> Leaf {
    Leaf {
        seq,
        event_id: EventId::from_uuid(Uuid::nil()),
        leaf_hash: [0; 32],
        chain: [0; 32],
        cursor: Cursor { xid: 0, ord: 0 },
    }
}

fn fill(entry: &mut LogEntry, row: Result<audit_intake::Model, Misfit>, people: Result<References, Misfit>) {
    let (row, people) = match (row, people) {
        (Ok(row), Ok(people)) => (row, people),
        (Err(misfit), _) | (_, Err(misfit)) => {
            entry.misfit = Some(misfit);
            return;
        }
    };
    let tenant = row.organization_id;
    if people.iter().any(|(_, organization)| *organization != tenant) {
        let detail = "a subject is named in another tenant than the event's";
        entry.misfit = Some(Misfit::new(FindingKind::SubjectsChanged, detail));
    }
    entry.cursor = Some(Cursor {
        xid: row.xid,
        ord: row.ord,
    });
    entry.intake = Some(intake_of(
        row,
        people.into_iter().map(|(subject, _)| subject).collect(),
    ));
}
