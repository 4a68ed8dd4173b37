//! Deletes a role that nobody holds.

use vutf_kernel::{Class, Ctx, Outcome};

use super::{built_in, custom::holds, permission};
use crate::{
    Identity, RuleError, VersionError, action,
    refusal::use_case_error,
    work::{About, Work},
};

/// Deletes a role.
#[derive(Clone, Debug)]
pub struct RemoveRole {
    /// Which.
    pub name: String,
    /// The version that the caller read.
    pub expected_version: Option<i64>,
}

/// There are accounts that hold the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} accounts hold this role, deleted and barred ones included; take it from them first")]
pub struct RoleHeld(pub u64);

impl RoleHeld {
    /// Which status it becomes.
    pub fn class(&self) -> Class {
        Class::Conflict
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        "role_held"
    }
}

use_case_error! {
    /// Why no role was deleted.
    RemoveRoleError {
        /// No such role.
        NotFound => NotFound, "role_not_found", "there is no such role";
        /// The roles that everybody has stay.
        BuiltIn => Conflict, "role_built_in", "this role is the same in every organization, and stays as it is";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// No version, or one that has moved on.
        Version(VersionError);
        /// Somebody holds it.
        Held(RoleHeld);
    }
}

/// Deletes a role for good; what it granted stays in the audit log. As long as an account holds it, it stays: nobody is to find out
/// by a refusal that a right is gone, nor to get it back by the next role of that name.
pub async fn remove(ctx: &Ctx, id: &Identity, command: RemoveRole) -> Result<(), RemoveRoleError> {
    let about = About::kind(action::ROLE_DELETE);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    id.audited(ctx, about, done).await?;
    id.custom_roles.forget(ctx.organization_id);
    Ok(())
}

async fn apply(mut work: Work<'_, RemoveRole>) -> Result<(), RemoveRoleError> {
    work.require(&permission::ROLES_MANAGE)?;
    let command = work.command.clone();
    if built_in(&command.name).is_some() {
        return Err(RemoveRoleError::BuiltIn);
    }
    let organization = work.ctx.organization_id;
    // Whoever gives a role waits here, too.
    work.tx.roles().lock_organization(organization).await?;
    let known = work.tx.custom_roles().all(organization).await?;
    let role = known.into_iter().find(|role| role.name.as_str() == command.name);
    let role = role.ok_or(RemoveRoleError::NotFound)?;
    VersionError::check(command.expected_version, role.stamps.version)?;
    if !holds(&work.ctx, &role.permissions.grants()) {
        return Err(RuleError::Exceeds.into());
    }
    let holders = work.tx.custom_roles().assigned(organization, &role.name).await?;
    if holders > 0 {
        return Err(RoleHeld(holders).into());
    }
    if !work.tx.custom_roles().remove(organization, role.id).await? {
        return Err(RemoveRoleError::NotFound);
    }
    let about = About::one(action::ROLE_DELETE, role.id.as_uuid());
    work.raise(&about, Outcome::Success, |event| role.told(event))
        .await?;
    Ok(())
}
