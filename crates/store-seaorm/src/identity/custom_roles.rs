//! Roles that organizations made. Each row is under a MAC. One that is not as this service wrote it is found as what it grants then:
//! nothing.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    Select,
};
use vutf_crypto_keys::Keyring;
use vutf_identity::role::{CustomRole, CustomRoleRepo, Permissions, RoleDescription, RoleName};
use vutf_kernel::{Fault, OrganizationId, PortError, RoleId};

use super::{person, set_stamps, stamps_of};
use crate::{
    SeaStore,
    entity::{
        custom_roles::{ActiveModel, Column, Entity, Model},
        user_roles,
    },
    error::port,
    row_mac::{Authenticated as _, custom_role::CustomRoleRow},
    tx::Tx,
};

#[async_trait]
impl CustomRoleRepo for Tx {
    async fn all(&mut self, organization: OrganizationId) -> Result<Vec<CustomRole>, PortError> {
        let rows = of(organization).all(&self.db).await;
        let rows = rows.map_err(port("custom_roles.all"))?;
        Ok(rows.into_iter().map(|row| role(row, &self.keyring)).collect())
    }

    async fn insert(&mut self, role: &CustomRole) -> Result<(), PortError> {
        Entity::insert(row(role, &self.keyring)?)
            .exec_without_returning(&self.db)
            .await
            .map(|_| ())
            .map_err(port("custom_roles.insert"))
    }

    async fn update(&mut self, role: &CustomRole) -> Result<(), PortError> {
        let written = row(role, &self.keyring)?;
        let change = ActiveModel {
            description: written.description,
            permissions: written.permissions,
            row_mac: written.row_mac,
            updated_at: Set(role.stamps.updated_at.as_micros()),
            updated_by: person(role.stamps.updated_by),
            version: Set(role.stamps.version),
            ..Default::default()
        };
        let done = Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(role.id.as_uuid()))
            .filter(Column::OrganizationId.eq(role.organization_id.as_uuid()))
            .filter(Column::Name.eq(role.name.as_str()))
            .filter(Column::Version.eq(role.stamps.version - 1))
            .exec(&self.db)
            .await
            .map_err(port("custom_roles.update"))?;
        if done.rows_affected == 1 {
            return Ok(());
        }
        let cause = "the role has another version";
        Err(PortError::new("custom_roles.update", Fault::Stale, cause))
    }

    async fn remove(&mut self, organization: OrganizationId, id: RoleId) -> Result<bool, PortError> {
        let done = Entity::delete_many()
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::OrganizationId.eq(organization.as_uuid()))
            .exec(&self.db)
            .await
            .map_err(port("custom_roles.remove"))?;
        Ok(done.rows_affected == 1)
    }

    async fn assigned(&mut self, organization: OrganizationId, name: &RoleName) -> Result<u64, PortError> {
        user_roles::Entity::find()
            .filter(user_roles::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(user_roles::Column::Role.eq(name.as_str()))
            .count(&self.db)
            .await
            .map_err(port("custom_roles.assigned"))
    }
}

impl SeaStore {
    /// Outside a transaction: what the roles of an organization grant to a request.
    pub(super) async fn custom_roles_of(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<CustomRole>, PortError> {
        let rows = self
            .read("custom_roles.read", async |db: &DatabaseConnection| {
                of(organization).all(db).await
            })
            .await?;
        let keyring = &self.inner.keyring;
        Ok(rows.into_iter().map(|row| role(row, keyring)).collect())
    }
}

fn of(organization: OrganizationId) -> Select<Entity> {
    Entity::find()
        .filter(Column::OrganizationId.eq(organization.as_uuid()))
        .order_by_asc(Column::Name)
}

fn row(role: &CustomRole, keyring: &Keyring) -> Result<ActiveModel, PortError> {
    let permissions = role.permissions.names().join(" ");
    let said = CustomRoleRow {
        organization: role.organization_id.as_uuid(),
        id: role.id.as_uuid(),
        name: role.name.as_str(),
        description: role.description.as_str(),
        permissions: &permissions,
        version: role.stamps.version,
    };
    let mut row = ActiveModel {
        id: Set(role.id.as_uuid()),
        organization_id: Set(role.organization_id.as_uuid()),
        name: Set(role.name.as_str().to_owned()),
        description: Set(role.description.as_str().to_owned()),
        row_mac: Set(said.mac(keyring)?),
        permissions: Set(permissions),
        ..Default::default()
    };
    set_stamps!(row, &role.stamps);
    Ok(row)
}

fn role(row: Model, keyring: &Keyring) -> CustomRole {
    let said = CustomRoleRow {
        organization: row.organization_id,
        id: row.id,
        name: &row.name,
        description: &row.description,
        permissions: &row.permissions,
        version: row.version,
    };
    let verified = said.verify(keyring, Some(&row.row_mac));
    if let Err(error) = &verified {
        tracing::error!(
            role = %row.id,
            "a role is not as this service wrote it, and grants nothing: {}",
            error.chain()
        );
    }
    let is_untrusted = verified.is_err();
    let permissions = if is_untrusted {
        Permissions::none()
    } else {
        Permissions::from_store(row.permissions.split_whitespace())
    };
    CustomRole {
        id: RoleId::from_uuid(row.id),
        organization_id: OrganizationId::from_uuid(row.organization_id),
        permissions,
        is_untrusted,
        stamps: stamps_of!(row),
        name: RoleName::from_store(row.name),
        description: RoleDescription::from_store(row.description),
    }
}
