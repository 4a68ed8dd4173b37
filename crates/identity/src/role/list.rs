//! The roles and permissions that there are.

use vutf_kernel::Ctx;

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
    let done = require(ctx, &permission::ROLES_READ).map(|()| BUILT_IN);
    let done = done.map_err(ListRolesError::from);
    id.audited(ctx, About::kind(action::ROLE_LIST), done).await
}

/// All permissions, as name and meaning.
pub async fn permissions(
    ctx: &Ctx,
    id: &Identity,
) -> Result<&'static [(&'static str, &'static str)], ListRolesError> {
    let done = require(ctx, &permission::ROLES_READ).map(|()| permission::ALL);
    let done = done.map_err(ListRolesError::from);
    id.audited(ctx, About::kind(action::PERMISSION_LIST), done).await
}
