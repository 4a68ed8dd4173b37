//! What decides whether a session's request may go on: two look-ups by primary key, outside a transaction.

use async_trait::async_trait;
use sea_orm::{DatabaseConnection, DbBackend, DbErr, FromQueryResult, Statement};
use uuid::Uuid;
use vutf_identity::{
    IdentityRead, SessionStatus, UserStatus,
    api_key::{ApiKeyStatus, Lookup},
    policy::Policy,
    refresh::TokenHash,
    role::CustomRole,
    session::{Place, Settled},
};
use vutf_kernel::{Aal, Assurance, OrganizationId, PortError, SessionId, Timestamp, UserId};

use crate::{
    SeaStore,
    row::corrupt,
    row_mac::{Authenticated as _, Standing},
};

/// `$1` is understood by both databases.
const STATUS: &str = "SELECT s.organization_id, s.user_id, s.epoch AS session_epoch, s.aal, s.amr, s.auth_time, s.expires_at, \
     s.idle_expires_at, s.last_seen_at, s.cookie_hash, s.network_tag, \
     s.browser_tag, s.moved_at, s.password_due_at, s.revoked_at, u.epoch AS user_epoch, u.status AS user_status, u.deleted_at AS user_deleted_at, \
     u.version AS user_version, u.kind AS user_kind, u.email_verified_at, u.erased_at, u.pii_mac, u.row_mac \
     FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1";
const ROLES: &str = "SELECT role, granted_at FROM user_roles WHERE user_id = $1 ORDER BY role";

#[derive(FromQueryResult)]
struct StatusRow {
    organization_id: Uuid,
    user_id: Uuid,
    session_epoch: i64,
    aal: String,
    amr: String,
    auth_time: i64,
    expires_at: i64,
    idle_expires_at: Option<i64>,
    last_seen_at: i64,
    cookie_hash: Option<Vec<u8>>,
    network_tag: Option<Vec<u8>>,
    browser_tag: Option<Vec<u8>>,
    moved_at: Option<i64>,
    password_due_at: Option<i64>,
    revoked_at: Option<i64>,
    user_epoch: i64,
    user_status: String,
    user_deleted_at: Option<i64>,
    user_version: i64,
    user_kind: String,
    email_verified_at: Option<i64>,
    erased_at: Option<i64>,
    pii_mac: Option<Vec<u8>>,
    row_mac: Option<Vec<u8>>,
}

#[derive(FromQueryResult)]
pub(super) struct RoleRow {
    pub(super) role: String,
    granted_at: i64,
}

impl StatusRow {
    fn standing(&self) -> Standing<'_> {
        Standing {
            organization: self.organization_id,
            id: self.user_id,
            kind: &self.user_kind,
            version: self.user_version,
            status: &self.user_status,
            epoch: self.user_epoch,
            email_verified_at: self.email_verified_at,
            deleted_at: self.user_deleted_at,
            erased_at: self.erased_at,
            pii_mac: self.pii_mac.as_deref(),
        }
    }
}

#[async_trait]
impl IdentityRead for SeaStore {
    async fn session_status(&self, id: SessionId) -> Result<Option<SessionStatus>, PortError> {
        let found = self
            .read("sessions.status", async |db: &DatabaseConnection| {
                let session = Statement::from_sql_and_values(self.backend(), STATUS, [id.as_uuid().into()]);
                let session = StatusRow::find_by_statement(session);
                let Some(row) = session.one(db).await? else {
                    return Ok(None);
                };
                let roles = roles_of(db, self.backend(), row.user_id).await?;
                Ok(Some((row, roles)))
            })
            .await?;
        let Some((row, roles)) = found else {
            return Ok(None);
        };
        // What lets a request through must be what this service wrote.
        row.standing()
            .verify(&self.inner.keyring, row.row_mac.as_deref())?;
        status(id, &row, roles).map(Some)
    }

    async fn api_key_status(&self, lookup: Lookup) -> Result<Option<ApiKeyStatus>, PortError> {
        self.key_status(lookup).await
    }

    async fn policies(&self, organization: OrganizationId) -> Result<Vec<Policy>, PortError> {
        self.policies_of(organization).await
    }

    async fn custom_roles(&self, organization: OrganizationId) -> Result<Vec<CustomRole>, PortError> {
        self.custom_roles_of(organization).await
    }
}

/// A user's roles, by name.
pub(super) async fn roles_of(
    db: &DatabaseConnection,
    backend: DbBackend,
    user: Uuid,
) -> Result<Vec<RoleRow>, DbErr> {
    let statement = Statement::from_sql_and_values(backend, ROLES, [user.into()]);
    RoleRow::find_by_statement(statement).all(db).await
}

fn status(id: SessionId, row: &StatusRow, roles: Vec<RoleRow>) -> Result<SessionStatus, PortError> {
    Ok(SessionStatus {
        id,
        organization_id: OrganizationId::from_uuid(row.organization_id),
        user_id: UserId::from_uuid(row.user_id),
        session_epoch: row.session_epoch,
        user_epoch: row.user_epoch,
        user_status: UserStatus::parse(&row.user_status)
            .ok_or_else(|| corrupt("users", "status", row.user_id, "not a known status"))?,
        user_deleted: row.user_deleted_at.is_some(),
        revoked_at: row.revoked_at.map(Timestamp::from_micros),
        last_seen_at: Timestamp::from_micros(row.last_seen_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        idle_expires_at: row.idle_expires_at.map(Timestamp::from_micros),
        assurance: Assurance {
            aal: aal(&row.aal, id)?,
            auth_time: Timestamp::from_micros(row.auth_time),
            amr: words(&row.amr),
        },
        cookie: cookie(row.cookie_hash.as_deref(), id)?,
        settled: settled(
            [row.network_tag.as_deref(), row.browser_tag.as_deref()],
            row.moved_at,
            id,
        )?,
        password_due_at: row.password_due_at.map(Timestamp::from_micros),
        roles_since: roles
            .iter()
            .map(|row| Timestamp::from_micros(row.granted_at))
            .collect(),
        roles: roles.into_iter().map(|row| row.role).collect(),
    })
}

pub(super) fn aal(text: &str, row: impl ToString) -> Result<Aal, PortError> {
    [Aal::Aal1, Aal::Aal2, Aal::Aal3]
        .into_iter()
        .find(|level| level.as_str() == text)
        .ok_or_else(|| corrupt("sessions", "aal", row, "not a known level"))
}

pub(super) fn cookie(hash: Option<&[u8]>, row: impl ToString) -> Result<Option<TokenHash>, PortError> {
    let read = |hash: &[u8]| hash.try_into().map(TokenHash);
    let found = hash.map(read).transpose();
    found.map_err(|_| corrupt("sessions", "cookie_hash", row, "not 32 bytes"))
}

pub(super) fn settled(
    tags: [Option<&[u8]>; 2],
    moved_at: Option<i64>,
    row: impl ToString,
) -> Result<Settled, PortError> {
    let place = match tags {
        [Some(network), Some(agent)] => match (network.try_into(), agent.try_into()) {
            (Ok(network), Ok(agent)) => Some(Place { network, agent }),
            _ => return Err(corrupt("sessions", "network_tag", row, "not 32 bytes")),
        },
        _ => None,
    };
    Ok(Settled {
        place,
        moved_at: moved_at.map(Timestamp::from_micros),
    })
}

pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
