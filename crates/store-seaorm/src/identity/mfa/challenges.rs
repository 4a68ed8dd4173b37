//! Sign-ins that wait for their second factor.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use vutf_identity::{mfa::MfaChallenge, refresh::TokenHash};
use vutf_kernel::{OrganizationId, PortError, Timestamp, UserId};

use crate::{
    entity::mfa_challenges::{ActiveModel, Column, Entity},
    error::port,
    tx::Tx,
};

impl Tx {
    pub(super) async fn insert_challenge(&mut self, challenge: &MfaChallenge) -> Result<(), PortError> {
        Entity::delete_many()
            .filter(Column::UserId.eq(challenge.user_id.as_uuid()))
            .filter(Column::OrganizationId.eq(challenge.organization_id.as_uuid()))
            .filter(Column::ExpiresAt.lte(challenge.created_at.as_micros()))
            .exec(&self.db)
            .await
            .map_err(port("mfa_challenges.remove_old"))?;
        let row = ActiveModel {
            challenge_hash: Set(challenge.hash.0.to_vec()),
            organization_id: Set(challenge.organization_id.as_uuid()),
            user_id: Set(challenge.user_id.as_uuid()),
            epoch: Set(challenge.epoch),
            password_changed_at: Set(challenge.password_changed_at.as_micros()),
            expires_at: Set(challenge.expires_at.as_micros()),
            created_at: Set(challenge.created_at.as_micros()),
        };
        Entity::insert(row)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("mfa_challenges.insert"))
    }

    pub(super) async fn challenge(
        &self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<Option<MfaChallenge>, PortError> {
        let found = Entity::find_by_id(hash.0.to_vec())
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .one(&self.db)
            .await
            .map_err(port("mfa_challenges.find"))?;
        Ok(found.map(|row| MfaChallenge {
            hash: *hash,
            organization_id: organization,
            user_id: UserId::from_uuid(row.user_id),
            epoch: row.epoch,
            password_changed_at: Timestamp::from_micros(row.password_changed_at),
            expires_at: Timestamp::from_micros(row.expires_at),
            created_at: Timestamp::from_micros(row.created_at),
        }))
    }

    pub(super) async fn spend_challenge(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<bool, PortError> {
        let done = Entity::delete_many()
            .filter(Column::ChallengeHash.eq(hash.0.to_vec()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .exec(&self.db)
            .await
            .map_err(port("mfa_challenges.use"))?;
        Ok(done.rows_affected == 1)
    }

    pub(super) async fn remove_challenges_of(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<u64, PortError> {
        Entity::delete_many()
            .filter(Column::UserId.eq(user.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected)
            .map_err(port("mfa_challenges.remove"))
    }
}
