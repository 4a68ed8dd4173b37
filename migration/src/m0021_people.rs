//! Who was last there, who has to change their password, what persons agreed to, and who asked to be erased.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Whoever signed in before was there then. A request to be erased outlives the person's data: by its receipt they learn what became
/// of it, and there is no more in it than their pseudonym.
const UP: &str = "
ALTER TABLE users ADD COLUMN last_seen_at BIGINT;
ALTER TABLE users ADD COLUMN inactivity_told_at BIGINT;
UPDATE users SET last_seen_at = last_login_at WHERE last_login_at IS NOT NULL;
CREATE INDEX users_presence ON users ((COALESCE(last_seen_at, created_at))) WHERE deleted_at IS NULL;
ALTER TABLE passwords ADD COLUMN must_change_at BIGINT;
ALTER TABLE sessions ADD COLUMN password_due_at BIGINT;

CREATE TABLE consents (
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    document TEXT NOT NULL,
    document_version TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    row_mac {blob},
    PRIMARY KEY (user_id, document, document_version)
);

CREATE TABLE erasure_requests (
    user_id {uuid} PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    receipt_hash {blob} NOT NULL,
    requested_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    done_at BIGINT,
    row_mac {blob}
);
CREATE UNIQUE INDEX erasure_requests_receipt ON erasure_requests (receipt_hash);
CREATE INDEX erasure_requests_due ON erasure_requests (due_at) WHERE done_at IS NULL;
";

const DOWN: &str = "
DROP TABLE erasure_requests;
DROP TABLE consents;
ALTER TABLE sessions DROP COLUMN password_due_at;
ALTER TABLE passwords DROP COLUMN must_change_at;
DROP INDEX users_presence;
ALTER TABLE users DROP COLUMN inactivity_told_at;
ALTER TABLE users DROP COLUMN last_seen_at;
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
