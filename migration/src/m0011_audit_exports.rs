//! How far each sink of the audit log has come.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// `seq` and `chain` are the resume token: both, or neither before the first acknowledgement.
const UP: &str = "
CREATE TABLE audit_exports (
    sink TEXT PRIMARY KEY,
    seq BIGINT CHECK (seq >= 0),
    chain {blob},
    format TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    problem TEXT,
    CHECK ((seq IS NULL) = (chain IS NULL))
);
";

const DOWN: &str = "
DROP TABLE audit_exports;
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}
