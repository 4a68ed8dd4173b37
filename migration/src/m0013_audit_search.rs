//! Searching the audit log: the reason as a column, and an index for each part of a filter.
//!
//! Every index begins with the tenant and ends in the event's id, so that a page is read from one place of one index, in order,
//! and what is written goes to the end of few pages. Which search each is for:
//!
//! - `list`: no filter, or a period alone (ids begin with their time);
//! - `actor`, `action`, `resource`, `resource_kind`, `request`: that part of a filter; `action` serves `user.` as well;
//! - `undone`, `reason`, `actor_kind`: the few events that were refused or failed, or that no user did.
//!
//! A subject is looked up in `audit_subject_ref`. Each index costs every event that is written; those that most events are not
//! in cost the others nothing. `audit_intake_time` goes: the ids say the same.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What was recorded before has its reason in the body; the column is a copy of it, as the others are.
const POSTGRES: &str = "
ALTER TABLE audit_intake ADD COLUMN reason TEXT;
ALTER TABLE audit_intake DISABLE TRIGGER audit_intake_append_only;
UPDATE audit_intake SET reason = convert_from(body, 'UTF8')::jsonb #>> '{outcome,reason}' WHERE outcome <> 'success';
ALTER TABLE audit_intake ENABLE TRIGGER audit_intake_append_only;
";

const SQLITE: &str = "
ALTER TABLE audit_intake ADD COLUMN reason TEXT;
DROP TRIGGER audit_intake_no_update;
UPDATE audit_intake SET reason = json_extract(CAST(body AS TEXT), '$.outcome.reason') WHERE outcome <> 'success';
CREATE TRIGGER audit_intake_no_update BEFORE UPDATE ON audit_intake BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END;
";

const UP: &str = "
DROP INDEX audit_intake_time;
DROP INDEX audit_intake_actor;
CREATE INDEX audit_intake_actor ON audit_intake (organization_id, actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_intake_actor_kind ON audit_intake (organization_id, actor_kind, id) WHERE actor_kind <> 'user';
CREATE INDEX audit_intake_resource ON audit_intake (organization_id, resource_id, id) WHERE resource_id IS NOT NULL;
CREATE INDEX audit_intake_resource_kind ON audit_intake (organization_id, resource_kind, id);
CREATE INDEX audit_intake_undone ON audit_intake (organization_id, outcome, id) WHERE outcome <> 'success';
CREATE INDEX audit_intake_reason ON audit_intake (organization_id, reason, id) WHERE reason IS NOT NULL;
CREATE INDEX audit_intake_request ON audit_intake (organization_id, request_id, id);
";

const DOWN: &str = "
DROP INDEX audit_intake_request;
DROP INDEX audit_intake_reason;
DROP INDEX audit_intake_undone;
DROP INDEX audit_intake_resource_kind;
DROP INDEX audit_intake_resource;
DROP INDEX audit_intake_actor_kind;
DROP INDEX audit_intake_actor;
CREATE INDEX audit_intake_actor ON audit_intake (organization_id, actor_id, id);
CREATE INDEX audit_intake_time ON audit_intake (organization_id, occurred_at, ord);
ALTER TABLE audit_intake DROP COLUMN reason;
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run_either(manager, POSTGRES, SQLITE).await?;
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}
