//! Places in the log, given after the commit by the holder of a lease.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryOrder, Statement, Value};
use uuid::Uuid;
use vutf_audit::{
    Cursor, Leaf, Pending, SEQUENCER_LEASE, SequencerStore, SequencerTx, SignedCheckpoint, Standing,
    TreeNode,
    merkle::{Hash, TileId},
};
use vutf_kernel::{EventId, Lease, PortError};

use super::{leaf_of, leaf_row, tree, voucher::voucher};
use crate::{SeaStore, entity::audit_leaf, error::port, tx::Tx};

/// Rows in one INSERT: 6 parameters each, far below the 32,766 that SQLite and the 65,535 that PostgreSQL allow.
const INSERT_ROWS: usize = 500;

/// SQLite: one writer, so rows become visible in the order of `ord`.
const PENDING_SQLITE: &str =
    "SELECT xid, ord, id, body, mac FROM audit_intake WHERE ord > $1 ORDER BY ord LIMIT $2";

/// PostgreSQL: a row may be placed once every transaction with a smaller id has ended, or one with a smaller cursor could
/// still appear behind the head. Restored rows may lie beyond the head although they have their place, once this cluster has
/// caught up with their transaction ids.
const PENDING: &str = "SELECT i.xid, i.ord, i.id, i.body, i.mac FROM audit_intake i \
     WHERE (i.xid, i.ord) > ($1, $2) AND i.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint \
     AND NOT EXISTS (SELECT 1 FROM audit_leaf l WHERE l.event_id = i.id) ORDER BY i.xid, i.ord LIMIT $3";

/// Whether rows carry transaction ids that this cluster has not given out: they were restored from a dump of another one.
const RESTORED: &str = "SELECT 1 AS x FROM audit_intake \
     WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint LIMIT 1";

/// After such a restore cursors of old and new rows cannot be compared: look for rows without a leaf instead.
const PENDING_RESTORED: &str = "SELECT i.xid, i.ord, i.id, i.body, i.mac FROM audit_intake i \
     WHERE (i.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint \
         OR i.xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint) \
     AND NOT EXISTS (SELECT 1 FROM audit_leaf l WHERE l.event_id = i.id) ORDER BY i.xid, i.ord LIMIT $1";

/// Whoever empties the MAC of the head's event alone does not make the log look like one from before there were keys.
const STANDING: &str = "SELECT i.xid, i.ord, length(i.mac) > 0 OR EXISTS (SELECT 1 FROM audit_leaf l \
     JOIN audit_intake v ON v.id = l.event_id WHERE length(v.mac) > 0) AS vouched FROM audit_intake i WHERE i.id = $1";

#[derive(FromQueryResult)]
struct StandingRow {
    xid: i64,
    ord: i64,
    vouched: bool,
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
        last_leaf(&self.db).await
    }

    async fn standing(&mut self, event: EventId) -> Result<Option<Standing>, PortError> {
        let statement = Statement::from_sql_and_values(self.backend, STANDING, [event.as_uuid().into()]);
        let found = StandingRow::find_by_statement(statement).one(&self.db).await;
        let found = found.map_err(port("audit.standing"))?;
        Ok(found.map(|StandingRow { xid, ord, vouched }| Standing {
            cursor: Cursor { xid, ord },
            vouched,
        }))
    }

    async fn pending(&mut self, limit: u32) -> Result<Vec<Pending>, PortError> {
        let limit = i64::from(limit);
        let statement =
            |sql: &str, values: Vec<Value>| Statement::from_sql_and_values(self.backend, sql, values);
        let statement = if self.backend == DbBackend::Postgres && self.was_restored().await? {
            statement(PENDING_RESTORED, vec![limit.into()])
        } else {
            let head = last_leaf(&self.db).await?;
            let after = head.map_or(Cursor { xid: -1, ord: -1 }, |leaf| leaf.cursor);
            match self.backend {
                DbBackend::Postgres => {
                    statement(PENDING, vec![after.xid.into(), after.ord.into(), limit.into()])
                }
                _ => statement(PENDING_SQLITE, vec![after.ord.into(), limit.into()]),
            }
        };
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

    async fn was_restored(&self) -> Result<bool, PortError> {
        let statement = Statement::from_string(self.backend, RESTORED);
        self.db
            .query_one_raw(statement)
            .await
            .map(|row| row.is_some())
            .map_err(port("audit.restored"))
    }
}

async fn last_leaf(db: &impl ConnectionTrait) -> Result<Option<Leaf>, PortError> {
    let last = audit_leaf::Entity::find()
        .order_by_desc(audit_leaf::Column::Seq)
        .one(db)
        .await
        .map_err(port("audit.head"))?;
    last.as_ref().map(leaf_of).transpose()
}
