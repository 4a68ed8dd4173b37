//! The Merkle tree over the audit log: nodes above the leaf hashes, and signed checkpoints.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const APPEND_ONLY: [&str; 2] = ["audit_node", "audit_checkpoint"];

/// Leaf hashes stand in `audit_leaf`; `audit_node` holds the root of each 256 nodes below. `audit_latest` has one row: the newest
/// checkpoint, put in the place of the one before; some of them are kept in `audit_checkpoint`, numbered from 1 without a gap.
const UP: &str = "
CREATE TABLE audit_node (
    level BIGINT NOT NULL,
    node_index BIGINT NOT NULL,
    hash {blob} NOT NULL,
    PRIMARY KEY (level, node_index)
);

CREATE TABLE audit_checkpoint (
    number BIGINT PRIMARY KEY,
    size BIGINT NOT NULL UNIQUE,
    note TEXT NOT NULL,
    signed_at BIGINT NOT NULL
);

CREATE TABLE audit_latest (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    kept BIGINT NOT NULL,
    size BIGINT NOT NULL,
    note TEXT NOT NULL,
    signed_at BIGINT NOT NULL
);
";

const DOWN: &str = "
DROP TABLE audit_latest;
DROP TABLE audit_checkpoint;
DROP TABLE audit_node;
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await?;
        for table in APPEND_ONLY {
            dialect::make_append_only(manager, table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}
