//! The key registry.

mod approvals;
mod keysets;
mod lifecycle;
mod usage;

use async_trait::async_trait;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use vutf_crypto_keys::{Algorithm, KeyReader, KeyRecord, KeyRepo, KeyState, Purpose, WrappedBy};
use vutf_kernel::{Fault, KeyId, OrganizationId, PortError, Timestamp};

use crate::{
    SeaStore,
    entity::crypto_keys,
    error::port,
    row::{array, corrupt},
    tx::Tx,
};

#[async_trait]
impl KeyReader for SeaStore {
    async fn find(&self, id: KeyId) -> Result<Option<KeyRecord>, PortError> {
        let query = crypto_keys::Entity::find_by_id(id.as_uuid());
        let row = self.read("keys.find", |db| query.one(db)).await?;
        row.map(record).transpose()
    }

    async fn list(&self, organization: Option<OrganizationId>) -> Result<Vec<KeyRecord>, PortError> {
        let mut query = crypto_keys::Entity::find().filter(crypto_keys::Column::SubjectId.is_null());
        if let Some(organization) = organization {
            query = query.filter(crypto_keys::Column::OrganizationId.eq(organization.as_uuid()));
        }
        let rows = self.read("keys.list", |db| query.all(db)).await?;
        rows.into_iter().map(record).collect()
    }

    async fn list_tenant_keys(
        &self,
        organization: Option<OrganizationId>,
    ) -> Result<Vec<KeyRecord>, PortError> {
        // No tenant key is a person's: with that said, the index of the registry proper serves.
        let mut query = crypto_keys::Entity::find()
            .filter(crypto_keys::Column::SubjectId.is_null())
            .filter(crypto_keys::Column::Purpose.eq(Purpose::Tenant.to_string()));
        if let Some(organization) = organization {
            query = query.filter(crypto_keys::Column::OrganizationId.eq(organization.as_uuid()));
        }
        let rows = self.read("keys.list_tenant_keys", |db| query.all(db)).await?;
        rows.into_iter().map(record).collect()
    }

    async fn list_wrapped_by(
        &self,
        parent: KeyId,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<KeyRecord>, PortError> {
        let mut query = crypto_keys::Entity::find()
            .filter(crypto_keys::Column::WrappedBy.eq(WrappedBy::Tenant(parent).to_string()))
            .order_by_asc(crypto_keys::Column::Id)
            .limit(u64::from(limit));
        if let Some(after) = after {
            query = query.filter(crypto_keys::Column::Id.gt(after.as_uuid()));
        }
        let rows = self.read("keys.list_wrapped_by", |db| query.all(db)).await?;
        rows.into_iter().map(record).collect()
    }

    async fn find_personal(&self, algorithm: Algorithm) -> Result<Option<KeyRecord>, PortError> {
        let query = crypto_keys::Entity::find()
            .filter(crypto_keys::Column::SubjectId.is_not_null())
            .filter(crypto_keys::Column::Algorithm.eq(algorithm.as_str()))
            .filter(crypto_keys::Column::State.ne(KeyState::Destroyed.as_str()));
        let row = self.read("keys.find_personal", |db| query.one(db)).await?;
        row.map(record).transpose()
    }
}

#[async_trait]
impl KeyRepo for Tx {
    async fn insert(&mut self, record: &KeyRecord) -> Result<(), PortError> {
        crypto_keys::Entity::insert(row(record)?)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("keys.insert"))
    }

    async fn replace(&mut self, record: &KeyRecord) -> Result<(), PortError> {
        let expected = whole("crypto_keys.revision", record.revision)?.saturating_sub(1);
        let done = crypto_keys::Entity::update_many()
            .set(row(record)?)
            .filter(crypto_keys::Column::Id.eq(record.id.as_uuid()))
            .filter(crypto_keys::Column::Revision.eq(expected))
            .exec(&self.db)
            .await
            .map_err(port("keys.replace"))?;
        if done.rows_affected == 1 {
            return Ok(());
        }
        Err(PortError::new(
            "keys.replace",
            Fault::Stale,
            "the key was changed meanwhile",
        ))
    }
}

/// A number as a column holds it; one that is too great is not stored.
fn whole(op: &'static str, number: u64) -> Result<i64, PortError> {
    i64::try_from(number).map_err(|error| PortError::other(op, error))
}

fn row(record: &KeyRecord) -> Result<crypto_keys::ActiveModel, PortError> {
    Ok(crypto_keys::ActiveModel {
        id: Set(record.id.as_uuid()),
        organization_id: Set(record.organization_id.as_uuid()),
        subject_id: Set(record.purpose.subject_id().map(|subject| subject.as_uuid())),
        purpose: Set(record.purpose.to_string()),
        key_version: Set(i64::from(record.version)),
        algorithm: Set(record.algorithm.to_string()),
        state: Set(record.state.to_string()),
        wrapped: Set(record.wrapped.clone()),
        wrapped_by: Set(record.wrapped_by.to_string()),
        public_key: Set(record.public_key.clone()),
        fingerprint: Set(record.fingerprint.to_vec()),
        created_at: Set(record.created_at.as_micros()),
        activated_at: Set(record.activated_at.map(Timestamp::as_micros)),
        state_changed_at: Set(record.state_changed_at.as_micros()),
        not_after: Set(record.not_after.map(Timestamp::as_micros)),
        revision: Set(whole("keys.revision", record.revision)?),
        mac: Set(record.mac.to_vec()),
    })
}

pub(crate) fn record(row: crypto_keys::Model) -> Result<KeyRecord, PortError> {
    let bad = |column: &'static str| {
        let id = row.id;
        move |problem: vutf_crypto_keys::UnknownText| corrupt("crypto_keys", column, id, problem)
    };
    Ok(KeyRecord {
        id: KeyId::from_uuid(row.id),
        organization_id: OrganizationId::from_uuid(row.organization_id),
        purpose: row.purpose.parse().map_err(bad("purpose"))?,
        version: u32::try_from(row.key_version)
            .map_err(|problem| corrupt("crypto_keys", "key_version", row.id, problem))?,
        algorithm: row.algorithm.parse().map_err(bad("algorithm"))?,
        state: row.state.parse().map_err(bad("state"))?,
        wrapped_by: row.wrapped_by.parse().map_err(bad("wrapped_by"))?,
        mac: array("crypto_keys", "mac", row.id, &row.mac)?,
        fingerprint: array("crypto_keys", "fingerprint", row.id, &row.fingerprint)?,
        wrapped: row.wrapped,
        public_key: row.public_key,
        created_at: Timestamp::from_micros(row.created_at),
        activated_at: row.activated_at.map(Timestamp::from_micros),
        state_changed_at: Timestamp::from_micros(row.state_changed_at),
        not_after: row.not_after.map(Timestamp::from_micros),
        revision: u64::try_from(row.revision)
            .map_err(|problem| corrupt("crypto_keys", "revision", row.id, problem))?,
    })
}
