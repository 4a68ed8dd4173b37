//! Places in the log, given after the commit by the holder of a lease.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryResult, Statement, Value};
use uuid::Uuid;
use vutf_audit::{
    Cursor, Leaf, Pending, SEQUENCER_LEASE, SequencerStore, SequencerTx, SignedCheckpoint, Standing,
    TreeNode,
    merkle::{Hash, TileId},
};
use vutf_kernel::{EventId, Lease, PortError};

use super::{bulk, leaf_of, leaf_row, tree, voucher::voucher};
use crate::{SeaStore, entity::audit_leaf, error::port, tx::Tx};

/// Rows in one INSERT of SQLite: 6 parameters each, far below the 32,766 that it allows.
const INSERT_ROWS: usize = 500;

/// SQLite: one writer, so rows become visible in the order of `ord`.
const PENDING_SQLITE: &str =
    "SELECT xid, ord, id, body, mac FROM audit_intake WHERE ord > $1 ORDER BY ord LIMIT $2";

/// PostgreSQL: a row may be placed once every transaction with a smaller id has ended, or one with a smaller cursor could
/// still appear behind the head. Restored rows may lie beyond the head although they have their place, once this cluster has
/// caught up with their transaction ids.
///
/// `OFFSET 0` keeps the planner from making a join of it, which would read the whole log for each batch; the limit follows as
/// text, so that it knows how few rows are wanted.
const PENDING: &str = "SELECT i.xid, i.ord, i.id, i.body, i.mac FROM audit_intake i \
     WHERE (i.xid, i.ord) > ($1, $2) AND i.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint \
     AND NOT EXISTS (SELECT 1 FROM audit_leaf l WHERE l.event_id = i.id OFFSET 0) ORDER BY i.xid, i.ord LIMIT";

/// After a restore from a dump of another cluster, cursors of old and new rows cannot be compared: look for rows without a leaf
/// instead.
const PENDING_RESTORED: &str = "SELECT i.xid, i.ord, i.id, i.body, i.mac FROM audit_intake i \
     WHERE (i.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint \
         OR i.xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint) \
     AND NOT EXISTS (SELECT 1 FROM audit_leaf l WHERE l.event_id = i.id) ORDER BY i.xid, i.ord LIMIT $1";

/// The last leaf with its event's row; one row of NULLs while the log is empty. `vouched`: whoever empties the MAC of that row
/// alone does not make the log look like one from before there were keys. `restored`: whether rows carry transaction ids
/// that this cluster has not given out, so that they came from a dump of another one. The largest id is looked up in the index:
/// to ask for any row beyond reads the table, as there is none.
const END: &str = "SELECT l.seq, l.event_id, l.leaf_hash, l.chain, l.xid, l.ord, \
     i.xid AS intake_xid, i.ord AS intake_ord, length(i.mac) > 0 OR EXISTS (SELECT 1 FROM audit_leaf v \
         JOIN audit_intake w ON w.id = v.event_id WHERE length(w.mac) > 0) AS vouched, \
     CASE WHEN (SELECT n.xid FROM audit_intake n ORDER BY n.xid DESC, n.ord DESC LIMIT 1) \
         >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint THEN 1 ELSE 0 END AS restored \
     FROM (SELECT 1 AS one) AS always \
     LEFT JOIN (SELECT * FROM audit_leaf ORDER BY seq DESC LIMIT 1) AS l ON TRUE \
     LEFT JOIN audit_intake i ON i.id = l.event_id";

const END_SQLITE: &str = "SELECT l.seq, l.event_id, l.leaf_hash, l.chain, l.xid, l.ord, \
     i.xid AS intake_xid, i.ord AS intake_ord, length(i.mac) > 0 OR EXISTS (SELECT 1 FROM audit_leaf v \
         JOIN audit_intake w ON w.id = v.event_id WHERE length(w.mac) > 0) AS vouched, 0 AS restored \
     FROM (SELECT 1 AS one) AS always \
     LEFT JOIN (SELECT * FROM audit_leaf ORDER BY seq DESC LIMIT 1) AS l ON TRUE \
     LEFT JOIN audit_intake i ON i.id = l.event_id";

const STANDING: &str = "SELECT i.xid AS intake_xid, i.ord AS intake_ord, length(i.mac) > 0 OR EXISTS (SELECT 1 FROM audit_leaf v \
         JOIN audit_intake w ON w.id = v.event_id WHERE length(w.mac) > 0) AS vouched FROM audit_intake i WHERE i.id = $1";

/// The end of the log, read once a transaction: the lease's row is locked, so that nobody else appends.
#[derive(Clone, Debug)]
pub(crate) struct End {
    head: Option<Leaf>,
    /// Of the head's event.
    standing: Option<Standing>,
    restored: bool,
}

#[derive(FromQueryResult)]
struct PendingRow {
    xid: i64,
    ord: i64,
    id: Uuid,
    body: Vec<u8>,
    mac: Vec<u8>,
}

#[async_trait]
impl SequencerStore for SeaStore {
    async fn begin(&self, lease: &Lease) -> Result<Box<dyn SequencerTx>, PortError> {
        let tx = self.begin_tx().await?;
        tx.fence(SEQUENCER_LEASE, lease).await?;
        Ok(Box::new(tx))
    }
}

