//! What stands in the registry beside the keys.

use async_trait::async_trait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;
use vutf_crypto_keys::{
    Approval, ApprovalState, Keyset, LifecycleReader, LifecycleRepo, Transition, UsageRecord,
};
use vutf_kernel::{ApprovalId, Fault, KeyId, OrganizationId, PortError};

use super::{
    approvals::{approval, approval_row, transition, transition_row},
    keysets::{keyset, row as keyset_row},
    usage::{row as usage_row, usage},
    whole,
};
use crate::{
    SeaStore,
    entity::{approvals, key_transitions, key_usage, keysets},
    error::port,
    tx::Tx,
};

#[async_trait]
impl LifecycleReader for SeaStore {
    async fn keysets(&self, organization: Option<OrganizationId>) -> Result<Vec<Keyset>, PortError> {
        let mut query = keysets::Entity::find();
        if let Some(organization) = organization {
            query = query.filter(keysets::Column::OrganizationId.eq(organization.as_uuid()));
        }
        let rows = self.read("keysets.list", |db| query.all(db)).await?;
        rows.iter().map(keyset).collect()
    }

    async fn transitions(&self, key: KeyId) -> Result<Vec<Transition>, PortError> {
        let query = key_transitions::Entity::find()
            .filter(key_transitions::Column::KeyId.eq(key.as_uuid()))
            .order_by_asc(key_transitions::Column::Revision);
        let rows = self.read("transitions.list", |db| query.all(db)).await?;
        rows.into_iter().map(transition).collect()
    }

    async fn approvals(&self, organization: OrganizationId, limit: u32) -> Result<Vec<Approval>, PortError> {
        let query = approvals::Entity::find()
            .filter(approvals::Column::OrganizationId.eq(organization.as_uuid()))
            .order_by_desc(approvals::Column::Id)
            .limit(u64::from(limit));
        let rows = self.read("approvals.list", |db| query.all(db)).await?;
        rows.into_iter().map(approval).collect()
    }

    async fn approval(&self, id: ApprovalId) -> Result<Option<Approval>, PortError> {
        let query = approvals::Entity::find_by_id(id.as_uuid());
        let row = self.read("approvals.find", |db| query.one(db)).await?;
        row.map(approval).transpose()
    }

    async fn approvals_under(&self, tenant: KeyId) -> Result<Vec<Approval>, PortError> {
        let query = approvals::Entity::find().filter(approvals::Column::AuthenticatedBy.eq(tenant.as_uuid()));
        let rows = self.read("approvals.under", |db| query.all(db)).await?;
        rows.into_iter().map(approval).collect()
    }

    async fn open_approval(&self, subject: Uuid) -> Result<Option<Approval>, PortError> {
        let query = approvals::Entity::find()
            .filter(approvals::Column::SubjectId.eq(subject))
            .filter(approvals::Column::State.eq(ApprovalState::Open.as_str()));
        let row = self.read("approvals.open", |db| query.one(db)).await?;
        row.map(approval).transpose()
    }

    async fn usage(&self, organization: Option<OrganizationId>) -> Result<Vec<UsageRecord>, PortError> {
        let mut query = key_usage::Entity::find();
        if let Some(organization) = organization {
            query = query.filter(key_usage::Column::OrganizationId.eq(organization.as_uuid()));
        }
        let rows = self.read("usage.list", |db| query.all(db)).await?;
        rows.iter().map(usage).collect()
    }
}

#[async_trait]
impl LifecycleRepo for Tx {
    async fn note(&mut self, line: &Transition) -> Result<(), PortError> {
        key_transitions::Entity::insert(transition_row(line)?)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("transitions.insert"))
    }

    async fn insert_keyset(&mut self, keyset: &Keyset) -> Result<(), PortError> {
        keysets::Entity::insert(keyset_row(keyset)?)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("keysets.insert"))
    }

    async fn replace_keyset(&mut self, keyset: &Keyset) -> Result<(), PortError> {
        const OP: &str = "keysets.replace";
        let done = keysets::Entity::update_many()
            .set(keyset_row(keyset)?)
            .filter(keysets::Column::OrganizationId.eq(keyset.organization_id.as_uuid()))
            .filter(keysets::Column::Purpose.eq(keyset.purpose.to_string()))
            .filter(keysets::Column::Revision.eq(before(OP, keyset.revision)?))
            .exec(&self.db)
            .await
            .map_err(port(OP))?;
        exactly_one(OP, done.rows_affected)
    }

    async fn insert_approval(&mut self, approval: &Approval) -> Result<(), PortError> {
        approvals::Entity::insert(approval_row(approval)?)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("approvals.insert"))
    }

    async fn replace_approval(&mut self, approval: &Approval) -> Result<(), PortError> {
        const OP: &str = "approvals.replace";
        let done = approvals::Entity::update_many()
            .set(approval_row(approval)?)
            .filter(approvals::Column::Id.eq(approval.id.as_uuid()))
            .filter(approvals::Column::Revision.eq(before(OP, approval.revision)?))
            .exec(&self.db)
            .await
            .map_err(port(OP))?;
        exactly_one(OP, done.rows_affected)
    }

    async fn insert_usage(&mut self, usage: &UsageRecord) -> Result<(), PortError> {
        key_usage::Entity::insert(usage_row(usage)?)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("usage.insert"))
    }

    async fn replace_usage(&mut self, usage: &UsageRecord) -> Result<(), PortError> {
        const OP: &str = "usage.replace";
        let done = key_usage::Entity::update_many()
            .set(usage_row(usage)?)
            .filter(key_usage::Column::KeyId.eq(usage.key_id.as_uuid()))
            .filter(key_usage::Column::Revision.eq(before(OP, usage.revision)?))
            .exec(&self.db)
            .await
            .map_err(port(OP))?;
        exactly_one(OP, done.rows_affected)
    }
}

fn before(op: &'static str, revision: u64) -> Result<i64, PortError> {
    Ok(whole(op, revision)?.saturating_sub(1))
}

fn exactly_one(op: &'static str, rows: u64) -> Result<(), PortError> {
    if rows == 1 {
        Ok(())
    } else {
        Err(PortError::new(op, Fault::Stale, "the row was changed meanwhile"))
    }
}
