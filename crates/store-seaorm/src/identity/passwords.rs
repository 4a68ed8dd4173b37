//! Passwords.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use vutf_crypto_keys::{Keyring, SubjectKeys};
use vutf_identity::{
    password::PastPassword,
    repo::{PasswordRecord, PasswordRepo},
};
use vutf_kernel::{OrganizationId, PortError, Timestamp, UserId};

use super::{micros, set_stamps, stamps_of};
use crate::{
    encrypted::Phc,
    entity::passwords::{self, Column},
    error::port,
    row_mac::{Authenticated as _, Password},
    sealed::{Place, Under},
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
        let keys = SubjectKeys::default();
        let Phc(phc) =
            place(&self.keyring, organization, user).require(Column::PhcCt, &keys, Some(&row.phc_ct))?;
        let record = PasswordRecord {
            user_id: user,
            organization_id: organization,
            phc,
            changed_at: Timestamp::from_micros(row.changed_at),
            must_change_at: row.must_change_at.map(Timestamp::from_micros),
            beside_factor: row.beside_factor,
            stamps: stamps_of!(row),
        };
        authenticated(&record).verify(&self.keyring, row.row_mac.as_deref())?;
        Ok(Some(record))
    }

    async fn put(&mut self, record: &PasswordRecord) -> Result<(), PortError> {
        let place = place(&self.keyring, record.organization_id, record.user_id);
        let phc = Phc(record.phc.clone());
        // Under the table's key: it is no use to anybody but this service, and goes with the row.
        let phc = place.seal(Column::PhcCt, &phc, Under::Table, &mut *self.entropy)?;
        let mut row = passwords::ActiveModel {
            user_id: Set(record.user_id.as_uuid()),
            organization_id: Set(record.organization_id.as_uuid()),
            phc_ct: Set(phc),
            changed_at: Set(record.changed_at.as_micros()),
            must_change_at: micros(record.must_change_at),
            beside_factor: Set(record.beside_factor),
            row_mac: Set(Some(authenticated(record).mac(&self.keyring)?)),
            ..Default::default()
        };
        set_stamps!(row, &record.stamps);
        let replace = OnConflict::column(Column::UserId)
            .update_columns([
                Column::PhcCt,
                Column::ChangedAt,
                Column::MustChangeAt,
                Column::BesideFactor,
                Column::RowMac,
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

    async fn remove(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        passwords::Entity::delete_many()
            .filter(Column::UserId.eq(user.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected)
            .map_err(port("passwords.remove"))
    }

    async fn past(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        limit: u32,
    ) -> Result<Vec<PastPassword>, PortError> {
        self.past_passwords(organization, user, limit).await
    }

    async fn remember(&mut self, past: &PastPassword) -> Result<(), PortError> {
        self.remember_password(past).await
    }

    async fn forget_past(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        keep: u32,
    ) -> Result<u64, PortError> {
        self.forget_passwords(organization, user, keep).await
    }
}

fn place(keyring: &Keyring, organization: OrganizationId, user: UserId) -> Place<'_> {
    Place::of::<passwords::Entity>(keyring, organization, user.as_uuid(), user)
}

fn authenticated(record: &PasswordRecord) -> Password<'_> {
    Password {
        organization: record.organization_id.as_uuid(),
        user: record.user_id.as_uuid(),
        changed_at: record.changed_at,
        must_change_at: record.must_change_at,
        beside_factor: record.beside_factor,
        phc: record.phc.expose(),
    }
}
