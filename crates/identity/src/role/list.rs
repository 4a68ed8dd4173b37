//! The roles and permissions that there are.

use vutf_kernel::{Ctx, Detail, Event, Permission, Question};

use super::{BUILT_IN, BuiltInRole, CustomRole, built_in, permission};
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    work::{About, Work, require},
};

/// A role, whoever made it.
#[derive(Clone, Debug)]
pub enum Role {
    /// One that everybody has.
    BuiltIn(&'static BuiltInRole),
    /// One of the organization.
    Custom(CustomRole),
}

impl Role {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::BuiltIn(role) => role.name,
            Self::Custom(role) => role.name.as_str(),
        }
    }
    /// What it is for.
    pub fn description(&self) -> &str {
        match self {
            Self::BuiltIn(role) => role.description,
            Self::Custom(role) => role.description.as_str(),
        }
    }
    /// What it grants.
    pub fn permissions(&self) -> &[Permission] {
        match self {
            Self::BuiltIn(role) => role.permissions(),
            Self::Custom(role) => role.permissions.as_slice(),
        }
    }
}

impl CustomRole {
    /// As an event tells it.
    pub(super) fn told(&self, event: Event) -> Event {
        event
            .detail("name", Detail::Text(self.name.as_str().to_owned()))
            .detail("permissions", Detail::List(self.permissions.names()))
            .detail("version", Detail::Number(self.stamps.version))
    }
}

use_case_error! {
    /// Why nothing is shown.
    ListRolesError {
        /// No such role.
        NotFound => NotFound, "role_not_found", "there is no such role";
    } {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// All roles, with what they grant: those that everybody has first, then the organization's own by name; there are at most
/// [`super::MOST_ROLES`] of these.
pub async fn list(ctx: &Ctx, id: &Identity) -> Result<Vec<Role>, ListRolesError> {
    let done = id.look(ctx, (), |work| Box::pin(all(work))).await;
    id.audited(ctx, About::kind(action::ROLE_LIST), done).await
}

async fn all(mut work: Work<'_, ()>) -> Result<Vec<Role>, ListRolesError> {
    work.require(&permission::ROLES_READ)?;
    let organization = work.ctx.organization_id;
    let custom = work.tx.custom_roles().all(organization).await?;
    let ids: Vec<_> = custom.iter().map(|role| role.id.as_uuid()).collect();
    let about = About::kind(action::ROLE_LIST);
    work.shown(&about, &Question::all(action::ROLE_LIST), &ids)
        .await?;
    let built_in = BUILT_IN.iter().map(Role::BuiltIn);
    Ok(built_in.chain(custom.into_iter().map(Role::Custom)).collect())
}

/// One role.
pub async fn view(ctx: &Ctx, id: &Identity, name: String) -> Result<Role, ListRolesError> {
    let done = id.look(ctx, name, |work| Box::pin(one(work))).await;
    id.audited(ctx, About::kind(action::ROLE_READ), done).await
}

async fn one(mut work: Work<'_, String>) -> Result<Role, ListRolesError> {
    work.require(&permission::ROLES_READ)?;
    let (organization, name) = (work.ctx.organization_id, work.command.clone());
    let role = if let Some(role) = built_in(&name) {
        Role::BuiltIn(role)
    } else {
        let all = work.tx.custom_roles().all(organization).await?;
        let found = all.into_iter().find(|role| role.name.as_str() == *name);
        Role::Custom(found.ok_or(ListRolesError::NotFound)?)
    };
    let (about, ids) = match &role {
        Role::BuiltIn(_) => (About::kind(action::ROLE_READ), Vec::new()),
        Role::Custom(role) => (
            About::one(action::ROLE_READ, role.id.as_uuid()),
            vec![role.id.as_uuid()],
        ),
    };
    let question = Question::all(action::ROLE_READ).with("name", Some(name.as_str()));
    work.shown(&about, &question, &ids).await?;
    Ok(role)
}

/// All permissions, as name and meaning. They are the same for every tenant and stand in the code, but who looks at them is in the
/// log like every look.
pub async fn permissions(
    ctx: &Ctx,
    id: &Identity,
) -> Result<&'static [(&'static str, &'static str)], ListRolesError> {
    let about = About::kind(action::PERMISSION_LIST);
    let done = require(ctx, &permission::ROLES_READ).map_err(ListRolesError::from);
    id.audited(ctx, about.clone(), done).await?;
    id.shown(ctx, about).await?;
    Ok(permission::ALL)
}
