//! Invitations: where strangers do not register, or with roles that strangers do not get. An invitation is mailed, and good for one
//! account of the address to which it was mailed.

pub(crate) mod accept;
pub mod invite;
pub mod list;
pub mod revoke;

use async_trait::async_trait;
use vutf_kernel::{Class, InvitationId, OrganizationId, Page, PageRequest, PortError, Timestamp, UserId};

use crate::{Email, refresh::TokenHash};

/// An invitation that nobody has accepted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// SHA-256 of its token, which has 256 bits.
    pub hash: TokenHash,
    /// Who is invited.
    pub email: Email,
    /// The keyed hash of the address: there is one invitation of an address.
    pub tag: [u8; 32],
    /// Roles beside the one that everybody has, sorted.
    pub roles: Vec<String>,
    /// Its end.
    pub expires_at: Timestamp,
    /// Who invites; the operator is nobody.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}

/// Invitations that nobody has accepted yet, expired ones included until they are swept.
#[async_trait]
pub trait InvitationRepo: Send {
    /// Adds one, in the place of another to the same address.
    async fn put(&mut self, invitation: &Invitation) -> Result<(), PortError>;
    /// By the hash of its token.
    async fn find(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<Option<Invitation>, PortError>;
    /// Removes one, accepted or revoked: `true` for one caller.
    async fn remove(&mut self, organization: OrganizationId, id: InvitationId) -> Result<bool, PortError>;
    /// By ascending id.
    async fn list(
        &mut self,
        organization: OrganizationId,
        page: &PageRequest,
    ) -> Result<Page<Invitation>, PortError>;
}

/// The invitation does not exist, was used, is over, is somebody else's, or its inviter may not give its roles any more. The answer
/// does not say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the invitation is not valid for this address; ask for a new one")]
pub struct InvitationInvalid;

impl InvitationInvalid {
    /// Who is not invited may not register.
    pub fn class(&self) -> Class {
        Class::Forbidden
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        "invitation_invalid"
    }
}
