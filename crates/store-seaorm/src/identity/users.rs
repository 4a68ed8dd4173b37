//! Users.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, IdenStatic as _, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::ExprTrait as _,
};
use vutf_crypto_keys::{BlindIndex, Keyring, SubjectKey, SubjectKeys};
use vutf_identity::{
    DisplayName, LoginName, Phone, User, UserKind, UserStatus,
    repo::{UserFilter, UserRepo},
};
use vutf_kernel::{Entropy, Fault, OrganizationId, Page, PageRequest, PortError, Timestamp, UserId};

use super::{micros, people::last_there, person, set_stamps, stamps_of};
use crate::{
    encrypted::Encrypted,
    entity::users::{self, Column},
    error::port,
    row::corrupt,
    row_mac::{Authenticated as _, Personal, Standing},
    sealed::{self, Place, Under},
    subjects::Holder,
    tx::Tx,
};

#[async_trait]
impl UserRepo for Tx {
    async fn insert(&mut self, user: &User) -> Result<(), PortError> {
        self.claim_names("users.insert", user).await?;
        let key = self.make_subject_key(user.organization_id, user.id).await?;
        let row = users::ActiveModel {
            last_seen_at: micros(user.last_seen_at),
            ..row(user, &self.keyring, &key, &mut *self.entropy)?
        };
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
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(Column::ErasedAt.is_null())
            .one(&self.db)
            .await
            .map_err(port("users.find"))?;
        Ok(self.users_of(found.as_slice()).await?.pop())
    }

    async fn find_by_login(
        &mut self,
        organization: OrganizationId,
        name: &LoginName,
    ) -> Result<Option<User>, PortError> {
        let (column, indexes) = match name {
            LoginName::Username(name) => {
                let indexes = sealed::candidates(&self.keyring, organization, "username", &name.canonical())?;
                (Column::UsernameBidx, indexes)
            }
            LoginName::Email(email) => {
                let indexes = sealed::candidates(&self.keyring, organization, "email", &email.canonical())?;
                (Column::EmailBidx, indexes)
            }
            LoginName::Unknown => return Ok(None),
        };
        let indexes = indexes.into_iter().map(|index| index.value.to_vec());
        let found = users::Entity::find()
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(column.is_in(indexes))
            .filter(Column::DeletedAt.is_null())
            .one(&self.db)
            .await
            .map_err(port("users.find_by_login"))?;
        let found = self.users_of(found.as_slice()).await?.pop();
        match found {
            Some(user) if !is_named(&user, name) => {
                let problem = "the blind index is another name's";
                Err(corrupt("users", column.as_str(), user.id, problem))
            }
            found => Ok(found),
        }
    }

    async fn update(&mut self, user: &User) -> Result<(), PortError> {
        let stale = || PortError::new("users.update", Fault::Stale, "the user has another version");
        let key = match self.holder(user.organization_id, user.id).await? {
            Holder::Key(key) => key,
            Holder::Erased | Holder::Stranger => return Err(stale()),
        };
        if !user.stamps.is_deleted() {
            self.claim_names("users.update", user).await?;
        }
        let row = row(user, &self.keyring, &key, &mut *self.entropy)?;
        let done = users::Entity::update_many()
            .set(row)
            .filter(Column::Id.eq(user.id.as_uuid()))
            .filter(Column::OrganizationId.eq(user.organization_id.as_uuid()))
            .filter(Column::Version.eq(user.stamps.version - 1))
            .filter(Column::ErasedAt.is_null())
            .exec(&self.db)
            .await
            .map_err(port("users.update"))?;
        if done.rows_affected == 1 {
            return Ok(());
        }
        Err(stale())
    }

    async fn erase(
        &mut self,
        organization: OrganizationId,
        id: UserId,
        by: Option<UserId>,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        let found = users::Entity::find_by_id(id.as_uuid())
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(Column::ErasedAt.is_null())
            .lock_exclusive()
            .one(&self.db)
            .await
            .map_err(port("users.erase"))?;
        let Some(row) = found else { return Ok(false) };
        let emptied = emptied(&row, by, at, &self.keyring)?;
        users::Entity::update_many()
            .set(emptied)
            .filter(Column::Id.eq(id.as_uuid()))
            .exec(&self.db)
            .await
            .map(|_| true)
            .map_err(port("users.erase"))
    }

    async fn note_login(&mut self, id: UserId, at: Timestamp) -> Result<(), PortError> {
        let change = users::ActiveModel {
            last_login_at: micros(Some(at)),
            last_seen_at: micros(Some(at)),
            inactivity_told_at: Set(None),
            ..Default::default()
        };
        users::Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(id.as_uuid()))
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
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(Column::DeletedAt.is_null())
            .order_by_asc(Column::Id)
            .limit(u64::from(page.limit) + 1);
        if let Some(status) = filter.status {
            query = query.filter(Column::Status.eq(status.as_str()));
        }
        if let Some(kind) = filter.kind {
            query = query.filter(Column::Kind.eq(kind.as_str()));
        }
        if let Some(since) = filter.inactive_since {
            query = query.filter(last_there().lt(since.as_micros()));
        }
        if let Some(after) = page.after {
            query = query.filter(Column::Id.gt(after));
        }
        let rows = query.all(&self.db).await.map_err(port("users.list"))?;
        let page = Page::from_overfetch(rows, page.limit, |row| row.id);
        Ok(Page {
            items: self.users_of(&page.items).await?,
            next: page.next,
        })
    }
}

