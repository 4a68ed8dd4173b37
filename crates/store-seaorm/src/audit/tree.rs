//! The Merkle tree over the log: its nodes and its checkpoints.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::OnConflict,
};
use vutf_audit::{
    SignedCheckpoint, TreeNode, TreeReader,
    merkle::{Hash, TILE_WIDTH, TileId},
};
use vutf_kernel::{PortError, Timestamp};

use crate::{
    SeaStore,
    entity::{audit_checkpoint, audit_latest, audit_leaf, audit_node},
    error::port,
    tx::Tx,
};

/// Rows in one INSERT: 3 parameters each.
const INSERT_ROWS: usize = 500;

/// `audit_latest` has this row alone.
const ONLY: i64 = 1;

#[async_trait]
impl TreeReader for SeaStore {
    async fn tile(&self, id: TileId) -> Result<Vec<Hash>, PortError> {
        self.read("audit.tile", |db| tile(db, id)).await
    }

    async fn latest(&self) -> Result<Option<SignedCheckpoint>, PortError> {
        let query = audit_latest::Entity::find_by_id(ONLY);
        let row = self.read("audit.latest", |db| query.one(db)).await?;
        Ok(row.map(|row| signed(row.size, row.note, row.signed_at, row.kept)))
    }

    async fn checkpoints(&self, from_size: u64, limit: u32) -> Result<Vec<SignedCheckpoint>, PortError> {
        let query = audit_checkpoint::Entity::find()
            .filter(audit_checkpoint::Column::Size.gte(stored(from_size)))
            .order_by_asc(audit_checkpoint::Column::Size)
            .limit(u64::from(limit));
        let rows = self.read("audit.checkpoints", |db| query.all(db)).await?;
        let rows = rows.into_iter();
        Ok(rows
            .map(|row| signed(row.size, row.note, row.signed_at, row.number))
            .collect())
    }

    async fn nodes(&self, level: u8, from_index: u64, limit: u32) -> Result<Vec<TreeNode>, PortError> {
        let query = audit_node::Entity::find()
            .filter(audit_node::Column::Level.eq(i64::from(level)))
            .filter(audit_node::Column::NodeIndex.gte(stored(from_index)))
            .order_by_asc(audit_node::Column::NodeIndex)
            .limit(u64::from(limit));
        let rows = self.read("audit.nodes", |db| query.all(db)).await?;
        let node = |row: audit_node::Model| TreeNode {
            level,
            index: read(row.node_index),
            hash: shown(&row.hash),
        };
        Ok(rows.into_iter().map(node).collect())
    }
}

/// The hashes of a tile from the left. What lies behind a gap has no place in it.
///
/// There are no more rows than the limit. It is for the planner: without fresh statistics PostgreSQL expects a two-hundredth of the table
/// between two bounds, and of a large one would rather compile a plan for all of that than walk the index.
pub(super) async fn tile(db: &impl ConnectionTrait, id: TileId) -> Result<Vec<Hash>, sea_orm::DbErr> {
    let first = stored(id.index.saturating_mul(TILE_WIDTH));
    let beyond = first.saturating_add(stored(TILE_WIDTH));
    let rows: Vec<(i64, Vec<u8>)> = if id.level == 0 {
        audit_leaf::Entity::find()
            .select_only()
            .columns([audit_leaf::Column::Seq, audit_leaf::Column::LeafHash])
            .filter(audit_leaf::Column::Seq.gte(first))
            .filter(audit_leaf::Column::Seq.lt(beyond))
            .order_by_asc(audit_leaf::Column::Seq)
            .limit(TILE_WIDTH)
            .into_tuple()
            .all(db)
            .await?
    } else {
        audit_node::Entity::find()
            .select_only()
            .columns([audit_node::Column::NodeIndex, audit_node::Column::Hash])
            .filter(audit_node::Column::Level.eq(i64::from(id.level)))
            .filter(audit_node::Column::NodeIndex.gte(first))
            .filter(audit_node::Column::NodeIndex.lt(beyond))
            .order_by_asc(audit_node::Column::NodeIndex)
            .limit(TILE_WIDTH)
            .into_tuple()
            .all(db)
            .await?
    };
    let dense = (first..)
        .zip(rows)
        .take_while(|(wanted, (index, _))| wanted == index);
    Ok(dense.map(|(_, (_, hash))| shown(&hash)).collect())
}

