//! The rows of roles that organizations made.

use uuid::Uuid;

use super::{Authenticated, Message};

/// What the row of a role says.
pub(crate) struct CustomRoleRow<'a> {
    pub(crate) organization: Uuid,
    pub(crate) id: Uuid,
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) permissions: &'a str,
    pub(crate) version: i64,
}

impl Authenticated for CustomRoleRow<'_> {
    const TABLE: &'static str = "custom_roles";
    const COLUMN: &'static str = "row_mac";
    fn tenant(&self) -> Uuid {
        self.organization
    }
    fn row(&self) -> Uuid {
        self.id
    }
    fn message(&self) -> Message {
        Message::new("vutf/row/custom_roles/v1")
            .part(self.organization.as_bytes())
            .part(self.id.as_bytes())
            .part(self.name.as_bytes())
            .part(self.description.as_bytes())
            .part(self.permissions.as_bytes())
            .part(&self.version.to_be_bytes())
    }
}
