//! Policies, and accounts behind glass.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// `permissions` and `roles` are names, apart by spaces, beside the conditions: what a policy is about can be read where what it
/// asks cannot. A sealed account has no `opened_at`.
const UP: &str = "
CREATE TABLE policies (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    permissions TEXT NOT NULL,
    roles TEXT NOT NULL,
    conditions TEXT NOT NULL,
    row_mac {blob} NOT NULL,
    {stamps}
);
CREATE INDEX policies_list ON policies (organization_id, id);

CREATE TABLE break_glass (
    user_id {uuid} PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    secret_hash {blob} NOT NULL,
    sealed_at BIGINT NOT NULL,
    opened_at BIGINT,
    session_id {uuid},
    row_mac {blob} NOT NULL
);
";

const DOWN: &str = "
DROP TABLE break_glass;
DROP TABLE policies;
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
