//! What stands beside the log: rows that belong to no entry, and what the database itself does against changes.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use uuid::Uuid;
use vutf_audit::{FindingKind, Leaf, Misfit, PATIENCE, Protection, Strays, Voucher};
use vutf_kernel::{EventId, PortError};

use super::voucher::{has_key, voucher};
use crate::SeaStore;

const TABLES: [&str; 5] = [
    "audit_intake",
    "audit_subject_ref",
    "audit_leaf",
    "audit_node",
    "audit_checkpoint",
];

/// What else is only ever added to: history that answers lean on beside the log.
const HISTORIES: [&str; 11] = [
    "audit_cosignature",
    "audit_finding_changes",
    "audit_findings",
    "erasures",
    "key_transitions",
    "audit_hold",
    "audit_hold_release",
    "audit_prune_run",
    "audit_prune_end",
    "audit_prune_batch",
    "audit_pruned",
];

const PASSED_OVER_SQLITE: &str = "SELECT i.id AS id FROM audit_intake i \
     WHERE NOT EXISTS (SELECT 1 FROM audit_leaf l WHERE l.event_id = i.id) AND (i.ord < $1 \
     OR i.occurred_at < (SELECT h.occurred_at FROM audit_intake h WHERE h.id = $2) - $3) ORDER BY i.ord LIMIT 1";

/// A head with a transaction id that this cluster has not given out was restored: its cursor says nothing about new rows.
const PASSED_OVER: &str = "SELECT i.id AS id FROM audit_intake i \
     WHERE NOT EXISTS (SELECT 1 FROM audit_leaf l WHERE l.event_id = i.id) AND (((i.xid, i.ord) < ($4, $1) \
         AND $4 < pg_snapshot_xmax(pg_current_snapshot())::text::bigint) \
     OR i.occurred_at < (SELECT h.occurred_at FROM audit_intake h WHERE h.id = $2) - $3) ORDER BY i.xid, i.ord LIMIT 1";

const ORPHAN: &str = "SELECT r.event_id AS id FROM audit_subject_ref r \
     WHERE NOT EXISTS (SELECT 1 FROM audit_intake i WHERE i.id = r.event_id) LIMIT 1";

/// Far more than wait for a place at any moment while a sequencer works.
const WAITING: &str = "SELECT i.id AS id, i.body AS body, i.mac AS mac FROM audit_intake i \
     WHERE NOT EXISTS (SELECT 1 FROM audit_leaf l WHERE l.event_id = i.id) ORDER BY i.xid DESC, i.ord DESC LIMIT 1000";

/// Rows that nothing reads, since no tree has such nodes and checkpoints.
const OUTSIDE_TREE: &str = "SELECT 'audit_node' AS name FROM audit_node WHERE level < 1 OR level > 7 OR node_index < 0 \
     UNION ALL SELECT 'audit_checkpoint' FROM audit_checkpoint WHERE size < 1 \
     UNION ALL SELECT 'audit_latest' FROM audit_latest WHERE id <> 1 LIMIT 1";

const PRESENT_SQLITE: &str = "SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger')";

/// `O` and `A`: fires in an ordinary session.
const PRESENT: &str = "WITH guarded AS (SELECT to_regclass(name) AS oid FROM (VALUES ('audit_intake'), ('audit_subject_ref'), \
         ('audit_leaf'), ('audit_node'), ('audit_checkpoint'), ('audit_cosignature'), \
         ('audit_finding_changes'), ('audit_findings'), ('erasures'), ('key_transitions'), ('audit_hold'), \
         ('audit_hold_release'), ('audit_prune_run'), ('audit_prune_end'), ('audit_prune_batch'), ('audit_pruned')) AS names (name)) \
     SELECT relname::text AS name FROM pg_class WHERE oid IN (SELECT oid FROM guarded) AND relkind IN ('r', 'p') \
     UNION ALL SELECT tgname::text FROM pg_trigger \
     WHERE tgrelid IN (SELECT oid FROM guarded) AND tgenabled IN ('O', 'A')";

/// Triggers that a partition of the intake lacks. The one for each row is a copy of the parent's and has its name; the one for
/// each statement is made with the partition.
const BARE_PARTITIONS: &str = "SELECT c.relname::text || ': ' || wanted.name AS name FROM pg_inherits i \
     JOIN pg_class c ON c.oid = i.inhrelid \
     CROSS JOIN LATERAL (VALUES ('audit_intake_append_only'), (c.relname::text || '_no_truncate')) AS wanted (name) \
     WHERE i.inhparent = to_regclass('audit_intake') AND NOT EXISTS (SELECT 1 FROM pg_trigger t \
         WHERE t.tgrelid = c.oid AND t.tgname = wanted.name AND t.tgenabled IN ('O', 'A')) ORDER BY 1";

