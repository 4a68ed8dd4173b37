//! Durable jobs over what older versions of keys protect.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// `key_jobs_live`: of what is the same, only one is under way.
const UP: &str = "
CREATE TABLE key_jobs (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL CHECK (kind IN ('reencrypt', 'rewrap', 'reindex')),
    purpose TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'paused', 'done', 'failed', 'cancelled')),
    rows_per_second BIGINT CHECK (rows_per_second > 0),
    cursor {blob} NOT NULL,
    pass_number BIGINT NOT NULL,
    pass_started_at BIGINT,
    pass_found BIGINT NOT NULL,
    pass_stuck BIGINT NOT NULL,
    rows_done BIGINT NOT NULL,
    rows_skipped BIGINT NOT NULL,
    rows_total BIGINT NOT NULL,
    error TEXT,
    {stamps}
);
CREATE UNIQUE INDEX key_jobs_live ON key_jobs (organization_id, kind, purpose)
    WHERE state IN ('pending', 'running', 'paused');
CREATE INDEX key_jobs_runnable ON key_jobs (id) WHERE state IN ('pending', 'running');
CREATE INDEX key_jobs_list ON key_jobs (organization_id, id);
";

const DOWN: &str = "
DROP TABLE key_jobs;
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
