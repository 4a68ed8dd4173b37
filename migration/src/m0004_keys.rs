//! The key registry: wrapped keys and their states.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = "
CREATE TABLE crypto_keys (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    subject_id {uuid},
    purpose TEXT NOT NULL,
    key_version BIGINT NOT NULL,
    algorithm TEXT NOT NULL,
    state TEXT NOT NULL,
    wrapped {blob} NOT NULL,
    wrapped_by TEXT NOT NULL,
    public_key {blob},
    fingerprint {blob} NOT NULL,
    created_at BIGINT NOT NULL,
    activated_at BIGINT,
    state_changed_at BIGINT NOT NULL,
    not_after BIGINT,
    revision BIGINT NOT NULL,
    mac {blob} NOT NULL
);
CREATE INDEX crypto_keys_registry ON crypto_keys (organization_id) WHERE subject_id IS NULL;
CREATE INDEX crypto_keys_wrapped ON crypto_keys (wrapped_by, id);
CREATE UNIQUE INDEX crypto_keys_version ON crypto_keys (organization_id, purpose, key_version);
CREATE UNIQUE INDEX crypto_keys_active ON crypto_keys (organization_id, purpose) WHERE state = 'active';
";

const DOWN: &str = "
DROP TABLE crypto_keys;
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
