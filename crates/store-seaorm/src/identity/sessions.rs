//! Sessions.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait},
};
use vutf_crypto_keys::{Keyring, SubjectKeys};
use vutf_identity::{
    Session,
    refresh::TokenHash,
    repo::SessionRepo,
    session::{Ends, used::Used},
};
use vutf_kernel::{Assurance, Entropy, OrganizationId, PortError, SessionId, Timestamp, UserId};

use super::{micros, person, set_stamps, stamps_of, status};
use crate::{
    encrypted::{Encrypted, Origin},
    entity::sessions,
    error::port,
    sealed::{Place, Under},
    subjects::Holder,
    tx::Tx,
};

/// The most sessions of a user that a list shows, or that end at once to make room.
const LISTED: u64 = 100;

#[async_trait]
impl SessionRepo for Tx {
    async fn insert(&mut self, session: &Session) -> Result<(), PortError> {
        let holder = self.holder(session.organization_id, session.user_id).await?;
        let row = row(session, &self.keyring, &holder, &mut *self.entropy)?;
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
        Ok(self.sessions_of(found.as_slice()).await?.pop())
    }

    async fn live_of(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, PortError> {
        let rows = theirs(organization, user)
            .filter(lives(now))
            .limit(LISTED)
            .all(&self.db)
            .await
            .map_err(port("sessions.live_of"))?;
        self.sessions_of(&rows).await
    }

    async fn beyond(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        keep: u32,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, PortError> {
        let ids: Vec<uuid::Uuid> = theirs(organization, user)
            .select_only()
            .column(sessions::Column::Id)
            .filter(lives(now))
            .offset(u64::from(keep))
            .limit(LISTED)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(port("sessions.beyond"))?;
        Ok(ids.into_iter().map(SessionId::from_uuid).collect())
    }

    async fn touch(&mut self, used: &Used) -> Result<bool, PortError> {
        let change = sessions::ActiveModel {
            last_seen_at: Set(used.at.as_micros()),
            idle_expires_at: micros(used.idle_expires_at),
            ..Default::default()
        };
        let done = sessions::Entity::update_many()
            .set(change)
            .filter(sessions::Column::Id.eq(used.session_id.as_uuid()))
            .filter(sessions::Column::OrganizationId.eq(used.organization_id.as_uuid()))
            .filter(sessions::Column::Aal.eq(used.aal.as_str()))
            .filter(sessions::Column::LastSeenAt.lte(used.unless_since.as_micros()))
            .filter(lives(used.at))
            .exec(&self.db)
            .await
            .map_err(port("sessions.touch"))?;
        let noted = done.rows_affected == 1;
        if noted {
            self.note_seen(used).await?;
        }
        Ok(noted)
    }

    async fn reauthenticate(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        assurance: &Assurance,
        ends: Ends,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        let change = sessions::ActiveModel {
            aal: Set(assurance.aal.as_str().to_owned()),
            amr: Set(assurance.amr.join(" ")),
            auth_time: Set(assurance.auth_time.as_micros()),
            last_seen_at: Set(at.as_micros()),
            expires_at: Set(ends.expires_at.as_micros()),
            idle_expires_at: micros(ends.idle_expires_at),
            updated_at: Set(at.as_micros()),
            ..Default::default()
        };
        let done = sessions::Entity::update_many()
            .set(change)
            .col_expr(
                sessions::Column::Version,
                Expr::col(sessions::Column::Version).add(1),
            )
            .col_expr(sessions::Column::UpdatedBy, Expr::col(sessions::Column::UserId))
            .filter(sessions::Column::Id.eq(id.as_uuid()))
            .filter(sessions::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(sessions::Column::RevokedAt.is_null())
            .exec(&self.db)
            .await
            .map_err(port("sessions.reauthenticate"))?;
        Ok(done.rows_affected == 1)
    }

    async fn mark_moved(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        let change = sessions::ActiveModel {
            moved_at: micros(Some(at)),
            ..Default::default()
        };
        let done = sessions::Entity::update_many()
            .set(change)
            .filter(sessions::Column::Id.eq(id.as_uuid()))
            .filter(sessions::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(sessions::Column::RevokedAt.is_null())
            .filter(sessions::Column::MovedAt.is_null())
            .exec(&self.db)
            .await
            .map_err(port("sessions.mark_moved"))?;
        Ok(done.rows_affected == 1)
    }

    async fn settle(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        place: &vutf_identity::session::Place,
    ) -> Result<(), PortError> {
        let change = sessions::ActiveModel {
            network_tag: Set(Some(place.network.to_vec())),
            browser_tag: Set(Some(place.agent.to_vec())),
            moved_at: Set(None),
            ..Default::default()
        };
        sessions::Entity::update_many()
            .set(change)
            .filter(sessions::Column::Id.eq(id.as_uuid()))
            .filter(sessions::Column::OrganizationId.eq(organization.as_uuid()))
            .exec(&self.db)
            .await
            .map(|_| ())
            .map_err(port("sessions.settle"))
    }

    async fn rekey(
        &mut self,
        organization: OrganizationId,
        id: SessionId,
        cookie: &TokenHash,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        let change = sessions::ActiveModel {
            cookie_hash: Set(Some(cookie.0.to_vec())),
            updated_at: Set(at.as_micros()),
            ..Default::default()
        };
        let done = sessions::Entity::update_many()
            .set(change)
            .col_expr(
                sessions::Column::Version,
                Expr::col(sessions::Column::Version).add(1),
            )
            .col_expr(sessions::Column::UpdatedBy, Expr::col(sessions::Column::UserId))
            .filter(sessions::Column::Id.eq(id.as_uuid()))
            .filter(sessions::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(sessions::Column::RevokedAt.is_null())
            .filter(sessions::Column::CookieHash.is_not_null())
            .exec(&self.db)
            .await
            .map_err(port("sessions.rekey"))?;
        Ok(done.rows_affected == 1)
    }

    async fn with_cookie(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Vec<SessionId>, PortError> {
        let ids: Vec<uuid::Uuid> = theirs(organization, user)
            .select_only()
            .column(sessions::Column::Id)
            .filter(sessions::Column::RevokedAt.is_null())
            .filter(sessions::Column::CookieHash.is_not_null())
            .limit(LISTED)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(port("sessions.with_cookie"))?;
        Ok(ids.into_iter().map(SessionId::from_uuid).collect())
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

    async fn clear_password_due(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<(), PortError> {
        let change = sessions::ActiveModel {
            password_due_at: Set(None),
            ..Default::default()
        };
        sessions::Entity::update_many()
            .set(change)
            .filter(sessions::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(sessions::Column::UserId.eq(user.as_uuid()))
            .filter(sessions::Column::PasswordDueAt.is_not_null())
            .exec(&self.db)
            .await
            .map(|_| ())
            .map_err(port("sessions.clear_password_due"))
    }

    async fn forget_origins(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        let nothing = sessions::ActiveModel {
            ip_ct: Set(None),
            user_agent_ct: Set(None),
            network_tag: Set(None),
            browser_tag: Set(None),
            ..Default::default()
        };
        sessions::Entity::update_many()
            .set(nothing)
            .filter(sessions::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(sessions::Column::UserId.eq(user.as_uuid()))
            .filter(
                sessions::Column::IpCt
                    .is_not_null()
                    .or(sessions::Column::UserAgentCt.is_not_null())
                    .or(sessions::Column::NetworkTag.is_not_null()),
            )
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected)
            .map_err(port("sessions.forget_origins"))
    }
}

impl Tx {
    /// The sessions in `rows`, with one query for their persons' keys at most.
    async fn sessions_of(&self, rows: &[sessions::Model]) -> Result<Vec<Session>, PortError> {
        let cells = rows.iter().flat_map(|row| [&row.ip_ct, &row.user_agent_ct]);
        let ciphertexts = cells.flatten().map(Encrypted::as_bytes).collect();
        let keys = self.subject_keys(ciphertexts).await?;
        rows.iter()
            .map(|row| session(row, &self.keyring, &keys))
            .collect()
    }
}

/// A user's, newest first.
fn theirs(organization: OrganizationId, user: UserId) -> Select<sessions::Entity> {
    sessions::Entity::find()
        .filter(sessions::Column::OrganizationId.eq(organization.as_uuid()))
        .filter(sessions::Column::UserId.eq(user.as_uuid()))
        .order_by_desc(sessions::Column::Id)
}

/// Neither ended nor over at `now`.
fn lives(now: Timestamp) -> Condition {
    let idle = sessions::Column::IdleExpiresAt;
    Condition::all()
        .add(sessions::Column::RevokedAt.is_null())
        .add(sessions::Column::ExpiresAt.gt(now.as_micros()))
        .add(idle.is_null().or(idle.gt(now.as_micros())))
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
    holder: &Holder,
    entropy: &mut dyn Entropy,
) -> Result<sessions::ActiveModel, PortError> {
    let place = Place::of::<sessions::Entity>(
        keyring,
        session.organization_id,
        session.id.as_uuid(),
        session.user_id,
    );
    let mut seal = |column, text: Option<&String>| match (holder, text) {
        (Holder::Key(key), Some(text)) => {
            let origin = Origin(text.clone());
            place.seal(column, &origin, Under::Person(key), entropy).map(Some)
        }
        // Under no other key: it could not be erased.
        (Holder::Erased | Holder::Stranger, _) | (_, None) => Ok(None),
    };
    let (ip, user_agent) = (
        seal(sessions::Column::IpCt, session.ip.as_ref())?,
        seal(sessions::Column::UserAgentCt, session.user_agent.as_ref())?,
    );
    let mut row = sessions::ActiveModel {
        id: Set(session.id.as_uuid()),
        organization_id: Set(session.organization_id.as_uuid()),
        user_id: Set(session.user_id.as_uuid()),
        epoch: Set(session.epoch),
        aal: Set(session.assurance.aal.as_str().to_owned()),
        amr: Set(session.assurance.amr.join(" ")),
        auth_time: Set(session.assurance.auth_time.as_micros()),
        ip_ct: Set(ip),
        user_agent_ct: Set(user_agent),
        last_seen_at: Set(session.last_seen_at.as_micros()),
        expires_at: Set(session.expires_at.as_micros()),
        idle_expires_at: micros(session.idle_expires_at),
        revoked_at: micros(session.revoked_at),
        revoke_reason: Set(session.revoke_reason.clone()),
        cookie_hash: Set(session.cookie.map(|hash| hash.0.to_vec())),
        network_tag: Set(session.settled.place.map(|place| place.network.to_vec())),
        browser_tag: Set(session.settled.place.map(|place| place.agent.to_vec())),
        moved_at: micros(session.settled.moved_at),
        previous_login_at: micros(session.previous_login_at),
        password_due_at: micros(session.password_due_at),
        ..Default::default()
    };
    set_stamps!(row, &session.stamps);
    Ok(row)
}

fn session(row: &sessions::Model, keyring: &Keyring, keys: &SubjectKeys) -> Result<Session, PortError> {
    let (id, user_id) = (SessionId::from_uuid(row.id), UserId::from_uuid(row.user_id));
    let organization = OrganizationId::from_uuid(row.organization_id);
    let place = Place::of::<sessions::Entity>(keyring, organization, row.id, user_id);
    let open = |column, cell: &Option<Encrypted<Origin>>| {
        let opened = place.open_optional(column, keys, cell.as_ref())?;
        Ok::<_, PortError>(opened.map(|Origin(text)| text))
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
        ip: open(sessions::Column::IpCt, &row.ip_ct)?,
        user_agent: open(sessions::Column::UserAgentCt, &row.user_agent_ct)?,
        last_seen_at: Timestamp::from_micros(row.last_seen_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        idle_expires_at: row.idle_expires_at.map(Timestamp::from_micros),
        revoked_at: row.revoked_at.map(Timestamp::from_micros),
        revoke_reason: row.revoke_reason.clone(),
        cookie: status::cookie(row.cookie_hash.as_deref(), row.id)?,
        settled: status::settled(
            [row.network_tag.as_deref(), row.browser_tag.as_deref()],
            row.moved_at,
            row.id,
        )?,
        previous_login_at: row.previous_login_at.map(Timestamp::from_micros),
        password_due_at: row.password_due_at.map(Timestamp::from_micros),
        stamps: stamps_of!(row),
    })
}
