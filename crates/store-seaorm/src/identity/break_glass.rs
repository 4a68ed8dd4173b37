//! Accounts behind glass. What opens one is under the row's MAC: neither another secret nor an opened seal is put in its place.

use async_trait::async_trait;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::OnConflict};
use vutf_crypto_keys::Keyring;
use vutf_identity::{
    break_glass::{BreakGlassRepo, Glass},
    refresh::TokenHash,
};
use vutf_kernel::{OrganizationId, PortError, SessionId, Timestamp, UserId};

use super::micros;
use crate::{
    entity::break_glass::{ActiveModel, Column, Entity, Model},
    error::port,
    row::array,
    row_mac::{Authenticated as _, GlassRow},
    tx::Tx,
};

#[async_trait]
impl BreakGlassRepo for Tx {
    async fn find(&mut self, organization: OrganizationId, user: UserId) -> Result<Option<Glass>, PortError> {
        let found = Entity::find()
            .filter(Column::UserId.eq(user.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .one(&self.db)
            .await
            .map_err(port("break_glass.find"))?;
        found.map(|row| glass(&row, &self.keyring)).transpose()
    }

    async fn seal(&mut self, glass: &Glass) -> Result<(), PortError> {
        let replace = OnConflict::column(Column::UserId)
            .update_columns([
                Column::SecretHash,
                Column::SealedAt,
                Column::OpenedAt,
                Column::SessionId,
                Column::RowMac,
            ])
            .to_owned();
        Entity::insert(row(glass, &self.keyring)?)
            .on_conflict(replace)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("break_glass.seal"))
    }

    async fn open(&mut self, glass: &Glass) -> Result<bool, PortError> {
        let written = row(glass, &self.keyring)?;
        let change = ActiveModel {
            opened_at: written.opened_at,
            session_id: written.session_id,
            row_mac: written.row_mac,
            ..Default::default()
        };
        let done = Entity::update_many()
            .set(change)
            .filter(Column::UserId.eq(glass.user_id.as_uuid()))
            .filter(Column::OrganizationId.eq(glass.organization_id.as_uuid()))
            .filter(Column::SecretHash.eq(glass.secret.0.to_vec()))
            .filter(Column::OpenedAt.is_null())
            .exec(&self.db)
            .await
            .map_err(port("break_glass.open"))?;
        Ok(done.rows_affected == 1)
    }
}

fn authenticated(glass: &Glass) -> GlassRow<'_> {
    GlassRow {
        organization: glass.organization_id.as_uuid(),
        user: glass.user_id.as_uuid(),
        secret: &glass.secret.0,
        sealed_at: glass.sealed_at.as_micros(),
        opened_at: glass.opened_at.map(Timestamp::as_micros),
        session: glass.session_id.map(|id| id.as_uuid()),
    }
}

fn row(glass: &Glass, keyring: &Keyring) -> Result<ActiveModel, PortError> {
    Ok(ActiveModel {
        user_id: Set(glass.user_id.as_uuid()),
        organization_id: Set(glass.organization_id.as_uuid()),
        secret_hash: Set(glass.secret.0.to_vec()),
        sealed_at: Set(glass.sealed_at.as_micros()),
        opened_at: micros(glass.opened_at),
        session_id: Set(glass.session_id.map(|id| id.as_uuid())),
        row_mac: Set(authenticated(glass).mac(keyring)?),
    })
}

fn glass(row: &Model, keyring: &Keyring) -> Result<Glass, PortError> {
    let found = Glass {
        user_id: UserId::from_uuid(row.user_id),
        organization_id: OrganizationId::from_uuid(row.organization_id),
        secret: TokenHash(array(
            "break_glass",
            "secret_hash",
            row.user_id,
            &row.secret_hash,
        )?),
        sealed_at: Timestamp::from_micros(row.sealed_at),
        opened_at: row.opened_at.map(Timestamp::from_micros),
        session_id: row.session_id.map(SessionId::from_uuid),
    };
    authenticated(&found).verify(keyring, Some(&row.row_mac))?;
    Ok(found)
}
