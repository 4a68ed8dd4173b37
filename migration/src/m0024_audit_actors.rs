//! What somebody did, found by the index alone.
//!
//! A search for an actor and something else looks at each of their events until a page is full. On PostgreSQL each such look was a
//! page of the table, read from somewhere else; with what is asked beside in the index it is the next entry, and only what is shown is
//! read. SQLite has no such columns, and its table is a tree in the order of ids anyhow.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = "
DROP INDEX audit_intake_actor;
CREATE INDEX audit_intake_actor ON audit_intake (organization_id, actor_id, id)
    INCLUDE (occurred_at, action, resource_kind, outcome, reason) WHERE actor_id IS NOT NULL;
";

const DOWN: &str = "
DROP INDEX audit_intake_actor;
CREATE INDEX audit_intake_actor ON audit_intake (organization_id, actor_id, id) WHERE actor_id IS NOT NULL;
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run_either(manager, UP, "").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run_either(manager, DOWN, "").await
    }
}
