//! The one-time secret of the first administrator.

use async_trait::async_trait;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::OnConflict};
use vutf_identity::{
    refresh::TokenHash,
    repo::{BootstrapRecord, BootstrapRepo},
};
use vutf_kernel::{OrganizationId, PortError, Timestamp};

use super::micros;
use crate::{
    entity::bootstrap_tokens::{ActiveModel, Column, Entity},
    error::port,
    row::array,
    tx::Tx,
};

#[async_trait]
impl BootstrapRepo for Tx {
    async fn find(&mut self, organization: OrganizationId) -> Result<Option<BootstrapRecord>, PortError> {
        let found = Entity::find_by_id(organization.as_uuid())
            .one(&self.db)
            .await
            .map_err(port("bootstrap.find"))?;
        let Some(row) = found else { return Ok(None) };
        Ok(Some(BootstrapRecord {
            token: TokenHash(array(
                "bootstrap_tokens",
                "token_hash",
                row.organization_id,
                &row.token_hash,
            )?),
            used_at: row.used_at.map(Timestamp::from_micros),
        }))
    }

    async fn put(
        &mut self,
        organization: OrganizationId,
        token: &TokenHash,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        let row = ActiveModel {
            organization_id: Set(organization.as_uuid()),
            token_hash: Set(token.0.to_vec()),
            created_at: Set(at.as_micros()),
            used_at: Set(None),
        };
        let replace = OnConflict::column(Column::OrganizationId)
            .update_columns([Column::TokenHash, Column::CreatedAt])
            .action_and_where(Column::UsedAt.is_null())
            .to_owned();
        let written = Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(&self.db)
            .await
            .map_err(port("bootstrap.put"))?;
        Ok(written == 1)
    }

    async fn consume(
        &mut self,
        organization: OrganizationId,
        token: &TokenHash,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        let done = Entity::update_many()
            .set(ActiveModel {
                used_at: micros(Some(at)),
                ..Default::default()
            })
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(Column::TokenHash.eq(token.0.to_vec()))
            .filter(Column::UsedAt.is_null())
            .exec(&self.db)
            .await
            .map_err(port("bootstrap.consume"))?;
        Ok(done.rows_affected == 1)
    }
}
