//! Counters against guessing.

use async_trait::async_trait;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::OnConflict};
use vutf_identity::{
    guard::{GuardKey, GuardState},
    repo::GuardRepo,
};
use vutf_kernel::{Fault, OrganizationId, PortError, Timestamp, UserId};

use super::{micros, person};
use crate::{
    entity::login_guards::{ActiveModel, Column, Entity},
    error::port,
    tx::Tx,
};

#[async_trait]
impl GuardRepo for Tx {
    async fn lock(
        &mut self,
        organization: OrganizationId,
        key: &GuardKey,
        now: Timestamp,
    ) -> Result<GuardState, PortError> {
        // The row must be there to be locked: two first attempts at once must not both see none.
        let fresh = row(organization, key, &GuardState::CLEAR, now);
        let id = [Column::OrganizationId, Column::Account, Column::Authenticator];
        Entity::insert(fresh)
            .on_conflict(OnConflict::columns(id).do_nothing().to_owned())
            .exec_without_returning(&self.db)
            .await
            .map_err(port("guards.insert"))?;
        let id = (
            organization.as_uuid(),
            key.account.to_vec(),
            key.authenticator.to_owned(),
        );
        let found = Entity::find_by_id(id)
            .lock_exclusive()
            .one(&self.db)
            .await
            .map_err(port("guards.lock"))?
            // Housekeeping removed it between the two statements: from the start again.
            .ok_or_else(|| PortError::new("guards.lock", Fault::Contention, "the counter was removed"))?;
        Ok(GuardState {
            failures: found.failures,
            blocked_until: found.blocked_until.map(Timestamp::from_micros),
        })
    }

    async fn put(
        &mut self,
        organization: OrganizationId,
        key: &GuardKey,
        state: &GuardState,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let id = [Column::OrganizationId, Column::Account, Column::Authenticator];
        let replace = OnConflict::columns(id)
            .update_columns([Column::Failures, Column::BlockedUntil, Column::UpdatedAt])
            .to_owned();
        Entity::insert(row(organization, key, state, now))
            .on_conflict(replace)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("guards.put"))
    }

    async fn failures_of(
        &mut self,
        organization: OrganizationId,
        account: &[u8; 32],
    ) -> Result<i64, PortError> {
        let counts: Vec<i64> = Entity::find()
            .select_only()
            .column(Column::Failures)
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(Column::Account.eq(account.to_vec()))
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(port("guards.failures_of"))?;
        Ok(counts.into_iter().fold(0, i64::saturating_add))
    }

    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        Entity::delete_many()
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(Column::UserId.eq(user.as_uuid()))
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected)
            .map_err(port("guards.remove"))
    }
}

fn row(organization: OrganizationId, key: &GuardKey, state: &GuardState, now: Timestamp) -> ActiveModel {
    ActiveModel {
        organization_id: Set(organization.as_uuid()),
        account: Set(key.account.to_vec()),
        authenticator: Set(key.authenticator.to_owned()),
        user_id: person(key.user),
        failures: Set(state.failures),
        blocked_until: micros(state.blocked_until),
        updated_at: Set(now.as_micros()),
    }
}