#[async_trait]
impl SequencerTx for Tx {
    async fn head(&mut self) -> Result<Option<Leaf>, PortError> {
        Ok(self.end().await?.head)
    }

    async fn standing(&mut self, event: EventId) -> Result<Option<Standing>, PortError> {
        let end = self.end().await?;
        let of_head = end.head.as_ref().is_some_and(|head| head.event_id == event);
        if of_head {
            return Ok(end.standing);
        }
        let statement = Statement::from_sql_and_values(self.backend, STANDING, [event.as_uuid().into()]);
        let found = self.db.query_one_raw(statement).await;
        let Some(row) = found.map_err(port("audit.standing"))? else {
            return Ok(None);
        };
        Ok(StandingRow::from_query_result(&row, "")
            .map_err(port("audit.standing"))?
            .standing())
    }

    async fn pending(&mut self, limit: u32) -> Result<Vec<Pending>, PortError> {
        let end = self.end().await?;
        let after = end.head.map_or(Cursor { xid: -1, ord: -1 }, |leaf| leaf.cursor);
        let (sql, values): (String, Vec<Value>) = match (self.backend, end.restored) {
            (DbBackend::Postgres, true) => (PENDING_RESTORED.into(), vec![i64::from(limit).into()]),
            (DbBackend::Postgres, false) => {
                let sql = format!("{PENDING} {limit}");
                (sql, vec![after.xid.into(), after.ord.into()])
            }
            _ => (
                PENDING_SQLITE.into(),
                vec![after.ord.into(), i64::from(limit).into()],
            ),
        };
        let statement = Statement::from_sql_and_values(self.backend, sql, values);
        let rows = PendingRow::find_by_statement(statement)
            .all(&self.db)
            .await
            .map_err(port("audit.pending"))?;
        rows.into_iter().map(|row| self.pending_of(row)).collect()
    }

    async fn tile(&mut self, id: TileId) -> Result<Vec<Hash>, PortError> {
        tree::tile(&self.db, id).await.map_err(port("audit.tile"))
    }

    async fn latest(&mut self) -> Result<Option<SignedCheckpoint>, PortError> {
        tree::latest(&self.db).await.map_err(port("audit.latest"))
    }

    async fn publish(&mut self, checkpoint: &SignedCheckpoint, keep: bool) -> Result<(), PortError> {
        self.put_checkpoint(checkpoint, keep).await
    }

    async fn append(&mut self, leaves: &[Leaf], nodes: &[TreeNode]) -> Result<(), PortError> {
        self.end = None;
        if self.backend == DbBackend::Postgres {
            self.db
                .execute_raw(bulk::place(leaves))
                .await
                .map_err(port("audit.place"))?;
            return self.add_nodes(nodes).await;
        }
        for rows in leaves.chunks(INSERT_ROWS) {
            audit_leaf::Entity::insert_many(rows.iter().map(leaf_row))
                .exec_without_returning(&self.db)
                .await
                .map_err(port("audit.place"))?;
        }
        self.add_nodes(nodes).await
    }
}

impl Tx {
    fn pending_of(&self, row: PendingRow) -> Result<Pending, PortError> {
        let voucher = voucher(&self.keyring, row.id, &row.body, &row.mac)?;
        Ok(Pending {
            event_id: EventId::from_uuid(row.id),
            body: row.body,
            cursor: Cursor {
                xid: row.xid,
                ord: row.ord,
            },
            voucher,
        })
    }

    async fn end(&mut self) -> Result<End, PortError> {
        if let Some(end) = &self.end {
            return Ok(end.clone());
        }
        let sql = match self.backend {
            DbBackend::Postgres => END,
            _ => END_SQLITE,
        };
        let row = self
            .db
            .query_one_raw(Statement::from_string(self.backend, sql))
            .await
            .map_err(port("audit.head"))?;
        let end = row.as_ref().map_or(Ok(End::EMPTY), End::read)?;
        self.end = Some(end.clone());
        Ok(end)
    }
}

impl End {
    const EMPTY: Self = Self {
        head: None,
        standing: None,
        restored: false,
    };

    fn read(row: &QueryResult) -> Result<Self, PortError> {
        let restored: i32 = row.try_get("", "restored").map_err(port("audit.head"))?;
        let seq: Option<i64> = row.try_get("", "seq").map_err(port("audit.head"))?;
        let mut end = Self {
            restored: restored != 0,
            ..Self::EMPTY
        };
        if seq.is_some() {
            let leaf = audit_leaf::Model::from_query_result(row, "").map_err(port("audit.head"))?;
            end.head = Some(leaf_of(&leaf)?);
            let found = StandingRow::from_query_result(row, "").map_err(port("audit.standing"))?;
            end.standing = found.standing();
        }
        Ok(end)
    }
}

#[derive(FromQueryResult)]
struct StandingRow {
    intake_xid: Option<i64>,
    intake_ord: Option<i64>,
    vouched: Option<bool>,
}

impl StandingRow {
    /// `None`: there is no such row.
    fn standing(&self) -> Option<Standing> {
        let cursor = Cursor {
            xid: self.intake_xid?,
            ord: self.intake_ord?,
        };
        let vouched = self.vouched.unwrap_or_default();
        Some(Standing { cursor, vouched })
    }
}
