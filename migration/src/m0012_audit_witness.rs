//! What witnesses have cosigned of the audit log's checkpoints.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// `note` is the signed checkpoint that was submitted, since not every checkpoint is kept in `audit_checkpoint`. `witness` and `key_id` are what the line says of its key; `audit_cosignature_witness` finds the last one of a key.
const UP: &str = "
CREATE TABLE audit_cosignature (
    size BIGINT NOT NULL CHECK (size >= 0),
    witness TEXT NOT NULL,
    key_id BIGINT NOT NULL,
    note TEXT NOT NULL,
    line TEXT NOT NULL,
    cosigned_at BIGINT NOT NULL,
    PRIMARY KEY (size, witness, key_id)
);
CREATE INDEX audit_cosignature_witness ON audit_cosignature (witness, key_id, size);
";

const DOWN: &str = "
DROP TABLE audit_cosignature;
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await?;
        dialect::make_append_only(manager, "audit_cosignature").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}
