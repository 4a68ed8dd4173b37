//! The roles and permissions that there are.

use vutf_kernel::{Action, Ctx};

use super::{BUILT_IN, BuiltInRole, permission};
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    work::{About, require},
};

use_case_error! {
    /// Why nothing is shown.
    ListRolesError {} {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// All roles, with what they grant.
pub async fn list(ctx: &Ctx, id: &Identity) -> Result<&'static [BuiltInRole], ListRolesError> {
    show(ctx, id, action::ROLE_LIST).await?;
    Ok(BUILT_IN)
}

/// All permissions, as name and meaning.
pub async fn permissions(
    ctx: &Ctx,
    id: &Identity,
) -> Result<&'static [(&'static str, &'static str)], ListRolesError> {
    show(ctx, id, action::PERMISSION_LIST).await?;
    Ok(permission::ALL)
}

/// They are the same for every tenant and stand in the code, but who looks at them is in the log like every look.
async fn show(ctx: &Ctx, id: &Identity, action: Action) -> Result<(), ListRolesError> {
    let about = About::kind(action);
    let done = require(ctx, &permission::ROLES_READ).map_err(ListRolesError::from);
    id.audited(ctx, about.clone(), done).await?;
    Ok(id.shown(ctx, about).await?)
}