impl Tx {
    /// The users in `rows`, with one query for their keys at most. Who was erased and stands here all the same, because older
    /// data was restored, is left out.
    async fn users_of(&self, rows: &[users::Model]) -> Result<Vec<User>, PortError> {
        let ciphertexts = rows.iter().flat_map(ciphertexts).collect();
        let keys = self.subject_keys(ciphertexts).await?;
        let users = rows.iter().map(|row| user(row, &self.keyring, &keys));
        users.filter_map(Result::transpose).collect()
    }

    /// Refuses names that another account has, under whichever version of an index key. A unique index sees one version only,
    /// so whoever takes a name passes one at a time, by the oldest version, which every replica knows.
    async fn claim_names(&self, op: &'static str, user: &User) -> Result<(), PortError> {
        let organization = user.organization_id;
        let usernames = sealed::candidates(
            &self.keyring,
            organization,
            "username",
            &user.username.canonical(),
        )?;
        let emails = sealed::candidates(&self.keyring, organization, "email", &user.email.canonical())?;
        let mut locks: Vec<[u8; 32]> = [&usernames, &emails]
            .into_iter()
            .filter_map(|candidates| candidates.last().map(|oldest| oldest.value))
            .collect();
        // In one order, so that no two wait for one another.
        locks.sort_unstable();
        for lock in &locks {
            self.lock_name(lock).await?;
        }
        if usernames.len() == 1 && emails.len() == 1 {
            return Ok(());
        }
        let values = |candidates: Vec<BlindIndex>| candidates.into_iter().map(|index| index.value.to_vec());
        let taken = users::Entity::find()
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(
                Column::UsernameBidx
                    .is_in(values(usernames))
                    .or(Column::EmailBidx.is_in(values(emails))),
            )
            .filter(Column::DeletedAt.is_null())
            .filter(Column::Id.ne(user.id.as_uuid()))
            .count(&self.db)
            .await
            .map_err(port("users.names"))?;
        if taken == 0 {
            Ok(())
        } else {
            Err(PortError::new(op, Fault::Duplicate, "a name is taken"))
        }
    }
}

fn is_named(user: &User, name: &LoginName) -> bool {
    match name {
        LoginName::Username(name) => user.username.canonical() == name.canonical(),
        LoginName::Email(email) => user.email.canonical() == email.canonical(),
        LoginName::Unknown => false,
    }
}

fn ciphertexts(row: &users::Model) -> impl Iterator<Item = &[u8]> {
    let username = row.username_ct.as_ref().map(Encrypted::as_bytes);
    let email = row.email_ct.as_ref().map(Encrypted::as_bytes);
    let display_name = row.display_name_ct.as_ref().map(Encrypted::as_bytes);
    let phone = row.phone_ct.as_ref().map(Encrypted::as_bytes);
    [username, email, display_name, phone].into_iter().flatten()
}

fn row(
    user: &User,
    keyring: &Keyring,
    key: &SubjectKey,
    entropy: &mut dyn Entropy,
) -> Result<users::ActiveModel, PortError> {
    let organization = user.organization_id;
    let place = Place::of::<users::Entity>(keyring, organization, user.id.as_uuid(), user.id);
    let under = Under::Person(key);
    let username = sealed::index(keyring, organization, "username", &user.username.canonical())?;
    let email = sealed::index(keyring, organization, "email", &user.email.canonical())?;
    let pii_mac = personal(user).mac(keyring)?;
    let (display_name, phone) = (user.display_name.as_ref(), user.phone.as_ref());
    let mut row = users::ActiveModel {
        id: Set(user.id.as_uuid()),
        organization_id: Set(organization.as_uuid()),
        username_ct: Set(Some(place.seal(
            Column::UsernameCt,
            &user.username,
            under,
            entropy,
        )?)),
        username_bidx: Set(Some(username.value.to_vec())),
        username_bidx_ver: Set(Some(i64::from(username.version))),
        email_ct: Set(Some(place.seal(Column::EmailCt, &user.email, under, entropy)?)),
        email_bidx: Set(Some(email.value.to_vec())),
        email_bidx_ver: Set(Some(i64::from(email.version))),
        display_name_ct: Set(place.seal_optional(Column::DisplayNameCt, display_name, under, entropy)?),
        phone_ct: Set(place.seal_optional(Column::PhoneCt, phone, under, entropy)?),
        kind: Set(user.kind.as_str().to_owned()),
        status: Set(user.status.as_str().to_owned()),
        email_verified_at: micros(user.email_verified_at),
        epoch: Set(user.epoch),
        last_login_at: micros(user.last_login_at),
        erased_at: Set(None),
        row_mac: Set(Some(standing(user, &pii_mac).mac(keyring)?)),
        pii_mac: Set(Some(pii_mac)),
        ..Default::default()
    };
    set_stamps!(row, &user.stamps);
    Ok(row)
}

