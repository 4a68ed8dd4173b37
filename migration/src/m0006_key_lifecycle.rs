//! What stands in the key registry beside the keys: their history, what is decided about a purpose, requests for a second
//! person's approval, and how much each key was used.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = "
CREATE TABLE key_transitions (
    key_id {uuid} NOT NULL,
    revision BIGINT NOT NULL,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    from_state TEXT,
    to_state TEXT NOT NULL,
    occurred_at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id {uuid},
    reason TEXT NOT NULL,
    note TEXT,
    event_id {uuid} NOT NULL,
    PRIMARY KEY (key_id, revision)
);

CREATE TABLE keysets (
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    purpose TEXT NOT NULL,
    minimum_version BIGINT NOT NULL,
    suspended_may_process BOOLEAN NOT NULL,
    cryptoperiod BIGINT,
    message_limit BIGINT,
    byte_limit BIGINT,
    revision BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    authenticated_by {uuid} NOT NULL,
    mac {blob} NOT NULL,
    PRIMARY KEY (organization_id, purpose)
);

CREATE TABLE approvals (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    action TEXT NOT NULL,
    subject_id {uuid} NOT NULL,
    subject_revision BIGINT NOT NULL,
    reason TEXT NOT NULL,
    note TEXT,
    requested_by TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    decided_by TEXT,
    decided_at BIGINT,
    revision BIGINT NOT NULL,
    authenticated_by {uuid} NOT NULL,
    mac {blob} NOT NULL
);
CREATE INDEX approvals_list ON approvals (organization_id, id);
CREATE UNIQUE INDEX approvals_open ON approvals (subject_id) WHERE state = 'open';

CREATE TABLE key_usage (
    key_id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    messages BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    authenticated_by {uuid} NOT NULL,
    mac {blob} NOT NULL
);
CREATE INDEX key_usage_tenant ON key_usage (organization_id);
";

const DOWN: &str = "
DROP TABLE key_usage;
DROP TABLE approvals;
DROP TABLE keysets;
DROP TABLE key_transitions;
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await?;
        dialect::make_append_only(manager, "key_transitions").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}
