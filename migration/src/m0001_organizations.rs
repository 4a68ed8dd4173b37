//! Tenants, and the leases that guard single-writer work.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = "
CREATE TABLE organizations (
    id {uuid} PRIMARY KEY,
    name TEXT NOT NULL,
    {stamps}
);
CREATE UNIQUE INDEX organizations_name ON organizations (name) WHERE deleted_at IS NULL;

CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder {uuid} NOT NULL,
    epoch BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
";

const DOWN: &str = "
DROP TABLE leases;
DROP TABLE organizations;
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await?;
        // The default organization has a fixed id, so that a single-tenant instance needs no set-up.
        dialect::run_either(
            manager,
            "INSERT INTO organizations (id, name, created_at, updated_at, version)
             VALUES ('00000000-0000-7000-8000-000000000001', 'default', 0, 0, 1);",
            "INSERT INTO organizations (id, name, created_at, updated_at, version)
             VALUES (X'00000000000070008000000000000001', 'default', 0, 0, 1);",
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}
