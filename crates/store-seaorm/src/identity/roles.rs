//! Role assignments.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DbBackend, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::Query,
};
use uuid::Uuid;
use vutf_identity::{UserKind, UserStatus, repo::RoleRepo};
use vutf_kernel::{OrganizationId, PortError, Timestamp, UserId};

use super::person;
use crate::{
    entity::{user_roles, users},
    error::port,
    tx::Tx,
};

#[async_trait]
impl RoleRepo for Tx {
    async fn of_user(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Vec<String>, PortError> {
        user_roles::Entity::find()
            .select_only()
            .column(user_roles::Column::Role)
            .filter(user_roles::Column::UserId.eq(user.as_uuid()))
            .filter(user_roles::Column::OrganizationId.eq(organization.as_uuid()))
            .order_by_asc(user_roles::Column::Role)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(port("roles.of_user"))
    }

    async fn assign(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        roles: &[String],
        by: Option<UserId>,
        at: Timestamp,
    ) -> Result<(), PortError> {
        user_roles::Entity::delete_many()
            .filter(user_roles::Column::UserId.eq(user.as_uuid()))
            .filter(user_roles::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(user_roles::Column::Role.is_not_in(roles))
            .exec(&self.db)
            .await
            .map_err(port("roles.clear"))?;
        // What is kept was given when it was given.
        let kept = self.of_user(organization, user).await?;
        let mut rows = Vec::with_capacity(roles.len());
        for role in roles.iter().filter(|role| !kept.contains(role)) {
            rows.push(user_roles::ActiveModel {
                user_id: Set(user.as_uuid()),
                role: Set(role.clone()),
                organization_id: Set(organization.as_uuid()),
                granted_at: Set(at.as_micros()),
                granted_by: person(by),
            });
        }
        if rows.is_empty() {
            return Ok(());
        }
        user_roles::Entity::insert_many(rows)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("roles.assign"))
    }

    async fn holders(&mut self, organization: OrganizationId, role: &str) -> Result<u64, PortError> {
        held(organization, role)
            .count(&self.db)
            .await
            .map_err(port("roles.holders"))
    }

    async fn list_holders(
        &mut self,
        organization: OrganizationId,
        role: &str,
        limit: u64,
    ) -> Result<Vec<UserId>, PortError> {
        let ids = held(organization, role)
            .select_only()
            .column(user_roles::Column::UserId)
            .order_by_asc(user_roles::Column::UserId)
            .limit(limit)
            .into_tuple::<Uuid>()
            .all(&self.db)
            .await
            .map_err(port("roles.list_holders"))?;
        Ok(ids.into_iter().map(UserId::from_uuid).collect())
    }

    async fn lock_organization(&mut self, organization: OrganizationId) -> Result<(), PortError> {
        // SQLite has one writer: whoever holds a transaction holds this lock already.
        if self.backend != DbBackend::Postgres {
            return Ok(());
        }
        let statement = sea_orm::Statement::from_sql_and_values(
            self.backend,
            "SELECT id FROM organizations WHERE id = $1 FOR UPDATE",
            [organization.as_uuid().into()],
        );
        sea_orm::ConnectionTrait::query_one_raw(&self.db, statement)
            .await
            .map(|_| ())
            .map_err(port("roles.lock_organization"))
    }
}

/// The rows of persons that are active and hold `role`.
fn held(organization: OrganizationId, role: &str) -> Select<user_roles::Entity> {
    let active = Query::select()
        .column(users::Column::Id)
        .from(users::Entity)
        .and_where(users::Column::Status.eq(UserStatus::Active.as_str()))
        .and_where(users::Column::DeletedAt.is_null())
        .and_where(users::Column::Kind.eq(UserKind::Person.as_str()))
        .to_owned();
    user_roles::Entity::find()
        .filter(user_roles::Column::OrganizationId.eq(organization.as_uuid()))
        .filter(user_roles::Column::Role.eq(role))
        .filter(user_roles::Column::UserId.in_subquery(active))
}
