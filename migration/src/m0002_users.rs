//! Users, their passwords and roles, the counters against guessing, and the bootstrap secret.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = "
CREATE TABLE users (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    username_ct {blob},
    username_bidx {blob},
    username_bidx_ver BIGINT,
    email_ct {blob},
    email_bidx {blob},
    email_bidx_ver BIGINT,
    display_name_ct {blob},
    phone_ct {blob},
    status TEXT NOT NULL CHECK (status IN ('unverified', 'active', 'locked', 'disabled')),
    email_verified_at BIGINT,
    epoch BIGINT NOT NULL,
    last_login_at BIGINT,
    erased_at BIGINT,
    pii_mac {blob},
    row_mac {blob},
    {stamps},
    CHECK (erased_at IS NOT NULL OR (username_ct IS NOT NULL AND username_bidx IS NOT NULL AND username_bidx_ver IS NOT NULL
        AND email_ct IS NOT NULL AND email_bidx IS NOT NULL AND email_bidx_ver IS NOT NULL)),
    CHECK (erased_at IS NULL OR (username_ct IS NULL AND username_bidx IS NULL AND email_ct IS NULL AND email_bidx IS NULL
        AND display_name_ct IS NULL AND phone_ct IS NULL AND pii_mac IS NULL AND deleted_at IS NOT NULL))
);
CREATE UNIQUE INDEX users_username ON users (organization_id, username_bidx) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_email ON users (organization_id, email_bidx) WHERE deleted_at IS NULL;
CREATE INDEX users_list ON users (organization_id, id) WHERE deleted_at IS NULL;
CREATE INDEX users_list_by_status ON users (organization_id, status, id) WHERE deleted_at IS NULL;

CREATE TABLE passwords (
    user_id {uuid} PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    phc_ct {blob} NOT NULL,
    changed_at BIGINT NOT NULL,
    row_mac {blob},
    {stamps}
);

CREATE TABLE user_roles (
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    granted_by {uuid},
    PRIMARY KEY (user_id, role)
);
CREATE INDEX user_roles_holders ON user_roles (organization_id, role);

CREATE TABLE login_guards (
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    account {blob} NOT NULL,
    authenticator TEXT NOT NULL,
    user_id {uuid} REFERENCES users (id) ON DELETE CASCADE,
    failures BIGINT NOT NULL,
    blocked_until BIGINT,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, account, authenticator)
);
CREATE INDEX login_guards_age ON login_guards (updated_at) WHERE user_id IS NULL OR failures = 0;

CREATE TABLE bootstrap_tokens (
    organization_id {uuid} PRIMARY KEY REFERENCES organizations (id),
    token_hash {blob} NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT
);
";

const DOWN: &str = "
DROP TABLE bootstrap_tokens;
DROP TABLE login_guards;
DROP TABLE user_roles;
DROP TABLE passwords;
DROP TABLE users;
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