/// The row of somebody who was erased: what counts and what ends sessions, and nothing about them.
fn emptied(
    row: &users::Model,
    by: Option<UserId>,
    at: Timestamp,
    keyring: &Keyring,
) -> Result<users::ActiveModel, PortError> {
    let (version, epoch) = (row.version.saturating_add(1), row.epoch.saturating_add(1));
    let (status, at) = (UserStatus::Disabled.as_str(), at.as_micros());
    let standing = Standing {
        organization: row.organization_id,
        id: row.id,
        kind: &row.kind,
        version,
        status,
        epoch,
        email_verified_at: None,
        deleted_at: Some(at),
        erased_at: Some(at),
        pii_mac: None,
    };
    Ok(users::ActiveModel {
        username_ct: Set(None),
        username_bidx: Set(None),
        username_bidx_ver: Set(None),
        email_ct: Set(None),
        email_bidx: Set(None),
        email_bidx_ver: Set(None),
        display_name_ct: Set(None),
        phone_ct: Set(None),
        status: Set(status.to_owned()),
        email_verified_at: Set(None),
        epoch: Set(epoch),
        last_login_at: Set(None),
        last_seen_at: Set(None),
        inactivity_told_at: Set(None),
        erased_at: Set(Some(at)),
        pii_mac: Set(None),
        row_mac: Set(Some(standing.mac(keyring)?)),
        updated_at: Set(at),
        updated_by: person(by),
        deleted_at: Set(Some(at)),
        deleted_by: person(by),
        version: Set(version),
        ..Default::default()
    })
}

/// The user; `None` when their key was destroyed.
fn user(row: &users::Model, keyring: &Keyring, keys: &SubjectKeys) -> Result<Option<User>, PortError> {
    let id = UserId::from_uuid(row.id);
    let organization = OrganizationId::from_uuid(row.organization_id);
    standing_of(row).verify(keyring, row.row_mac.as_deref())?;
    let place = Place::of::<users::Entity>(keyring, organization, row.id, id);
    let Some(username) = place.open_optional(Column::UsernameCt, keys, row.username_ct.as_ref())? else {
        return Ok(None);
    };
    let user = User {
        id,
        organization_id: organization,
        kind: UserKind::parse(&row.kind)
            .ok_or_else(|| corrupt("users", "kind", row.id, "not a known kind"))?,
        username,
        email: place.require(Column::EmailCt, keys, row.email_ct.as_ref())?,
        display_name: place.open_optional(Column::DisplayNameCt, keys, row.display_name_ct.as_ref())?,
        phone: place.open_optional(Column::PhoneCt, keys, row.phone_ct.as_ref())?,
        status: UserStatus::parse(&row.status)
            .ok_or_else(|| corrupt("users", "status", row.id, "not a known status"))?,
        email_verified_at: row.email_verified_at.map(Timestamp::from_micros),
        epoch: row.epoch,
        last_login_at: row.last_login_at.map(Timestamp::from_micros),
        last_seen_at: row.last_seen_at.map(Timestamp::from_micros),
        stamps: stamps_of!(row),
    };
    personal(&user).verify(keyring, row.pii_mac.as_deref())?;
    Ok(Some(user))
}

fn personal(user: &User) -> Personal<'_> {
    Personal {
        organization: user.organization_id.as_uuid(),
        id: user.id.as_uuid(),
        version: user.stamps.version,
        username: user.username.expose(),
        email: user.email.expose(),
        display_name: user.display_name.as_ref().map(DisplayName::expose),
        phone: user.phone.as_ref().map(Phone::expose),
    }
}

fn standing<'a>(user: &'a User, pii_mac: &'a [u8]) -> Standing<'a> {
    Standing {
        organization: user.organization_id.as_uuid(),
        id: user.id.as_uuid(),
        kind: user.kind.as_str(),
        version: user.stamps.version,
        status: user.status.as_str(),
        epoch: user.epoch,
        email_verified_at: user.email_verified_at.map(Timestamp::as_micros),
        deleted_at: user.stamps.deleted_at.map(Timestamp::as_micros),
        erased_at: None,
        pii_mac: Some(pii_mac),
    }
}

fn standing_of(row: &users::Model) -> Standing<'_> {
    Standing {
        organization: row.organization_id,
        id: row.id,
        kind: &row.kind,
        version: row.version,
        status: &row.status,
        epoch: row.epoch,
        email_verified_at: row.email_verified_at,
        deleted_at: row.deleted_at,
        erased_at: row.erased_at,
        pii_mac: row.pii_mac.as_deref(),
    }
}
