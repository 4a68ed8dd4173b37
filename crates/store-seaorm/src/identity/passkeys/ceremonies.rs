//! Ceremonies under way: of each challenge only its hash.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use vutf_identity::{
    passkey::{PasskeyChallenge, Purpose},
    refresh::TokenHash,
};
use vutf_kernel::{OrganizationId, PortError, SessionId, Timestamp, UserId};

use crate::{
    entity::passkey_challenges::{ActiveModel, Column, Entity},
    error::port,
    row::corrupt,
    tx::Tx,
};

impl Tx {
    pub(super) async fn insert_ceremony(&mut self, challenge: &PasskeyChallenge) -> Result<(), PortError> {
        let row = ActiveModel {
            challenge_hash: Set(challenge.hash.0.to_vec()),
            organization_id: Set(challenge.organization_id.as_uuid()),
            purpose: Set(challenge.purpose.as_str().to_owned()),
            user_id: Set(challenge.session.map(|(user, _)| user.as_uuid())),
            session_id: Set(challenge.session.map(|(_, session)| session.as_uuid())),
            expires_at: Set(challenge.expires_at.as_micros()),
            created_at: Set(challenge.created_at.as_micros()),
        };
        Entity::insert(row)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("passkey_challenges.insert"))
    }

    /// Whoever removes the row has the challenge; others who read it at the same moment have not.
    pub(super) async fn take_ceremony(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<Option<PasskeyChallenge>, PortError> {
        let found = Entity::find_by_id(hash.0.to_vec())
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .one(&self.db)
            .await
            .map_err(port("passkey_challenges.find"))?;
        let Some(row) = found else { return Ok(None) };
        let done = Entity::delete_by_id(hash.0.to_vec())
            .exec(&self.db)
            .await
            .map_err(port("passkey_challenges.take"))?;
        if done.rows_affected != 1 {
            return Ok(None);
        }
        let purpose = Purpose::parse(&row.purpose)
            .ok_or_else(|| corrupt("passkey_challenges", "purpose", row.created_at, "not a purpose"))?;
        let session = row.user_id.zip(row.session_id);
        Ok(Some(PasskeyChallenge {
            hash: *hash,
            organization_id: organization,
            purpose,
            session: session.map(|(user, session)| (UserId::from_uuid(user), SessionId::from_uuid(session))),
            expires_at: Timestamp::from_micros(row.expires_at),
            created_at: Timestamp::from_micros(row.created_at),
        }))
    }

    pub(super) async fn remove_ceremonies_of(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<(), PortError> {
        Entity::delete_many()
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(Column::UserId.eq(user.as_uuid()))
            .exec(&self.db)
            .await
            .map(|_| ())
            .map_err(port("passkey_challenges.remove"))
    }
}
