//! Signs of life.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
    sea_query::{Expr, ExprTrait as _, Func, SimpleExpr},
};
use uuid::Uuid;
use vutf_identity::{UserKind, UserStatus, presence::PresenceRepo, session::used::Used};
use vutf_kernel::{OrganizationId, PortError, Timestamp, UserId};

use crate::{
    entity::users::{self, Column},
    error::port,
    identity::micros,
    tx::Tx,
};

/// At most once in [`vutf_identity::session::used::GRAIN`] for a person, whatever number of sessions they have.
const SEEN: &str = "UPDATE users SET last_seen_at = $1, inactivity_told_at = NULL \
     WHERE id = (SELECT user_id FROM sessions WHERE id = $2) AND (last_seen_at IS NULL OR last_seen_at <= $3)";

/// When somebody was last there; never: when their account was made. The index `users_presence` is over the same.
pub(crate) fn last_there() -> SimpleExpr {
    let seen = Expr::col(Column::LastSeenAt);
    Func::coalesce([seen, Expr::col(Column::CreatedAt)]).into()
}

impl Tx {
    /// Notes that the person of a session is there.
    pub(crate) async fn note_seen(&self, used: &Used) -> Result<(), PortError> {
        let values = [
            used.at.as_micros().into(),
            used.session_id.as_uuid().into(),
            used.unless_since.as_micros().into(),
        ];
        let statement = Statement::from_sql_and_values(self.backend, SEEN, values);
        self.db
            .execute_raw(statement)
            .await
            .map(|_| ())
            .map_err(port("users.note_seen"))
    }

    async fn set_told(
        &self,
        organization: OrganizationId,
        user: UserId,
        at: Option<Timestamp>,
    ) -> Result<(), PortError> {
        let change = users::ActiveModel {
            inactivity_told_at: micros(at),
            ..Default::default()
        };
        users::Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(user.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .exec(&self.db)
            .await
            .map(|_| ())
            .map_err(port("users.note_told"))
    }
}

#[async_trait]
impl PresenceRepo for Tx {
    async fn idle(
        &mut self,
        before: Timestamp,
        told: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<(OrganizationId, UserId)>, PortError> {
        let as_asked = match told {
            None => Column::InactivityToldAt.is_null(),
            Some(told) => Column::InactivityToldAt.lte(told.as_micros()),
        };
        let found: Vec<(Uuid, Uuid)> = users::Entity::find()
            .select_only()
            .columns([Column::OrganizationId, Column::Id])
            .filter(last_there().lte(before.as_micros()))
            .filter(as_asked)
            .filter(Column::Kind.eq(UserKind::Person.as_str()))
            .filter(Column::Status.eq(UserStatus::Active.as_str()))
            .filter(Column::DeletedAt.is_null())
            .order_by_asc(last_there())
            .order_by_asc(Column::Id)
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(port("users.idle"))?;
        let ids = |(organization, user)| (OrganizationId::from_uuid(organization), UserId::from_uuid(user));
        Ok(found.into_iter().map(ids).collect())
    }

    async fn note_told(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        at: Timestamp,
    ) -> Result<(), PortError> {
        self.set_told(organization, user, Some(at)).await
    }

    async fn forgive(&mut self, organization: OrganizationId, user: UserId) -> Result<(), PortError> {
        self.set_told(organization, user, None).await
    }
}
