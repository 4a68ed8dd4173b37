//! Changes what a role is for and what it grants.

use vutf_kernel::{Ctx, Detail, Fault, Outcome, PortError};

use super::{CustomRole, Permissions, RoleDescription, built_in, custom::holds, permission};
use crate::{
    Identity, RuleError, VersionError, action,
    refusal::use_case_error,
    work::{About, Work},
};

/// Changes a role; what is `None` stays.
#[derive(Clone, Debug)]
pub struct UpdateRole {
    /// Which.
    pub name: String,
    /// The version of it that the caller read.
    pub expected_version: Option<i64>,
    /// What it is for.
    pub description: Option<RoleDescription>,
    /// What it is to grant.
    pub permissions: Option<Permissions>,
}

use_case_error! {
    /// Why a role was not changed.
    UpdateRoleError {
        /// No such role.
        NotFound => NotFound, "role_not_found", "there is no such role";
        /// The roles that everybody has stay as they are.
        BuiltIn => Conflict, "role_built_in", "this role is the same in every organization, and stays as it is";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// No version, or one that has moved on.
        Version(VersionError);
    }
}

/// Changes a role. To widen one is to give what it grants to all who hold it: neither before nor after may it grant more than the
/// caller holds. It holds at once in this process, and within a second in others.
pub async fn update(ctx: &Ctx, id: &Identity, command: UpdateRole) -> Result<CustomRole, UpdateRoleError> {
    let about = About::kind(action::ROLE_UPDATE);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let changed = id.audited(ctx, about, done).await?;
    id.custom_roles.forget(ctx.organization_id);
    Ok(changed)
}

async fn apply(mut work: Work<'_, UpdateRole>) -> Result<CustomRole, UpdateRoleError> {
    work.require(&permission::ROLES_MANAGE)?;
    let command = work.command.clone();
    if built_in(&command.name).is_some() {
        return Err(UpdateRoleError::BuiltIn);
    }
    let (organization, now, by) = (work.ctx.organization_id, work.now(), work.by());
    work.tx.roles().lock_organization(organization).await?;
    let known = work.tx.custom_roles().all(organization).await?;
    let before = known.into_iter().find(|role| role.name.as_str() == command.name);
    let before = before.ok_or(UpdateRoleError::NotFound)?;
    VersionError::check(command.expected_version, before.stamps.version)?;
    let role = CustomRole {
        description: command
            .description
            .clone()
            .unwrap_or_else(|| before.description.clone()),
        permissions: command
            .permissions
            .clone()
            .unwrap_or_else(|| before.permissions.clone()),
        stamps: before.stamps.clone().changed(by, now),
        // What it grants is written anew, as the caller sees it.
        is_untrusted: false,
        ..before.clone()
    };
    if !holds(&work.ctx, &before.permissions.grants()) || !holds(&work.ctx, &role.permissions.grants()) {
        return Err(RuleError::Exceeds.into());
    }
    write(&mut work, &before, &role).await?;
    Ok(role)
}

async fn write(
    work: &mut Work<'_, UpdateRole>,
    before: &CustomRole,
    role: &CustomRole,
) -> Result<(), PortError> {
    work.tx
        .custom_roles()
        .update(role)
        .await
        .map_err(|error| PortError {
            fault: match error.fault {
                Fault::Stale => Fault::Contention,
                fault => fault,
            },
            ..error
        })?;
    let about = About::one(action::ROLE_UPDATE, role.id.as_uuid());
    let (was, said) = (before.permissions.names(), role.clone());
    work.raise(&about, Outcome::Success, |event| {
        said.told(event).detail("before", Detail::List(was))
    })
    .await
}