impl SeaStore {
    pub(super) async fn log_strays(&self, head: Option<&Leaf>) -> Result<Strays, PortError> {
        Ok(Strays {
            passed_over: match head {
                Some(head) => self.passed_over(head).await?,
                None => None,
            },
            orphan_reference: self.first_id("audit.orphans", ORPHAN, vec![]).await?,
            forged: self.forged(head).await?,
            outside_tree: self.outside_tree().await?,
        })
    }

    async fn passed_over(&self, head: &Leaf) -> Result<Option<EventId>, PortError> {
        let patience = i64::try_from(PATIENCE.as_micros()).unwrap_or(i64::MAX);
        let mut values: Vec<Value> = vec![
            head.cursor.ord.into(),
            head.event_id.as_uuid().into(),
            patience.into(),
        ];
        let sql = if self.backend() == DbBackend::Postgres {
            values.push(head.cursor.xid.into());
            PASSED_OVER
        } else {
            PASSED_OVER_SQLITE
        };
        self.first_id("audit.passed_over", sql, values).await
    }

    /// Among the events that wait for their place; none where no key is loaded, or the log has not begun.
    async fn forged(&self, head: Option<&Leaf>) -> Result<Option<EventId>, PortError> {
        if head.is_none() || !has_key(&self.inner.keyring) {
            return Ok(None);
        }
        let statement = Statement::from_string(self.backend(), WAITING);
        let rows = self
            .read("audit.waiting", |db| db.query_all_raw(statement))
            .await?;
        let mut forged = rows.iter().filter(|row| {
            let read = |column| row.try_get::<Vec<u8>>("", column).unwrap_or_default();
            let id = row.try_get("", "id").unwrap_or(Uuid::nil());
            voucher(&self.inner.keyring, id, &read("body"), &read("mac")).ok() != Some(Voucher::Service)
        });
        let first = forged.next();
        Ok(first.map(|row| EventId::from_uuid(row.try_get("", "id").unwrap_or(Uuid::nil()))))
    }

    async fn outside_tree(&self) -> Result<Option<Misfit>, PortError> {
        let statement = Statement::from_string(self.backend(), OUTSIDE_TREE);
        let found = self.read("audit.tree", |db| db.query_one_raw(statement)).await?;
        Ok(found.map(|row| {
            let table: String = row.try_get("", "name").unwrap_or_default();
            let kind = if table == "audit_node" {
                FindingKind::NodeChanged
            } else {
                FindingKind::CheckpointChanged
            };
            Misfit::new(kind, format!("{table} has a row that is none of the log's tree"))
        }))
    }

    async fn first_id(
        &self,
        op: &'static str,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Option<EventId>, PortError> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let found = self.read(op, |db| db.query_one_raw(statement)).await?;
        // An id that is none is a stray all the same.
        Ok(found.map(|row| EventId::from_uuid(row.try_get("", "id").unwrap_or(Uuid::nil()))))
    }

    pub(super) async fn log_protection(&self) -> Result<Protection, PortError> {
        let (sql, kinds) = match self.backend() {
            DbBackend::Postgres => (PRESENT, ["append_only", "no_truncate"]),
            _ => (PRESENT_SQLITE, ["no_update", "no_delete"]),
        };
        let statement = Statement::from_string(self.backend(), sql);
        let rows = self
            .read("audit.protection", |db| db.query_all_raw(statement))
            .await?;
        let present: HashSet<String> = rows
            .iter()
            .filter_map(|row| row.try_get("", "name").ok())
            .collect();
        let missing = |name: &String| !present.contains(name);
        let triggers = TABLES
            .iter()
            .chain(&HISTORIES)
            .flat_map(|table| kinds.map(|kind| format!("{table}_{kind}")));
        let mut missing_triggers: Vec<String> = triggers.filter(missing).collect();
        missing_triggers.extend(self.bare_partitions().await?);
        Ok(Protection {
            missing_tables: TABLES.map(str::to_owned).into_iter().filter(missing).collect(),
            missing_triggers,
        })
    }

    async fn bare_partitions(&self) -> Result<Vec<String>, PortError> {
        if self.backend() != DbBackend::Postgres {
            return Ok(Vec::new());
        }
        let statement = Statement::from_string(self.backend(), BARE_PARTITIONS);
        let rows = self
            .read("audit.partitions", |db| db.query_all_raw(statement))
            .await?;
        Ok(rows
            .iter()
            .filter_map(|row| row.try_get("", "name").ok())
            .collect())
    }
}
