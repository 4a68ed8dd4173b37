//! Invitations.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod revoke;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::invitation::Invitation;
use vutf_kernel::UserId;

/// An invitation that nobody has accepted yet.
#[derive(Serialize, ToSchema)]
#[schema(as = Invitation)]
pub(crate) struct InvitationBody {
    /// Its id.
    id: Uuid,
    /// Who is invited.
    #[schema(example = "grace@example.org")]
    email: String,
    /// Roles beside the one that everybody has.
    roles: Vec<String>,
    /// Its end.
    #[schema(value_type = String, format = DateTime)]
    expires_at: String,
    /// Who invites; nobody if it was the operator.
    created_by: Option<Uuid>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
}

impl From<Invitation> for InvitationBody {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id.as_uuid(),
            email: invitation.email.expose().to_owned(),
            roles: invitation.roles,
            expires_at: invitation.expires_at.rfc3339(),
            created_by: invitation.created_by.as_ref().map(UserId::as_uuid),
            created_at: invitation.created_at.rfc3339(),
        }
    }
}
