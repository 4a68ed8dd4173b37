//! Uses an invitation up, in the transaction that makes the account.

use vutf_kernel::{PortError, Secret};

use super::{Invitation, InvitationInvalid};
use crate::{Email, UserStatus, refresh::TokenHash, role, work::Work};

/// The invitation, for one caller, if it is good for `email` now.
pub(crate) async fn accept<C, E>(
    work: &mut Work<'_, C>,
    token: &Secret<String>,
    email: &Email,
) -> Result<Invitation, E>
where
    E: From<PortError> + From<InvitationInvalid>,
{
    let organization = work.ctx.organization_id;
    let hash = TokenHash::of(token.expose());
    let found = work.tx.invitations().find(organization, &hash).await?;
    let invitation = found.ok_or(InvitationInvalid)?;
    // Whoever has the token of another address has read somebody else's mail.
    let is_theirs = invitation.email.canonical() == email.canonical();
    if !is_theirs || work.now() >= invitation.expires_at || !stands(work, &invitation).await? {
        return Err(InvitationInvalid.into());
    }
    if !work.tx.invitations().remove(organization, invitation.id).await? {
        return Err(InvitationInvalid.into());
    }
    Ok(invitation)
}

/// Whether whoever invited may still give these roles: an administrator who was removed leaves no administrators behind.
async fn stands<C>(work: &mut Work<'_, C>, invitation: &Invitation) -> Result<bool, PortError> {
    let given = role::held_fast(work, &invitation.roles).await?;
    if given.lacks_one_of(&invitation.roles) {
        return Ok(false);
    }
    let Some(inviter) = invitation.created_by else {
        return Ok(true);
    };
    let organization = invitation.organization_id;
    let found = work.tx.users().find(organization, inviter).await?;
    // A program may have invited by its key.
    if !found.is_some_and(|inviter| inviter.status == UserStatus::Active && !inviter.stamps.is_deleted()) {
        return Ok(false);
    }
    let held = work.tx.roles().of_user(organization, inviter).await?;
    let held = role::within(work, &held).await?.grants(&held);
    if invitation.roles.iter().all(|name| name == role::USER) {
        return Ok(held.allow(&role::permission::USERS_WRITE));
    }
    Ok(held.allow(&role::permission::ROLES_ASSIGN) && held.covers(&given.grants(&invitation.roles)))
}
