//! Passwords.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use vutf_crypto_keys::Keyring;
use vutf_identity::repo::{PasswordRecord, PasswordRepo};
use vutf_kernel::{OrganizationId, PortError, Secret, Timestamp, UserId};

use super::{set_stamps, stamps_of};
use crate::{
    entity::passwords::{self, Column},
    error::port,
    sealed::SealedRow,
    tx::Tx,
};

#[async_trait]
impl PasswordRepo for Tx {
    async fn find(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<PasswordRecord>, PortError> {
        let found = passwords::Entity::find_by_id(user.as_uuid())
            .filter(passwords::Column::OrganizationId.eq(organization.as_uuid()))
            .one(&self.db)
            .await
            .map_err(port("passwords.find"))?;
        let Some(row) = found else { return Ok(None) };
        Ok(Some(PasswordRecord {
            user_id: user,
            organization_id: organization,
            phc: Secret::new(password_row(&self.keyring, organization, user).open("phc_ct", &row.phc_ct)?),
            changed_at: Timestamp::from_micros(row.changed_at),
            stamps: stamps_of!(row),
        }))
    }

    async fn put(&mut self, record: &PasswordRecord) -> Result<(), PortError> {
        let place = password_row(&self.keyring, record.organization_id, record.user_id);
        let phc = place.seal("phc_ct", record.phc.expose(), &mut *self.entropy)?;
        let mut row = passwords::ActiveModel {
            user_id: Set(record.user_id.as_uuid()),
            organization_id: Set(record.organization_id.as_uuid()),
            phc_ct: Set(phc),
            changed_at: Set(record.changed_at.as_micros()),
            ..Default::default()
        };
        set_stamps!(row, &record.stamps);
        let replace = OnConflict::column(Column::UserId)
            .update_columns([
                Column::PhcCt,
                Column::ChangedAt,
                Column::UpdatedAt,
                Column::UpdatedBy,
            ])
            // By the database, since a put does not say which version it replaces.
            .value(
                Column::Version,
                Expr::col((passwords::Entity, Column::Version)).add(1),
            )
            .to_owned();
        passwords::Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("passwords.put"))
    }
}

fn password_row(keyring: &Keyring, organization: OrganizationId, user: UserId) -> SealedRow<'_> {
    SealedRow {
        keyring,
        organization,
        table: "passwords",
        row: user.as_uuid(),
        subject: Some(user),
    }
}
