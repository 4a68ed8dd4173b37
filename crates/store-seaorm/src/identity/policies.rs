//! Policies. Each row is under a MAC. One that cannot be read or trusted is found all the same, as what it takes away then: to leave
//! it out would give what it takes.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, Select,
};
use vutf_crypto_keys::Keyring;
use vutf_identity::policy::{Broken, Conditions, Pattern, Policy, PolicyName, PolicyRepo, Rule};
use vutf_kernel::{Fault, OrganizationId, PolicyId, PortError};

use super::{person, set_stamps, stamps_of, status::words};
use crate::{
    SeaStore,
    entity::policies::{ActiveModel, Column, Entity, Model},
    error::port,
    row_mac::{Authenticated as _, PolicyRow},
    tx::Tx,
};

#[async_trait]
impl PolicyRepo for Tx {
    async fn all(&mut self, organization: OrganizationId) -> Result<Vec<Policy>, PortError> {
        let rows = of(organization)
            .all(&self.db)
            .await
            .map_err(port("policies.all"))?;
        Ok(rows.into_iter().map(|row| policy(row, &self.keyring)).collect())
    }

    async fn find(
        &mut self,
        organization: OrganizationId,
        id: PolicyId,
    ) -> Result<Option<Policy>, PortError> {
        let one = of(organization).filter(Column::Id.eq(id.as_uuid()));
        let found = one.one(&self.db).await.map_err(port("policies.find"))?;
        Ok(found.map(|row| policy(row, &self.keyring)))
    }

    async fn insert(&mut self, policy: &Policy) -> Result<(), PortError> {
        Entity::insert(row(policy, &self.keyring)?)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("policies.insert"))
    }

    async fn update(&mut self, policy: &Policy) -> Result<(), PortError> {
        let written = row(policy, &self.keyring)?;
        let change = ActiveModel {
            name: written.name,
            permissions: written.permissions,
            roles: written.roles,
            conditions: written.conditions,
            row_mac: written.row_mac,
            updated_at: Set(policy.stamps.updated_at.as_micros()),
            updated_by: person(policy.stamps.updated_by),
            version: Set(policy.stamps.version),
            ..Default::default()
        };
        let done = Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(policy.id.as_uuid()))
            .filter(Column::OrganizationId.eq(policy.organization_id.as_uuid()))
            .filter(Column::Version.eq(policy.stamps.version - 1))
            .exec(&self.db)
            .await
            .map_err(port("policies.update"))?;
        if done.rows_affected == 1 {
            return Ok(());
        }
        let cause = "the policy has another version";
        Err(PortError::new("policies.update", Fault::Stale, cause))
    }

    async fn remove(&mut self, organization: OrganizationId, id: PolicyId) -> Result<bool, PortError> {
        let done = Entity::delete_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .exec(&self.db)
            .await
            .map_err(port("policies.remove"))?;
        Ok(done.rows_affected == 1)
    }
}

impl SeaStore {
    /// Outside a transaction: what bounds the requests of an organization.
    pub(super) async fn policies_of(&self, organization: OrganizationId) -> Result<Vec<Policy>, PortError> {
        let rows = self
            .read("policies.read", async |db: &DatabaseConnection| {
                of(organization).all(db).await
            })
            .await?;
        let keyring = &self.inner.keyring;
        Ok(rows.into_iter().map(|row| policy(row, keyring)).collect())
    }
}

fn of(organization: OrganizationId) -> Select<Entity> {
    Entity::find()
        .filter(Column::OrganizationId.eq(organization.as_uuid()))
        .order_by_asc(Column::Id)
}

fn row(policy: &Policy, keyring: &Keyring) -> Result<ActiveModel, PortError> {
    let patterns: Vec<&str> = policy.rule.permissions.iter().map(Pattern::as_str).collect();
    let (permissions, roles) = (patterns.join(" "), policy.rule.roles.join(" "));
    let conditions = policy.rule.conditions.clone().unwrap_or_default();
    let conditions =
        serde_json::to_string(&conditions).map_err(|error| PortError::other("policies.write", error))?;
    let said = PolicyRow {
        organization: policy.organization_id.as_uuid(),
        id: policy.id.as_uuid(),
        name: policy.name.as_str(),
        permissions: &permissions,
        roles: &roles,
        conditions: &conditions,
        version: policy.stamps.version,
    };
    let mut row = ActiveModel {
        id: Set(policy.id.as_uuid()),
        organization_id: Set(policy.organization_id.as_uuid()),
        name: Set(policy.name.as_str().to_owned()),
        row_mac: Set(said.mac(keyring)?),
        permissions: Set(permissions),
        roles: Set(roles),
        conditions: Set(conditions),
        ..Default::default()
    };
    set_stamps!(row, &policy.stamps);
    Ok(row)
}

fn policy(row: Model, keyring: &Keyring) -> Policy {
    let said = PolicyRow {
        organization: row.organization_id,
        id: row.id,
        name: &row.name,
        permissions: &row.permissions,
        roles: &row.roles,
        conditions: &row.conditions,
        version: row.version,
    };
    let (rule, broken) = match said.verify(keyring, Some(&row.row_mac)) {
        Ok(()) => rule(&row),
        Err(error) => {
            tracing::error!(
                policy = %row.id,
                "a policy is not as this service wrote it, and takes everything away: {}",
                error.chain()
            );
            (Rule::untrusted(), Some(Broken::Untrusted))
        }
    };
    Policy {
        id: PolicyId::from_uuid(row.id),
        organization_id: OrganizationId::from_uuid(row.organization_id),
        rule,
        broken,
        stamps: stamps_of!(row),
        name: PolicyName::from_store(row.name),
    }
}

fn rule(row: &Model) -> (Rule, Option<Broken>) {
    let conditions: Result<Conditions, _> = serde_json::from_str(&row.conditions);
    let broken = conditions.as_ref().err().map(|error| {
        tracing::error!(policy = %row.id, "the conditions of a policy cannot be read, and hold always: {error}");
        Broken::Unreadable
    });
    let patterns = row.permissions.split_whitespace();
    let rule = Rule {
        permissions: patterns.map(Pattern::from_store).collect(),
        roles: words(&row.roles),
        conditions: conditions.ok(),
    };
    (rule, broken)
}
