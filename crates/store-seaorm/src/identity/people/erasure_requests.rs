//! Who asked to be erased. A MAC over the row: whoever can write to the database must not be able to have somebody erased.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::OnConflict,
};
use uuid::Uuid;
use vutf_crypto_keys::Keyring;
use vutf_identity::{
    erasure_request::{ErasureRequest, ErasureRequestRepo},
    refresh::TokenHash,
};
use vutf_kernel::{Fault, OrganizationId, PortError, Timestamp, UserId};

use crate::{
    entity::erasure_requests::{ActiveModel, Column, Entity, Model},
    error::port,
    identity::micros,
    row::array,
    row_mac::{Authenticated, Message},
    tx::Tx,
};

const TABLE: &str = "erasure_requests";

struct Row<'a>(&'a ErasureRequest);

impl Authenticated for Row<'_> {
    const TABLE: &'static str = TABLE;
    const COLUMN: &'static str = "row_mac";
    fn tenant(&self) -> Uuid {
        self.0.organization_id.as_uuid()
    }
    fn row(&self) -> Uuid {
        self.0.user_id.as_uuid()
    }
    fn message(&self) -> Message {
        Message::new("vutf/row/erasure_requests/v1")
            .part(self.0.organization_id.as_bytes())
            .part(self.0.user_id.as_bytes())
            .part(&self.0.receipt.0)
            .part(&self.0.requested_at.as_micros().to_be_bytes())
            .part(&self.0.due_at.as_micros().to_be_bytes())
            .optional(self.0.done_at.map(|at| at.as_micros().to_be_bytes()))
    }
}

#[async_trait]
impl ErasureRequestRepo for Tx {
    async fn put(&mut self, request: &ErasureRequest) -> Result<bool, PortError> {
        let kept = OnConflict::column(Column::UserId).do_nothing().to_owned();
        let done = Entity::insert(row(request, &self.keyring)?)
            .on_conflict(kept)
            .exec_without_returning(&self.db)
            .await
            .map_err(port("erasure_requests.put"))?;
        Ok(done == 1)
    }

    async fn find(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<ErasureRequest>, PortError> {
        let found = Entity::find_by_id(user.as_uuid())
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .one(&self.db)
            .await
            .map_err(port("erasure_requests.find"))?;
        found.map(|row| request(&row, &self.keyring)).transpose()
    }

    async fn by_receipt(
        &mut self,
        organization: OrganizationId,
        receipt: &TokenHash,
    ) -> Result<Option<ErasureRequest>, PortError> {
        let found = Entity::find()
            .filter(Column::ReceiptHash.eq(receipt.0.to_vec()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .one(&self.db)
            .await
            .map_err(port("erasure_requests.by_receipt"))?;
        found.map(|row| request(&row, &self.keyring)).transpose()
    }

    async fn remove(&mut self, organization: OrganizationId, user: UserId) -> Result<bool, PortError> {
        let done = Entity::delete_many()
            .filter(Column::UserId.eq(user.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(Column::DoneAt.is_null())
            .exec(&self.db)
            .await
            .map_err(port("erasure_requests.remove"))?;
        Ok(done.rows_affected == 1)
    }

    async fn due(&mut self, now: Timestamp, limit: u32) -> Result<Vec<ErasureRequest>, PortError> {
        let rows = Entity::find()
            .filter(Column::DoneAt.is_null())
            .filter(Column::DueAt.lte(now.as_micros()))
            .order_by_asc(Column::DueAt)
            .order_by_asc(Column::UserId)
            .limit(u64::from(limit))
            .all(&self.db)
            .await
            .map_err(port("erasure_requests.due"))?;
        let mut genuine = Vec::with_capacity(rows.len());
        for row in &rows {
            match request(row, &self.keyring) {
                Ok(request) => genuine.push(request),
                // What somebody else wrote erases nobody, and holds up nobody.
                Err(error) if error.fault == Fault::Other => {
                    tracing::error!(error = %error.chain(), "a request to be erased is not genuine; it is passed over");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(genuine)
    }

    async fn postpone(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        until: Timestamp,
    ) -> Result<bool, PortError> {
        self.rewrite(organization, user, |request| ErasureRequest {
            due_at: until,
            ..request
        })
        .await
    }

    async fn finish(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        at: Timestamp,
    ) -> Result<bool, PortError> {
        self.rewrite(organization, user, |request| ErasureRequest {
            done_at: Some(at),
            ..request
        })
        .await
    }
}

impl Tx {
    /// Changes one that is not done.
    async fn rewrite(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        change: impl FnOnce(ErasureRequest) -> ErasureRequest + Send,
    ) -> Result<bool, PortError> {
        let found = Entity::find_by_id(user.as_uuid())
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .filter(Column::DoneAt.is_null())
            .lock_exclusive()
            .one(&self.db)
            .await
            .map_err(port("erasure_requests.rewrite"))?;
        let Some(found) = found else { return Ok(false) };
        let changed = change(request(&found, &self.keyring)?);
        let done = Entity::update_many()
            .set(row(&changed, &self.keyring)?)
            .filter(Column::UserId.eq(user.as_uuid()))
            .exec(&self.db)
            .await
            .map_err(port("erasure_requests.rewrite"))?;
        Ok(done.rows_affected == 1)
    }
}

fn row(request: &ErasureRequest, keyring: &Keyring) -> Result<ActiveModel, PortError> {
    Ok(ActiveModel {
        user_id: Set(request.user_id.as_uuid()),
        organization_id: Set(request.organization_id.as_uuid()),
        receipt_hash: Set(request.receipt.0.to_vec()),
        requested_at: Set(request.requested_at.as_micros()),
        due_at: Set(request.due_at.as_micros()),
        done_at: micros(request.done_at),
        row_mac: Set(Some(Row(request).mac(keyring)?)),
    })
}

fn request(row: &Model, keyring: &Keyring) -> Result<ErasureRequest, PortError> {
    let request = ErasureRequest {
        organization_id: OrganizationId::from_uuid(row.organization_id),
        user_id: UserId::from_uuid(row.user_id),
        receipt: TokenHash(array(TABLE, "receipt_hash", row.user_id, &row.receipt_hash)?),
        requested_at: Timestamp::from_micros(row.requested_at),
        due_at: Timestamp::from_micros(row.due_at),
        done_at: row.done_at.map(Timestamp::from_micros),
    };
    Row(&request).verify(keyring, row.row_mac.as_deref())?;
    Ok(request)
}
