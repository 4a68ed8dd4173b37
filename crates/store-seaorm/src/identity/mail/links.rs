//! One-use links: of each token only its SHA-256, of each row its MAC, so that whoever writes to the database makes no link.

use async_trait::async_trait;
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, sea_query::OnConflict};
use vutf_crypto_keys::Keyring;
use vutf_identity::{
    link::{Link, LinkPurpose, LinkRepo},
    refresh::TokenHash,
};
use vutf_kernel::{Fault, LinkId, OrganizationId, PortError, Timestamp, UserId};

use crate::{
    entity::account_links::{ActiveModel, Column, Entity, Model},
    error::port,
    row::{array, corrupt},
    row_mac::{Authenticated as _, MailedLink},
    sealed::{Place, Under},
    subjects::Holder,
    tx::Tx,
};

#[async_trait]
impl LinkRepo for Tx {
    async fn put(&mut self, link: &Link) -> Result<(), PortError> {
        let Holder::Key(key) = self.holder(link.organization_id, link.user_id).await? else {
            return Err(PortError::new("account_links.put", Fault::Stale, "nobody's link"));
        };
        let place = place(&self.keyring, link);
        let address = place.seal(
            Column::AddressCt,
            &link.address,
            Under::Person(&key),
            &mut *self.entropy,
        )?;
        let row = ActiveModel {
            id: Set(link.id.as_uuid()),
            organization_id: Set(link.organization_id.as_uuid()),
            user_id: Set(link.user_id.as_uuid()),
            purpose: Set(link.purpose.as_str().to_owned()),
            link_hash: Set(link.hash.0.to_vec()),
            address_ct: Set(address),
            expires_at: Set(link.expires_at.as_micros()),
            created_at: Set(link.created_at.as_micros()),
            row_mac: Set(Some(authenticated(link).mac(&self.keyring)?)),
        };
        // In one statement, so that of two at the same moment one takes the place of the other.
        let replace = OnConflict::columns([Column::UserId, Column::Purpose])
            .update_columns([
                Column::Id,
                Column::LinkHash,
                Column::AddressCt,
                Column::ExpiresAt,
                Column::CreatedAt,
                Column::RowMac,
            ])
            .to_owned();
        Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("account_links.put"))
    }

    async fn find(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<Option<Link>, PortError> {
        let condition = Condition::all()
            .add(Column::LinkHash.eq(hash.0.to_vec()))
            .add(Column::OrganizationId.eq(organization.as_uuid()));
        self.link("account_links.find", condition).await
    }

    async fn of_user(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        purpose: LinkPurpose,
    ) -> Result<Option<Link>, PortError> {
        let condition = of(organization, user).add(Column::Purpose.eq(purpose.as_str()));
        self.link("account_links.of_user", condition).await
    }

    async fn spend(&mut self, organization: OrganizationId, hash: &TokenHash) -> Result<bool, PortError> {
        let done = Entity::delete_many()
            .filter(Column::LinkHash.eq(hash.0.to_vec()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .exec(&self.db)
            .await
            .map_err(port("account_links.spend"))?;
        Ok(done.rows_affected == 1)
    }

    async fn end(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        purposes: &[LinkPurpose],
    ) -> Result<u64, PortError> {
        let words = purposes.iter().map(|purpose| purpose.as_str());
        Entity::delete_many()
            .filter(of(organization, user).add(Column::Purpose.is_in(words)))
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected)
            .map_err(port("account_links.end"))
    }
}

impl Tx {
    async fn link(&mut self, op: &'static str, condition: Condition) -> Result<Option<Link>, PortError> {
        let found = Entity::find()
            .filter(condition)
            .one(&self.db)
            .await
            .map_err(port(op))?;
        let Some(row) = found else { return Ok(None) };
        let keys = self.subject_keys(vec![row.address_ct.as_bytes()]).await?;
        let organization = OrganizationId::from_uuid(row.organization_id);
        let user = UserId::from_uuid(row.user_id);
        let place = Place::of::<Entity>(&self.keyring, organization, row.id, user);
        // Of somebody who was erased there is no link, whatever an older backup says.
        let Some(address) = place.open(Column::AddressCt, &keys, &row.address_ct)? else {
            return Ok(None);
        };
        let link = Link {
            id: LinkId::from_uuid(row.id),
            hash: TokenHash(array("account_links", "link_hash", row.id, &row.link_hash)?),
            organization_id: organization,
            user_id: user,
            purpose: purpose(&row)?,
            address,
            expires_at: Timestamp::from_micros(row.expires_at),
            created_at: Timestamp::from_micros(row.created_at),
        };
        authenticated(&link).verify(&self.keyring, row.row_mac.as_deref())?;
        Ok(Some(link))
    }
}

fn of(organization: OrganizationId, user: UserId) -> Condition {
    Condition::all()
        .add(Column::UserId.eq(user.as_uuid()))
        .add(Column::OrganizationId.eq(organization.as_uuid()))
}

fn purpose(row: &Model) -> Result<LinkPurpose, PortError> {
    let unknown = || corrupt("account_links", "purpose", row.id, "not a known purpose");
    LinkPurpose::parse(&row.purpose).ok_or_else(unknown)
}

fn place<'a>(keyring: &'a Keyring, link: &Link) -> Place<'a> {
    Place::of::<Entity>(keyring, link.organization_id, link.id.as_uuid(), link.user_id)
}

fn authenticated(link: &Link) -> MailedLink<'_> {
    MailedLink {
        organization: link.organization_id.as_uuid(),
        id: link.id.as_uuid(),
        user: link.user_id.as_uuid(),
        purpose: link.purpose.as_str(),
        hash: &link.hash.0,
        address: link.address.expose(),
        expires_at: link.expires_at.as_micros(),
        created_at: link.created_at.as_micros(),
    }
}
