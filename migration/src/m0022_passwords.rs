//! Passwords that are good beside a second factor only, and those that were replaced.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Whoever has a password was made to choose one that may be the only factor.
const UP: &str = "
ALTER TABLE passwords ADD COLUMN beside_factor BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TABLE password_history (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    phc_ct {blob} NOT NULL,
    replaced_at BIGINT NOT NULL
);
CREATE INDEX password_history_user ON password_history (user_id, replaced_at);
";

const DOWN: &str = "
DROP TABLE password_history;
ALTER TABLE passwords DROP COLUMN beside_factor;
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
