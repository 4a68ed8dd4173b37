//! API keys, and accounts of programs.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// `scopes` are names of permissions, apart by spaces. `networks_ct` is opened at each use that is not remembered. A key that was
/// rotated names its successor, which is one row that may be removed before it.
const UP: &str = "
ALTER TABLE users ADD COLUMN kind TEXT NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'service'));
CREATE INDEX users_programs ON users (organization_id, id) WHERE kind = 'service' AND deleted_at IS NULL;

CREATE TABLE api_keys (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    lookup TEXT NOT NULL,
    secret_hash {blob} NOT NULL,
    name_ct {blob} NOT NULL,
    scopes TEXT NOT NULL,
    networks_ct {blob},
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    successor_id {uuid},
    last_used_at BIGINT,
    last_used_ip_ct {blob},
    row_mac {blob},
    {stamps}
);
CREATE UNIQUE INDEX api_keys_lookup ON api_keys (lookup);
CREATE INDEX api_keys_list ON api_keys (organization_id, id);
CREATE INDEX api_keys_owner ON api_keys (user_id, id);
CREATE INDEX api_keys_successor ON api_keys (successor_id) WHERE successor_id IS NOT NULL;
CREATE INDEX api_keys_expiry ON api_keys (expires_at);
CREATE INDEX api_keys_ended ON api_keys (revoked_at) WHERE revoked_at IS NOT NULL;
";

const DOWN: &str = "
DROP TABLE api_keys;
DROP INDEX users_programs;
ALTER TABLE users DROP COLUMN kind;
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
