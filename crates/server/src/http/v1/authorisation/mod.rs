//! Roles and permissions.

pub(crate) mod create_role;
pub(crate) mod delete_role;
pub(crate) mod permissions;
pub(crate) mod roles;
pub(crate) mod update_role;
pub(crate) mod view_role;

use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::role::{CustomRole, list::Role};
use vutf_kernel::Permission;

/// A set of permissions with a name.
#[derive(Serialize, ToSchema)]
#[schema(as = Role)]
pub(crate) struct RoleBody {
    /// Its name.
    #[schema(example = "auditor")]
    name: String,
    /// What it is for.
    description: String,
    /// What it grants.
    permissions: Vec<String>,
    /// Whether every organization has it, and nobody can change it.
    built_in: bool,
    /// Grows with each change; the `ETag` is `"v<version>"`. A built-in one has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    /// Whether what is stored is not as this service wrote it: it grants nothing until it is changed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    untrusted: bool,
}

impl From<&Role> for RoleBody {
    fn from(role: &Role) -> Self {
        let custom = match role {
            Role::BuiltIn(_) => None,
            Role::Custom(custom) => Some(custom),
        };
        let permissions = role.permissions().iter().map(Permission::as_str);
        Self {
            name: role.name().to_owned(),
            description: role.description().to_owned(),
            permissions: permissions.map(str::to_owned).collect(),
            built_in: custom.is_none(),
            version: custom.map(|custom| custom.stamps.version),
            untrusted: custom.is_some_and(|custom| custom.is_untrusted),
        }
    }
}

impl From<CustomRole> for RoleBody {
    fn from(role: CustomRole) -> Self {
        Self::from(&Role::Custom(role))
    }
}