pub(super) async fn latest(db: &impl ConnectionTrait) -> Result<Option<SignedCheckpoint>, sea_orm::DbErr> {
    let row = audit_latest::Entity::find_by_id(ONLY).one(db).await?;
    Ok(row.map(|row| signed(row.size, row.note, row.signed_at, row.kept)))
}

impl SeaStore {
    /// Forgets the newest checkpoint if it is of more than `size` entries: an operator has accepted a shorter log.
    pub async fn forget_checkpoint_beyond(&self, size: u64) -> Result<(), PortError> {
        let statement =
            audit_latest::Entity::delete_many().filter(audit_latest::Column::Size.gt(stored(size)));
        self.write("audit.forget_checkpoint", |db| statement.exec(db))
            .await?;
        Ok(())
    }
}

impl Tx {
    pub(super) async fn add_nodes(&self, nodes: &[TreeNode]) -> Result<(), PortError> {
        for rows in nodes.chunks(INSERT_ROWS) {
            let rows = rows.iter().map(|node| audit_node::ActiveModel {
                level: Set(i64::from(node.level)),
                node_index: Set(stored(node.index)),
                hash: Set(node.hash.to_vec()),
            });
            audit_node::Entity::insert_many(rows)
                .exec_without_returning(&self.db)
                .await
                .map_err(port("audit.nodes"))?;
        }
        Ok(())
    }

    pub(super) async fn put_checkpoint(
        &self,
        checkpoint: &SignedCheckpoint,
        keep: bool,
    ) -> Result<(), PortError> {
        let newest = audit_latest::ActiveModel {
            id: Set(ONLY),
            kept: Set(stored(checkpoint.kept)),
            size: Set(stored(checkpoint.size)),
            note: Set(checkpoint.note.clone()),
            signed_at: Set(checkpoint.signed_at.as_micros()),
        };
        let columns = [
            audit_latest::Column::Kept,
            audit_latest::Column::Size,
            audit_latest::Column::Note,
            audit_latest::Column::SignedAt,
        ];
        audit_latest::Entity::insert(newest)
            .on_conflict(
                OnConflict::column(audit_latest::Column::Id)
                    .update_columns(columns)
                    .to_owned(),
            )
            .exec_without_returning(&self.db)
            .await
            .map_err(port("audit.latest"))?;
        if keep {
            let kept = audit_checkpoint::ActiveModel {
                number: Set(stored(checkpoint.kept)),
                size: Set(stored(checkpoint.size)),
                note: Set(checkpoint.note.clone()),
                signed_at: Set(checkpoint.signed_at.as_micros()),
            };
            // One of that size or number is there only if the log was cut off and the new end accepted: it stays, and verification tells.
            audit_checkpoint::Entity::insert(kept)
                .on_conflict(OnConflict::new().do_nothing().to_owned())
                .exec_without_returning(&self.db)
                .await
                .map_err(port("audit.checkpoint"))?;
        }
        Ok(())
    }
}

fn signed(size: i64, note: String, signed_at: i64, kept: i64) -> SignedCheckpoint {
    SignedCheckpoint {
        size: read(size),
        note,
        signed_at: Timestamp::from_micros(signed_at),
        kept: read(kept),
    }
}

/// A number that no row can have is beyond all that there are.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn read(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// What is no hash fits nothing: verification names its place.
fn shown(bytes: &[u8]) -> Hash {
    bytes.try_into().unwrap_or([0; 32])
}
