//! Which roles of its own an organization has now.

use std::sync::Arc;

use vutf_kernel::{OrganizationId, PortError};

use super::{CustomRoles, built_in};
use crate::{Identity, tenant_cache::TenantCache, work::Work};

/// Remembers for less than a second which roles organizations made.
pub type RoleCache = TenantCache<CustomRoles>;

/// Nobody needs to read what an organization made to know what the others grant.
fn are_built_in(roles: &[String]) -> bool {
    roles.iter().all(|name| built_in(name).is_some())
}

/// As far as it matters to a holder of `roles`, and as this process remembers it for less than a second.
pub(crate) async fn present(
    id: &Identity,
    organization: OrganizationId,
    roles: &[String],
) -> Result<Arc<CustomRoles>, PortError> {
    if are_built_in(roles) {
        return Ok(Arc::default());
    }
    if let Some(known) = id.custom_roles.fetch(organization) {
        return Ok(known);
    }
    let mark = id.custom_roles.mark();
    let read = Arc::new(CustomRoles::new(id.store.custom_roles(organization).await?));
    id.custom_roles.put(organization, Arc::clone(&read), mark);
    Ok(read)
}

/// As far as it matters to a holder of `roles`, in the transaction.
pub(crate) async fn within<C>(work: &mut Work<'_, C>, roles: &[String]) -> Result<CustomRoles, PortError> {
    if are_built_in(roles) {
        return Ok(CustomRoles::default());
    }
    let organization = work.ctx.organization_id;
    Ok(CustomRoles::new(work.tx.custom_roles().all(organization).await?))
}

/// The same, and none of them changes or goes until the transaction ends: for whoever gives one.
pub(crate) async fn held_fast<C>(work: &mut Work<'_, C>, roles: &[String]) -> Result<CustomRoles, PortError> {
    if !are_built_in(roles) {
        let organization = work.ctx.organization_id;
        work.tx.roles().lock_organization(organization).await?;
    }
    within(work, roles).await
}
