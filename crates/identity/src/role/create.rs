//! Makes a role.

use vutf_kernel::{Ctx, Fault, Outcome, RoleId, Stamps};

use super::{CustomRole, MOST_ROLES, Permissions, RoleDescription, RoleName, custom::holds, permission};
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    work::{About, Work},
};

/// A role to be.
#[derive(Clone, Debug)]
pub struct CreateRole {
    /// What it is to be called; it cannot be called otherwise later.
    pub name: RoleName,
    /// What it is for.
    pub description: RoleDescription,
    /// What it is to grant.
    pub permissions: Permissions,
}

use_case_error! {
    /// Why no role was made.
    CreateRoleError {
        /// There is one of that name.
        Taken => Conflict, "role_name_taken", "there is a role of this name";
        /// There are as many as there may be.
        TooMany => Conflict, "too_many_roles", "there are as many roles as there may be; delete one first";
    } {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// Makes a role, which grants nothing that its maker does not hold.
pub async fn create(ctx: &Ctx, id: &Identity, command: CreateRole) -> Result<CustomRole, CreateRoleError> {
    let about = About::kind(action::ROLE_CREATE);
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let made = id.audited(ctx, about, done).await?;
    id.custom_roles.forget(ctx.organization_id);
    Ok(made)
}

async fn apply(mut work: Work<'_, CreateRole>) -> Result<CustomRole, CreateRoleError> {
    work.require(&permission::ROLES_MANAGE)?;
    let command = work.command.clone();
    if !holds(&work.ctx, &command.permissions.grants()) {
        return Err(RuleError::Exceeds.into());
    }
    let (organization, now, by) = (work.ctx.organization_id, work.now(), work.by());
    // One at a time: what is counted below is what there will be.
    work.tx.roles().lock_organization(organization).await?;
    let known = work.tx.custom_roles().all(organization).await?;
    if known.iter().any(|role| role.name == command.name) {
        return Err(CreateRoleError::Taken);
    }
    if known.len() >= MOST_ROLES {
        return Err(CreateRoleError::TooMany);
    }
    let role = CustomRole {
        id: RoleId::generate(work.env.clock, work.env.entropy),
        organization_id: organization,
        name: command.name.clone(),
        description: command.description.clone(),
        permissions: command.permissions.clone(),
        is_untrusted: false,
        stamps: Stamps::new(by, now),
    };
    match work.tx.custom_roles().insert(&role).await {
        Err(error) if error.fault == Fault::Duplicate => return Err(CreateRoleError::Taken),
        other => other?,
    }
    let about = About::one(action::ROLE_CREATE, role.id.as_uuid());
    let said = role.clone();
    work.raise(&about, Outcome::Success, |event| said.told(event))
        .await?;
    Ok(role)
}
