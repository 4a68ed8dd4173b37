//! Passkeys, and ceremonies under way.

mod ceremonies;
mod rows;

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use vutf_identity::{
    passkey::{CredentialId, Passkey, PasskeyChallenge, PasskeyRepo},
    refresh::TokenHash,
};
use vutf_kernel::{FactorId, OrganizationId, PortError, Timestamp, UserId};

use super::{micros, person};
use crate::{
    entity::passkeys::{ActiveModel, Column, Entity},
    error::port,
    sealed::Under,
    tx::Tx,
};

/// Far more passkeys of one account than there may be, whatever the settings say.
const MOST: u64 = 1_000;

#[async_trait]
impl PasskeyRepo for Tx {
    async fn insert(&mut self, passkey: &Passkey) -> Result<(), PortError> {
        let holder = self.holder(passkey.organization_id, passkey.user_id).await?;
        let row = rows::row(passkey, &self.keyring, &holder, &mut *self.entropy)?;
        Entity::insert(row)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("passkeys.insert"))
    }

    async fn of_user(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Vec<Passkey>, PortError> {
        let rows = Entity::find()
            .filter(theirs(organization, user))
            .order_by_asc(Column::Id)
            .limit(MOST)
            .all(&self.db)
            .await
            .map_err(port("passkeys.of_user"))?;
        self.passkeys_in(&rows).await
    }

    async fn count_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        Entity::find()
            .filter(theirs(organization, user))
            .count(&self.db)
            .await
            .map_err(port("passkeys.count"))
    }

    async fn find_credential(
        &mut self,
        organization: OrganizationId,
        id: &CredentialId,
    ) -> Result<Option<Passkey>, PortError> {
        let found = Entity::find()
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(Column::CredentialId.eq(id.as_bytes().to_vec()))
            .one(&self.db)
            .await
            .map_err(port("passkeys.find"))?;
        Ok(self.passkeys_in(found.as_slice()).await?.pop())
    }

    /// The MAC covers what is written and what never changes, so that it is made without reading anew.
    async fn note_use(&mut self, used: &Passkey) -> Result<bool, PortError> {
        let change = ActiveModel {
            sign_count: Set(i64::from(used.sign_count)),
            backup_eligible: Set(used.backup.eligible),
            backed_up: Set(used.backup.present),
            password_changed_at: micros(used.password_changed_at),
            last_used_at: micros(used.last_used_at),
            row_mac: Set(Some(rows::mac(&self.keyring, used)?)),
            ..Default::default()
        };
        let below = if used.sign_count == 0 {
            Column::SignCount.eq(0)
        } else {
            Column::SignCount.lt(i64::from(used.sign_count))
        };
        let done = Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(used.id.as_uuid()))
            .filter(theirs(used.organization_id, used.user_id))
            .filter(below)
            .exec(&self.db)
            .await
            .map_err(port("passkeys.note_use"))?;
        Ok(done.rows_affected == 1)
    }

    /// The name is sealed, and not under the row's MAC: it lets nobody in.
    async fn rename(&mut self, passkey: &Passkey) -> Result<bool, PortError> {
        let holder = self.holder(passkey.organization_id, passkey.user_id).await?;
        let subject = rows::subject(&holder)?;
        let place = rows::place(&self.keyring, passkey);
        let name = place.seal(
            Column::NameCt,
            &passkey.name,
            Under::Person(subject),
            &mut *self.entropy,
        )?;
        let change = ActiveModel {
            name_ct: Set(name),
            updated_at: Set(passkey.stamps.updated_at.as_micros()),
            updated_by: person(passkey.stamps.updated_by),
            ..Default::default()
        };
        let done = Entity::update_many()
            .set(change)
            .col_expr(Column::Version, Expr::col(Column::Version).add(1))
            .filter(Column::Id.eq(passkey.id.as_uuid()))
            .filter(theirs(passkey.organization_id, passkey.user_id))
            .exec(&self.db)
            .await
            .map_err(port("passkeys.rename"))?;
        Ok(done.rows_affected == 1)
    }

    async fn remove(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        id: FactorId,
    ) -> Result<bool, PortError> {
        let done = Entity::delete_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(theirs(organization, user))
            .exec(&self.db)
            .await
            .map_err(port("passkeys.remove"))?;
        Ok(done.rows_affected == 1)
    }

    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        self.remove_ceremonies_of(organization, user).await?;
        Entity::delete_many()
            .filter(theirs(organization, user))
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected)
            .map_err(port("passkeys.remove_of"))
    }

    async fn open_challenge(&mut self, challenge: &PasskeyChallenge) -> Result<(), PortError> {
        self.insert_ceremony(challenge).await
    }

    async fn take_challenge(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<Option<PasskeyChallenge>, PortError> {
        self.take_ceremony(organization, hash).await
    }
}

fn theirs(organization: OrganizationId, user: UserId) -> Condition {
    Condition::all()
        .add(Column::OrganizationId.eq(organization.as_uuid()))
        .add(Column::UserId.eq(user.as_uuid()))
}

fn instant(micros: Option<i64>) -> Option<Timestamp> {
    micros.map(Timestamp::from_micros)
}
