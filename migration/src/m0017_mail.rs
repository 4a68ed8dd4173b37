//! Mail that waits to be sent, the one-use links in it, and invitations.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// A user has one link of each purpose at most: a newer one takes the older one's row. What waits to be sent has a person once it
/// is known who that is.
const UP: &str = "
CREATE TABLE account_links (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    link_hash {blob} NOT NULL,
    address_ct {blob} NOT NULL,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    row_mac {blob}
);
CREATE UNIQUE INDEX account_links_hash ON account_links (link_hash);
CREATE UNIQUE INDEX account_links_purpose ON account_links (user_id, purpose);
CREATE INDEX account_links_expiry ON account_links (expires_at);

CREATE TABLE invitations (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    token_hash {blob} NOT NULL,
    email_ct {blob} NOT NULL,
    email_tag {blob} NOT NULL,
    roles TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    created_by {uuid},
    created_at BIGINT NOT NULL,
    row_mac {blob}
);
CREATE UNIQUE INDEX invitations_token ON invitations (token_hash);
CREATE UNIQUE INDEX invitations_address ON invitations (organization_id, email_tag);
CREATE INDEX invitations_expiry ON invitations (expires_at);

CREATE TABLE mail_outbox (
    id {uuid} PRIMARY KEY,
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    user_id {uuid} REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    request_id TEXT NOT NULL,
    content_ct {blob} NOT NULL,
    attempts BIGINT NOT NULL CHECK (attempts >= 0),
    due_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX mail_outbox_due ON mail_outbox (due_at, id);
CREATE INDEX mail_outbox_person ON mail_outbox (user_id);
CREATE INDEX mail_outbox_kind ON mail_outbox (kind);
";

const DOWN: &str = "
DROP TABLE mail_outbox;
DROP TABLE invitations;
DROP TABLE account_links;
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
