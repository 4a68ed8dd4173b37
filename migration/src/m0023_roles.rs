//! Roles that organizations make.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// `permissions` are names, apart by spaces. Who holds a role is in `user_roles`, by its name, as it is of those that everybody has.
const UP: &str = "
CREATE TABLE custom_roles (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    permissions TEXT NOT NULL,
    row_mac {blob} NOT NULL,
    {stamps}
);
CREATE UNIQUE INDEX custom_roles_name ON custom_roles (organization_id, name);
";

const DOWN: &str = "
DROP TABLE custom_roles;
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
