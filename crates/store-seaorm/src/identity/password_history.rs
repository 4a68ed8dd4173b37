//! Passwords that were replaced: each sealed for its row and its person, under the table's key.

use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use vutf_crypto_keys::{Keyring, SubjectKeys};
use vutf_identity::password::PastPassword;
use vutf_kernel::{OrganizationId, PastPasswordId, PortError, Timestamp, UserId};

use crate::{
    encrypted::Phc,
    entity::password_history::{ActiveModel, Column, Entity, Model},
    error::port,
    sealed::{Place, Under},
    tx::Tx,
};

impl Tx {
    pub(super) async fn past_passwords(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        limit: u32,
    ) -> Result<Vec<PastPassword>, PortError> {
        let rows = self.newest(organization, user, limit).await?;
        let opened = rows.iter().map(|row| past(&self.keyring, row));
        opened.collect()
    }

    pub(super) async fn remember_password(&mut self, past: &PastPassword) -> Result<(), PortError> {
        let place = place(&self.keyring, past.organization_id, past.id, past.user_id);
        let phc = Phc(past.phc.clone());
        let row = ActiveModel {
            id: Set(past.id.as_uuid()),
            organization_id: Set(past.organization_id.as_uuid()),
            user_id: Set(past.user_id.as_uuid()),
            phc_ct: Set(place.seal(Column::PhcCt, &phc, Under::Table, &mut *self.entropy)?),
            replaced_at: Set(past.replaced_at.as_micros()),
        };
        Entity::insert(row)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("password_history.remember"))
    }

    pub(super) async fn forget_passwords(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        keep: u32,
    ) -> Result<u64, PortError> {
        let mut condition = of(organization, user);
        if keep > 0 {
            // Few: no more are kept than are looked at.
            let kept = self.newest(organization, user, keep).await?;
            condition = condition.add(Column::Id.is_not_in(kept.into_iter().map(|row| row.id)));
        }
        Entity::delete_many()
            .filter(condition)
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected)
            .map_err(port("password_history.forget_past"))
    }

    async fn newest(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        limit: u32,
    ) -> Result<Vec<Model>, PortError> {
        Entity::find()
            .filter(of(organization, user))
            .order_by_desc(Column::ReplacedAt)
            .order_by_desc(Column::Id)
            .limit(u64::from(limit))
            .all(&self.db)
            .await
            .map_err(port("password_history.past"))
    }
}

fn of(organization: OrganizationId, user: UserId) -> Condition {
    Condition::all()
        .add(Column::UserId.eq(user.as_uuid()))
        .add(Column::OrganizationId.eq(organization.as_uuid()))
}

fn place(keyring: &Keyring, organization: OrganizationId, id: PastPasswordId, user: UserId) -> Place<'_> {
    Place::of::<Entity>(keyring, organization, id.as_uuid(), user)
}

fn past(keyring: &Keyring, row: &Model) -> Result<PastPassword, PortError> {
    let id = PastPasswordId::from_uuid(row.id);
    let organization_id = OrganizationId::from_uuid(row.organization_id);
    let user_id = UserId::from_uuid(row.user_id);
    let place = place(keyring, organization_id, id, user_id);
    let Phc(phc) = place.require(Column::PhcCt, &SubjectKeys::default(), Some(&row.phc_ct))?;
    Ok(PastPassword {
        id,
        organization_id,
        user_id,
        phc,
        replaced_at: Timestamp::from_micros(row.replaced_at),
    })
}
