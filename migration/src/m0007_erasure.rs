//! Who was erased: what makes an erasure answerable twice, and what a restored backup is held against.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// `id` is the event `subject.erase`, which is the certificate; `certificate` repeats what it says, as JSON.
const UP: &str = "
CREATE TABLE erasures (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    subject_id {uuid} NOT NULL,
    erased_at BIGINT NOT NULL,
    certificate TEXT NOT NULL
);
CREATE INDEX erasures_subject ON erasures (organization_id, subject_id, id);
";

const DOWN: &str = "
DROP TABLE erasures;
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await?;
        dialect::make_append_only(manager, "erasures").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}
