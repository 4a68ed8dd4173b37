//! Invitations: under the table's key, since nobody here knows the invited yet; of each token only its SHA-256, and a MAC over the row,
//! which gives roles.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::OnConflict,
};
use vutf_crypto_keys::{Keyring, SubjectKeys};
use vutf_identity::{
    invitation::{Invitation, InvitationRepo},
    refresh::TokenHash,
};
use vutf_kernel::{InvitationId, OrganizationId, Page, PageRequest, PortError, Timestamp, UserId};

use crate::{
    entity::invitations::{ActiveModel, Column, Entity, Model},
    error::port,
    identity::{person, status::words},
    row::array,
    row_mac::{Authenticated as _, Invited},
    sealed::{Place, Under},
    tx::Tx,
};

const TABLE: &str = "invitations";

#[async_trait]
impl InvitationRepo for Tx {
    async fn put(&mut self, invitation: &Invitation) -> Result<(), PortError> {
        let place = place(&self.keyring, invitation.organization_id, invitation.id);
        let email = place.seal(
            Column::EmailCt,
            &invitation.email,
            Under::Table,
            &mut *self.entropy,
        )?;
        let roles = invitation.roles.join(" ");
        let row = ActiveModel {
            id: Set(invitation.id.as_uuid()),
            organization_id: Set(invitation.organization_id.as_uuid()),
            token_hash: Set(invitation.hash.0.to_vec()),
            email_ct: Set(email),
            email_tag: Set(invitation.tag.to_vec()),
            row_mac: Set(Some(authenticated(invitation, &roles).mac(&self.keyring)?)),
            roles: Set(roles),
            expires_at: Set(invitation.expires_at.as_micros()),
            created_by: person(invitation.created_by),
            created_at: Set(invitation.created_at.as_micros()),
        };
        let replace = OnConflict::columns([Column::OrganizationId, Column::EmailTag])
            .update_columns([
                Column::Id,
                Column::TokenHash,
                Column::EmailCt,
                Column::Roles,
                Column::ExpiresAt,
                Column::CreatedBy,
                Column::CreatedAt,
                Column::RowMac,
            ])
            .to_owned();
        Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("invitations.put"))
    }

    async fn find(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<Option<Invitation>, PortError> {
        let found = Entity::find()
            .filter(Column::TokenHash.eq(hash.0.to_vec()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .one(&self.db)
            .await
            .map_err(port("invitations.find"))?;
        found.map(|row| invitation(&row, &self.keyring)).transpose()
    }

    async fn remove(&mut self, organization: OrganizationId, id: InvitationId) -> Result<bool, PortError> {
        let done = Entity::delete_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .exec(&self.db)
            .await
            .map_err(port("invitations.remove"))?;
        Ok(done.rows_affected == 1)
    }

    async fn list(
        &mut self,
        organization: OrganizationId,
        page: &PageRequest,
    ) -> Result<Page<Invitation>, PortError> {
        let mut query = Entity::find()
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .order_by_asc(Column::Id)
            .limit(u64::from(page.limit) + 1);
        if let Some(after) = page.after {
            query = query.filter(Column::Id.gt(after));
        }
        let rows = query.all(&self.db).await.map_err(port("invitations.list"))?;
        let page = Page::from_overfetch(rows, page.limit, |row| row.id);
        let items = page.items.iter().map(|row| invitation(row, &self.keyring));
        Ok(Page {
            items: items.collect::<Result<_, _>>()?,
            next: page.next,
        })
    }
}

fn place(keyring: &Keyring, organization: OrganizationId, id: InvitationId) -> Place<'_> {
    Place {
        keyring,
        organization,
        table: TABLE,
        row: id.as_uuid(),
        subject: None,
    }
}

fn authenticated<'a>(invitation: &'a Invitation, roles: &'a str) -> Invited<'a> {
    Invited {
        organization: invitation.organization_id.as_uuid(),
        id: invitation.id.as_uuid(),
        hash: &invitation.hash.0,
        email: invitation.email.expose(),
        roles,
        expires_at: invitation.expires_at.as_micros(),
        created_by: invitation.created_by.map(|by| by.as_uuid()),
    }
}

fn invitation(row: &Model, keyring: &Keyring) -> Result<Invitation, PortError> {
    let (organization, id) = (
        OrganizationId::from_uuid(row.organization_id),
        InvitationId::from_uuid(row.id),
    );
    let keys = SubjectKeys::default();
    let email = place(keyring, organization, id).require(Column::EmailCt, &keys, Some(&row.email_ct))?;
    let invitation = Invitation {
        id,
        organization_id: organization,
        hash: TokenHash(array(TABLE, "token_hash", row.id, &row.token_hash)?),
        email,
        tag: array(TABLE, "email_tag", row.id, &row.email_tag)?,
        roles: words(&row.roles),
        expires_at: Timestamp::from_micros(row.expires_at),
        created_by: row.created_by.map(UserId::from_uuid),
        created_at: Timestamp::from_micros(row.created_at),
    };
    authenticated(&invitation, &row.roles).verify(keyring, row.row_mac.as_deref())?;
    Ok(invitation)
}
