//! When a session that is not used ends, sessions that a browser holds by a cookie, where a session
//! belongs, and counters of known browsers.

use sea_orm_migration::{DbErr, MigrationTrait, SchemaManager, async_trait, prelude::DeriveMigrationName};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// A session of one factor ends by its absolute end alone. Those of two that are there get the limits of the standard
/// (SP 800-63B-4 §2.2.3, §2.3.3), in microseconds; the next use writes those of the configuration.
const UP: &str = "
ALTER TABLE sessions ADD COLUMN idle_expires_at BIGINT;
ALTER TABLE sessions ADD COLUMN cookie_hash {blob};
ALTER TABLE sessions ADD COLUMN network_tag {blob};
ALTER TABLE sessions ADD COLUMN browser_tag {blob};
ALTER TABLE sessions ADD COLUMN moved_at BIGINT;
ALTER TABLE sessions ADD COLUMN previous_login_at BIGINT;
DROP INDEX login_guards_age;
CREATE INDEX login_guards_age ON login_guards (updated_at) WHERE user_id IS NULL OR failures = 0 OR authenticator = 'device';
UPDATE sessions SET idle_expires_at = last_seen_at + 3600000000 WHERE aal = 'aal2';
UPDATE sessions SET idle_expires_at = last_seen_at + 900000000 WHERE aal = 'aal3';
";

const DOWN: &str = "
DROP INDEX login_guards_age;
CREATE INDEX login_guards_age ON login_guards (updated_at) WHERE user_id IS NULL OR failures = 0;
ALTER TABLE sessions DROP COLUMN previous_login_at;
ALTER TABLE sessions DROP COLUMN moved_at;
ALTER TABLE sessions DROP COLUMN browser_tag;
ALTER TABLE sessions DROP COLUMN network_tag;
ALTER TABLE sessions DROP COLUMN cookie_hash;
ALTER TABLE sessions DROP COLUMN idle_expires_at;
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
