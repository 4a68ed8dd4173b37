//! Roles and permissions.

pub(crate) mod permissions;
pub(crate) mod roles;
