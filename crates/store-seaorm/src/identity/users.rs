//! Users.

use async_trait::async_trait;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use vutf_crypto_keys::Keyring;
use vutf_identity::{
    DisplayName, Email, LoginName, Phone, User, UserStatus, Username,
    repo::{UserFilter, UserRepo},
};
use vutf_kernel::{Entropy, Fault, OrganizationId, Page, PageRequest, PortError, Timestamp, UserId};

use super::{micros, set_stamps, stamps_of};
use crate::{
    entity::users,
    error::port,
    row::corrupt,
    sealed::{self, SealedRow},
    tx::Tx,
};

#[async_trait]
impl UserRepo for Tx {
    async fn insert(&mut self, user: &User) -> Result<(), PortError> {
        let row = row(user, &self.keyring, &mut *self.entropy)?;
        users::Entity::insert(row)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("users.insert"))
    }

    async fn find(&mut self, organization: OrganizationId, id: UserId) -> Result<Option<User>, PortError> {
        let found = UserRepo::find_with_deleted(self, organization, id).await?;
        Ok(found.filter(|user| !user.stamps.is_deleted()))
    }

    async fn find_with_deleted(
        &mut self,
        organization: OrganizationId,
        id: UserId,
    ) -> Result<Option<User>, PortError> {
        let found = users::Entity::find_by_id(id.as_uuid())
            .filter(users::Column::OrganizationId.eq(organization.as_uuid()))
            .one(&self.db)
            .await
            .map_err(port("users.find"))?;
        found.map(|row| user(&row, &self.keyring)).transpose()
    }

    async fn find_by_login(
        &mut self,
        organization: OrganizationId,
        name: &LoginName,
    ) -> Result<Option<User>, PortError> {
        let (column, indexes) = match name {
            LoginName::Username(name) => {
                let indexes = sealed::candidates(&self.keyring, organization, "username", &name.canonical())?;
                (users::Column::UsernameBidx, indexes)
            }
            LoginName::Email(email) => {
                let indexes = sealed::candidates(&self.keyring, organization, "email", &email.canonical())?;
                (users::Column::EmailBidx, indexes)
            }
            LoginName::Unknown => return Ok(None),
        };
        let found = users::Entity::find()
            .filter(users::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(column.is_in(indexes))
            .filter(users::Column::DeletedAt.is_null())
            .one(&self.db)
            .await
            .map_err(port("users.find_by_login"))?;
        found.map(|row| user(&row, &self.keyring)).transpose()
    }

    async fn update(&mut self, user: &User) -> Result<(), PortError> {
        let row = row(user, &self.keyring, &mut *self.entropy)?;
        let done = users::Entity::update_many()
            .set(row)
            .filter(users::Column::Id.eq(user.id.as_uuid()))
            .filter(users::Column::OrganizationId.eq(user.organization_id.as_uuid()))
            .filter(users::Column::Version.eq(user.stamps.version - 1))
            .exec(&self.db)
            .await
            .map_err(port("users.update"))?;
        if done.rows_affected == 1 {
            return Ok(());
        }
        Err(PortError::new(
            "users.update",
            Fault::Stale,
            "the user has another version",
        ))
    }

    async fn note_login(&mut self, id: UserId, at: Timestamp) -> Result<(), PortError> {
        let change = users::ActiveModel {
            last_login_at: micros(Some(at)),
            ..Default::default()
        };
        users::Entity::update_many()
            .set(change)
            .filter(users::Column::Id.eq(id.as_uuid()))
            .exec(&self.db)
            .await
            .map(|_| ())
            .map_err(port("users.note_login"))
    }

    async fn list(
        &mut self,
        organization: OrganizationId,
        filter: &UserFilter,
        page: &PageRequest,
    ) -> Result<Page<User>, PortError> {
        let mut query = users::Entity::find()
            .filter(users::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(users::Column::DeletedAt.is_null())
            .order_by_asc(users::Column::Id)
            .limit(u64::from(page.limit) + 1);
        if let Some(status) = filter.status {
            query = query.filter(users::Column::Status.eq(status.as_str()));
        }
        if let Some(after) = page.after {
            query = query.filter(users::Column::Id.gt(after));
        }
        let rows = query.all(&self.db).await.map_err(port("users.list"))?;
        let users = rows
            .iter()
            .map(|row| user(row, &self.keyring))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_overfetch(users, page.limit, |user| user.id.as_uuid()))
    }
}

fn row(user: &User, keyring: &Keyring, entropy: &mut dyn Entropy) -> Result<users::ActiveModel, PortError> {
    let organization = user.organization_id;
    let place = SealedRow {
        keyring,
        organization,
        table: "users",
        row: user.id.as_uuid(),
        subject: Some(user.id),
    };
    let username = sealed::index(keyring, organization, "username", &user.username.canonical())?;
    let email = sealed::index(keyring, organization, "email", &user.email.canonical())?;
    let mut row = users::ActiveModel {
        id: Set(user.id.as_uuid()),
        organization_id: Set(organization.as_uuid()),
        username_ct: Set(place.seal("username_ct", user.username.expose(), entropy)?),
        username_bidx: Set(username.value.to_vec()),
        username_bidx_ver: Set(i64::from(username.version)),
        email_ct: Set(place.seal("email_ct", user.email.expose(), entropy)?),
        email_bidx: Set(email.value.to_vec()),
        email_bidx_ver: Set(i64::from(email.version)),
        display_name_ct: Set(place.seal_optional(
            "display_name_ct",
            user.display_name.as_ref().map(DisplayName::expose),
            entropy,
        )?),
        phone_ct: Set(place.seal_optional("phone_ct", user.phone.as_ref().map(Phone::expose), entropy)?),
        status: Set(user.status.as_str().to_owned()),
        email_verified_at: micros(user.email_verified_at),
        epoch: Set(user.epoch),
        last_login_at: micros(user.last_login_at),
        ..Default::default()
    };
    set_stamps!(row, &user.stamps);
    Ok(row)
}

fn user(row: &users::Model, keyring: &Keyring) -> Result<User, PortError> {
    let id = UserId::from_uuid(row.id);
    let organization = OrganizationId::from_uuid(row.organization_id);
    let place = SealedRow {
        keyring,
        organization,
        table: "users",
        row: row.id,
        subject: Some(id),
    };
    Ok(User {
        id,
        organization_id: organization,
        username: Username::from_store(place.open("username_ct", &row.username_ct)?),
        email: Email::from_store(place.open("email_ct", &row.email_ct)?),
        display_name: place
            .open_optional("display_name_ct", row.display_name_ct.as_ref())?
            .map(DisplayName::from_store),
        phone: place
            .open_optional("phone_ct", row.phone_ct.as_ref())?
            .map(Phone::from_store),
        status: UserStatus::parse(&row.status)
            .ok_or_else(|| corrupt("users", "status", row.id, "not a known status"))?,
        email_verified_at: row.email_verified_at.map(Timestamp::from_micros),
        epoch: row.epoch,
        last_login_at: row.last_login_at.map(Timestamp::from_micros),
        stamps: stamps_of!(row),
    })
}
