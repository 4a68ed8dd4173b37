//! What persons agreed to. A MAC over the row: it is held against them.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::OnConflict,
};
use uuid::Uuid;
use vutf_identity::consent::{Consent, ConsentRepo};
use vutf_kernel::{OrganizationId, PortError, Timestamp, UserId};

use crate::{
    entity::consents::{ActiveModel, Column, Entity, Model},
    error::port,
    row_mac::{Authenticated, Message},
    tx::Tx,
};

/// The most that are shown of a person.
const LISTED: u64 = 100;

struct Row<'a>(&'a Consent);

impl Authenticated for Row<'_> {
    const TABLE: &'static str = "consents";
    const COLUMN: &'static str = "row_mac";
    fn tenant(&self) -> Uuid {
        self.0.organization_id.as_uuid()
    }
    fn row(&self) -> Uuid {
        self.0.user_id.as_uuid()
    }
    fn message(&self) -> Message {
        Message::new("vutf/row/consents/v1")
            .part(self.0.organization_id.as_bytes())
            .part(self.0.user_id.as_bytes())
            .part(self.0.document.as_bytes())
            .part(self.0.version.as_bytes())
            .part(&self.0.accepted_at.as_micros().to_be_bytes())
    }
}

#[async_trait]
impl ConsentRepo for Tx {
    async fn put(&mut self, consent: &Consent) -> Result<bool, PortError> {
        let row = ActiveModel {
            organization_id: Set(consent.organization_id.as_uuid()),
            user_id: Set(consent.user_id.as_uuid()),
            document: Set(consent.document.clone()),
            document_version: Set(consent.version.clone()),
            accepted_at: Set(consent.accepted_at.as_micros()),
            row_mac: Set(Some(Row(consent).mac(&self.keyring)?)),
        };
        let columns = [Column::UserId, Column::Document, Column::DocumentVersion];
        let kept = OnConflict::columns(columns).do_nothing().to_owned();
        let done = Entity::insert(row)
            .on_conflict(kept)
            .exec_without_returning(&self.db)
            .await
            .map_err(port("consents.put"))?;
        Ok(done == 1)
    }

    async fn of_user(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Vec<Consent>, PortError> {
        let rows = Entity::find()
            .filter(Column::UserId.eq(user.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .order_by_asc(Column::AcceptedAt)
            .order_by_asc(Column::DocumentVersion)
            .limit(LISTED)
            .all(&self.db)
            .await
            .map_err(port("consents.of_user"))?;
        rows.into_iter()
            .map(|row| {
                let mac = row.row_mac.clone();
                let consent = consent(row);
                Row(&consent).verify(&self.keyring, mac.as_deref())?;
                Ok(consent)
            })
            .collect()
    }

    async fn remove_of(&mut self, organization: OrganizationId, user: UserId) -> Result<u64, PortError> {
        Entity::delete_many()
            .filter(Column::UserId.eq(user.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected)
            .map_err(port("consents.remove_of"))
    }
}

fn consent(row: Model) -> Consent {
    Consent {
        organization_id: OrganizationId::from_uuid(row.organization_id),
        user_id: UserId::from_uuid(row.user_id),
        document: row.document,
        version: row.document_version,
        accepted_at: Timestamp::from_micros(row.accepted_at),
    }
}
