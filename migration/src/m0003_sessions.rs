//! Sessions and refresh-token families.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = "
CREATE TABLE sessions (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    aal TEXT NOT NULL CHECK (aal IN ('aal1', 'aal2', 'aal3')),
    amr TEXT NOT NULL,
    auth_time BIGINT NOT NULL,
    ip_ct {blob},
    user_agent_ct {blob},
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revoke_reason TEXT,
    {stamps}
);
CREATE INDEX sessions_live ON sessions (user_id, id) WHERE revoked_at IS NULL;
CREATE INDEX sessions_person ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE INDEX sessions_ended ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE refresh_families (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    session_id {uuid} NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    {stamps}
);
CREATE INDEX refresh_families_session ON refresh_families (session_id);

CREATE TABLE refresh_tokens (
    token_hash {blob} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    family_id {uuid} NOT NULL REFERENCES refresh_families (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    used_at BIGINT,
    successor_ct {blob},
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX refresh_tokens_generation ON refresh_tokens (family_id, generation);
";

const DOWN: &str = "
DROP TABLE refresh_tokens;
DROP TABLE refresh_families;
DROP TABLE sessions;
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
