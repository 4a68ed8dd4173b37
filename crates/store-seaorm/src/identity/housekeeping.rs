//! Removal of what is old, a bounded number of rows at a time.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, Statement, Value};
use vutf_identity::housekeeping::HousekeepingRepo;
use vutf_kernel::{PortError, Timestamp};

use crate::{error::port, tx::Tx};

/// The index `login_guards_age` holds only rows that may go.
const GUARDS: &str = "DELETE FROM login_guards WHERE (organization_id, account, authenticator) IN \
     (SELECT organization_id, account, authenticator FROM login_guards \
     WHERE updated_at < $1 AND (user_id IS NULL OR failures = 0 OR authenticator = 'device') AND (blocked_until IS NULL OR blocked_until <= $2) \
     ORDER BY updated_at LIMIT $3)";

const CHALLENGES: &str = "DELETE FROM mfa_challenges WHERE challenge_hash IN \
     (SELECT challenge_hash FROM mfa_challenges WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

const CEREMONIES: &str = "DELETE FROM passkey_challenges WHERE challenge_hash IN \
     (SELECT challenge_hash FROM passkey_challenges WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

const API_KEYS: &str = "DELETE FROM api_keys WHERE id IN (SELECT o.id FROM (SELECT id FROM api_keys WHERE expires_at < $1 \
     UNION SELECT id FROM api_keys WHERE revoked_at < $1) o LIMIT $2)";

const LINKS: &str = "DELETE FROM account_links WHERE id IN \
     (SELECT id FROM account_links WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

const INVITATIONS: &str = "DELETE FROM invitations WHERE id IN \
     (SELECT id FROM invitations WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

/// Two halves, since each has an index of its own.
const OVER: &str = "SELECT id FROM sessions WHERE expires_at < $1 \
     UNION SELECT id FROM sessions WHERE revoked_at < $1";

#[async_trait]
impl HousekeepingRepo for Tx {
    async fn remove_guards(
        &mut self,
        before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, PortError> {
        let values = [
            before.as_micros().into(),
            now.as_micros().into(),
            i64::from(limit).into(),
        ];
        self.remove("housekeeping.guards", GUARDS, values).await
    }

    async fn remove_tokens(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError> {
        let tokens = format!(
            "DELETE FROM refresh_tokens WHERE token_hash IN (SELECT t.token_hash FROM refresh_tokens t \
             JOIN refresh_families f ON f.id = t.family_id WHERE f.session_id IN ({OVER}) LIMIT $2)"
        );
        let values = [before.as_micros().into(), i64::from(limit).into()];
        self.remove("housekeeping.refresh_tokens", &tokens, values).await
    }

    async fn remove_challenges(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError> {
        let values = [before.as_micros().into(), i64::from(limit).into()];
        self.remove("housekeeping.challenges", CHALLENGES, values).await
    }

    async fn remove_ceremonies(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError> {
        let values = [before.as_micros().into(), i64::from(limit).into()];
        self.remove("housekeeping.ceremonies", CEREMONIES, values).await
    }

    async fn remove_api_keys(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError> {
        let values = [before.as_micros().into(), i64::from(limit).into()];
        self.remove("housekeeping.api_keys", API_KEYS, values).await
    }

    async fn remove_links(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError> {
        let values = [before.as_micros().into(), i64::from(limit).into()];
        self.remove("housekeeping.links", LINKS, values).await
    }

    async fn remove_invitations(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError> {
        let values = [before.as_micros().into(), i64::from(limit).into()];
        self.remove("housekeeping.invitations", INVITATIONS, values).await
    }

    async fn remove_sessions(&mut self, before: Timestamp, limit: u32) -> Result<u64, PortError> {
        // Families go with their session, by the foreign key.
        let sessions = format!(
            "DELETE FROM sessions WHERE id IN (SELECT o.id FROM ({OVER}) o WHERE NOT EXISTS \
             (SELECT 1 FROM refresh_families f JOIN refresh_tokens t ON t.family_id = f.id WHERE f.session_id = o.id) \
             LIMIT $2)"
        );
        let values = [before.as_micros().into(), i64::from(limit).into()];
        self.remove("housekeeping.sessions", &sessions, values).await
    }
}

impl Tx {
    async fn remove<const N: usize>(
        &self,
        op: &'static str,
        sql: &str,
        values: [Value; N],
    ) -> Result<u64, PortError> {
        let statement = Statement::from_sql_and_values(self.backend, sql, values);
        let done = self.db.execute_raw(statement).await.map_err(port(op))?;
        Ok(done.rows_affected())
    }
}
