//! Passkeys, and ceremonies under way.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// An authenticator's id is one in a tenant, and a key one of a user. A counter of 32 bits only grows. A challenge is a row that
/// goes when it is answered; one for a sign-in is nobody's.
const UP: &str = "
CREATE TABLE passkeys (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    credential_id {blob} NOT NULL,
    public_key {blob} NOT NULL,
    name_ct {blob} NOT NULL,
    transports TEXT NOT NULL,
    sign_count BIGINT NOT NULL CHECK (sign_count BETWEEN 0 AND 4294967295),
    backup_eligible BOOLEAN NOT NULL,
    backed_up BOOLEAN NOT NULL,
    password_changed_at BIGINT,
    last_used_at BIGINT,
    row_mac {blob},
    {stamps}
);
CREATE UNIQUE INDEX passkeys_credential ON passkeys (organization_id, credential_id);
CREATE UNIQUE INDEX passkeys_key ON passkeys (user_id, public_key);

CREATE TABLE passkey_challenges (
    challenge_hash {blob} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    purpose TEXT NOT NULL,
    user_id {uuid} REFERENCES users (id) ON DELETE CASCADE,
    session_id {uuid},
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX passkey_challenges_person ON passkey_challenges (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX passkey_challenges_expiry ON passkey_challenges (expires_at);
";

const DOWN: &str = "
DROP TABLE passkey_challenges;
DROP TABLE passkeys;
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
