//! The audit log: intake, references to subjects, and the sequenced leaves. Append-only.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 3] = ["audit_intake", "audit_subject_ref", "audit_leaf"];

/// `xid` is the inserting transaction: a row may be sequenced once no transaction that began before it can still commit.
/// It is compared as a number, so it is stored as one (a cluster would need 2^63 transactions to wrap it).
///
/// Partitioned by `id`: ids are of version 7 and begin with their time, so a range of them is a span of time, and the key that is
/// unique is the one by which rows are found. What no month has been made for lies in the default partition.
const POSTGRES: &str = "
CREATE FUNCTION vutf_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit records are append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE SEQUENCE audit_intake_ord_seq AS BIGINT;
CREATE TABLE audit_intake (
    ord BIGINT NOT NULL DEFAULT nextval('audit_intake_ord_seq'),
    xid BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    id UUID NOT NULL PRIMARY KEY,
    occurred_at BIGINT NOT NULL,
    organization_id UUID NOT NULL,
    request_id TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id UUID,
    action TEXT NOT NULL,
    resource_kind TEXT NOT NULL,
    resource_id UUID,
    outcome TEXT NOT NULL,
    body BYTEA NOT NULL,
    parts BYTEA NOT NULL,
    mac BYTEA NOT NULL
) PARTITION BY RANGE (id);
CREATE TABLE audit_intake_default PARTITION OF audit_intake DEFAULT;
CREATE INDEX audit_intake_settled ON audit_intake (xid, ord);
CREATE INDEX audit_intake_time ON audit_intake (organization_id, occurred_at, ord);
CREATE INDEX audit_intake_list ON audit_intake (organization_id, id);
CREATE INDEX audit_intake_actor ON audit_intake (organization_id, actor_id, id);
CREATE INDEX audit_intake_action ON audit_intake (organization_id, action, id);
";

/// SQLite has one writer: rows become visible in the order of `ord`.
const SQLITE: &str = "
CREATE TABLE audit_intake (
    ord INTEGER PRIMARY KEY AUTOINCREMENT,
    xid INTEGER NOT NULL DEFAULT 0,
    id BLOB NOT NULL UNIQUE,
    occurred_at INTEGER NOT NULL,
    organization_id BLOB NOT NULL,
    request_id TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id BLOB,
    action TEXT NOT NULL,
    resource_kind TEXT NOT NULL,
    resource_id BLOB,
    outcome TEXT NOT NULL,
    body BLOB NOT NULL,
    parts BLOB NOT NULL,
    mac BLOB NOT NULL
);
CREATE INDEX audit_intake_settled ON audit_intake (xid, ord);
CREATE INDEX audit_intake_time ON audit_intake (organization_id, occurred_at, ord);
CREATE INDEX audit_intake_list ON audit_intake (organization_id, id);
CREATE INDEX audit_intake_actor ON audit_intake (organization_id, actor_id, id);
CREATE INDEX audit_intake_action ON audit_intake (organization_id, action, id);
";

const UP: &str = "
CREATE TABLE audit_subject_ref (
    event_id {uuid} NOT NULL,
    organization_id {uuid} NOT NULL,
    subject_id {uuid} NOT NULL,
    PRIMARY KEY (event_id, subject_id)
);
CREATE INDEX audit_subject_ref_subject ON audit_subject_ref (organization_id, subject_id, event_id);

CREATE TABLE audit_leaf (
    seq BIGINT PRIMARY KEY,
    event_id {uuid} NOT NULL UNIQUE,
    leaf_hash {blob} NOT NULL,
    chain {blob} NOT NULL,
    xid BIGINT NOT NULL,
    ord BIGINT NOT NULL
);
";

const DOWN: &str = "
DROP TABLE audit_leaf;
DROP TABLE audit_subject_ref;
DROP TABLE audit_intake;
";

/// A trigger for each statement is not inherited.
const GUARD_PARTITION: &str = "
CREATE TRIGGER audit_intake_default_no_truncate BEFORE TRUNCATE ON audit_intake_default
    FOR EACH STATEMENT EXECUTE FUNCTION vutf_append_only();
";

const DOWN_POSTGRES: &str = "
DROP SEQUENCE audit_intake_ord_seq;
DROP FUNCTION vutf_append_only();
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run_either(manager, POSTGRES, SQLITE).await?;
        dialect::run(manager, UP).await?;
        for table in TABLES {
            dialect::make_append_only(manager, table).await?;
        }
        dialect::run_either(manager, GUARD_PARTITION, "").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await?;
        dialect::run_either(manager, DOWN_POSTGRES, "").await
    }
}
