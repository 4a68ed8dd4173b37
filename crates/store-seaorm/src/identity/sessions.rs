//! Sessions.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use vutf_crypto_keys::Keyring;
use vutf_identity::{Session, repo::SessionRepo};
use vutf_kernel::{Assurance, Entropy, OrganizationId, PortError, SessionId, Timestamp, UserId};

use super::{micros, person, set_stamps, stamps_of, status};
use crate::{entity::sessions, error::port, sealed::SealedRow, tx::Tx};

/// The most sessions of a user that a list shows.
const LISTED: u64 = 100;

#[async_trait]
impl SessionRepo for Tx {
    async fn insert(&mut self, session: &Session) -> Result<(), PortError> {
        let row = row(session, &self.keyring, &mut *self.entropy)?;
        sessions::Entity::insert(row)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("sessions.insert"))
    }

    async fn find(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
    ) -> Result<Option<Session>, PortError> {
        let found = sessions::Entity::find_by_id(id.as_uuid())
            .filter(sessions::Column::OrganizationId.eq(organization.as_uuid()))
            .one(&self.db)
            .await
            .map_err(port("sessions.find"))?;
        found.map(|row| session(&row, &self.keyring)).transpose()
    }

    async fn live_of(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, PortError> {
        let rows = sessions::Entity::find()
            .filter(sessions::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(sessions::Column::UserId.eq(user.as_uuid()))
            .filter(sessions::Column::RevokedAt.is_null())
            .filter(sessions::Column::ExpiresAt.gt(now.as_micros()))
            .order_by_desc(sessions::Column::Id)
            .limit(LISTED)
            .all(&self.db)
            .await
            .map_err(port("sessions.live_of"))?;
        rows.iter().map(|row| session(row, &self.keyring)).collect()
    }

    async fn touch(&mut self, id: SessionId, at: Timestamp) -> Result<(), PortError> {
        let change = sessions::ActiveModel {
            last_seen_at: Set(at.as_micros()),
            ..Default::default()
        };
        sessions::Entity::update_many()
            .set(change)
            .filter(sessions::Column::Id.eq(id.as_uuid()))
            .exec(&self.db)
            .await
            .map(|_| ())
            .map_err(port("sessions.touch"))
    }

    async fn revoke(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        reason: &str,
        by: Option<UserId>,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        let done = sessions::Entity::update_many()
            .set(ended(reason, by, at))
            .col_expr(
                sessions::Column::Version,
                Expr::col(sessions::Column::Version).add(1),
            )
            .filter(sessions::Column::Id.eq(id.as_uuid()))
            .filter(sessions::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(sessions::Column::RevokedAt.is_null())
            .exec(&self.db)
            .await
            .map_err(port("sessions.revoke"))?;
        Ok(done.rows_affected == 1)
    }

    async fn revoke_all(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        except: Option<SessionId>,
        reason: &str,
        by: Option<UserId>,
        at: Timestamp,
    ) -> Result<Vec<SessionId>, PortError> {
        let mut query = sessions::Entity::find()
            .select_only()
            .column(sessions::Column::Id)
            .filter(sessions::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(sessions::Column::UserId.eq(user.as_uuid()))
            .filter(sessions::Column::RevokedAt.is_null());
        if let Some(kept) = except {
            query = query.filter(sessions::Column::Id.ne(kept.as_uuid()));
        }
        let ids: Vec<uuid::Uuid> = query
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(port("sessions.revoke_all"))?;
        let mut revoked = Vec::with_capacity(ids.len());
        for id in ids.into_iter().map(SessionId::from_uuid) {
            if SessionRepo::revoke(self, organization, id, reason, by, at).await? {
                vutf_identity::repo::RefreshRepo::revoke_of_session(self, id, at).await?;
                revoked.push(id);
            }
        }
        Ok(revoked)
    }
}

fn ended(reason: &str, by: Option<UserId>, at: Timestamp) -> sessions::ActiveModel {
    sessions::ActiveModel {
        revoked_at: micros(Some(at)),
        revoke_reason: Set(Some(reason.to_owned())),
        updated_at: Set(at.as_micros()),
        updated_by: person(by),
        ..Default::default()
    }
}

fn row(
    session: &Session,
    keyring: &Keyring,
    entropy: &mut dyn Entropy,
) -> Result<sessions::ActiveModel, PortError> {
    let place = SealedRow {
        keyring,
        organization: session.organization_id,
        table: "sessions",
        row: session.id.as_uuid(),
        subject: Some(session.user_id),
    };
    let mut row = sessions::ActiveModel {
        id: Set(session.id.as_uuid()),
        organization_id: Set(session.organization_id.as_uuid()),
        user_id: Set(session.user_id.as_uuid()),
        epoch: Set(session.epoch),
        aal: Set(session.assurance.aal.as_str().to_owned()),
        amr: Set(session.assurance.amr.join(" ")),
        auth_time: Set(session.assurance.auth_time.as_micros()),
        ip_ct: Set(place.seal_optional("ip_ct", session.ip.as_deref(), entropy)?),
        user_agent_ct: Set(place.seal_optional("user_agent_ct", session.user_agent.as_deref(), entropy)?),
        last_seen_at: Set(session.last_seen_at.as_micros()),
        expires_at: Set(session.expires_at.as_micros()),
        revoked_at: micros(session.revoked_at),
        revoke_reason: Set(session.revoke_reason.clone()),
        ..Default::default()
    };
    set_stamps!(row, &session.stamps);
    Ok(row)
}

fn session(row: &sessions::Model, keyring: &Keyring) -> Result<Session, PortError> {
    let (id, user_id) = (SessionId::from_uuid(row.id), UserId::from_uuid(row.user_id));
    let organization = OrganizationId::from_uuid(row.organization_id);
    let place = SealedRow {
        keyring,
        organization,
        table: "sessions",
        row: row.id,
        subject: Some(user_id),
    };
    Ok(Session {
        id,
        organization_id: organization,
        user_id,
        epoch: row.epoch,
        assurance: Assurance {
            aal: status::aal(&row.aal, row.id)?,
            auth_time: Timestamp::from_micros(row.auth_time),
            amr: status::words(&row.amr),
        },
        ip: place.open_optional("ip_ct", row.ip_ct.as_ref())?,
        user_agent: place.open_optional("user_agent_ct", row.user_agent_ct.as_ref())?,
        last_seen_at: Timestamp::from_micros(row.last_seen_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        revoked_at: row.revoked_at.map(Timestamp::from_micros),
        revoke_reason: row.revoke_reason.clone(),
        stamps: stamps_of!(row),
    })
}
