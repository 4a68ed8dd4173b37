//! Takes an invitation back.

use vutf_kernel::{Ctx, InvitationId};

use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

use_case_error! {
    /// Why the invitation stays.
    RevokeInvitationError {
        /// No such invitation, or it was accepted.
        NotFound => NotFound, "invitation_not_found", "there is no such invitation";
    } {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// Takes an invitation back that nobody has accepted.
pub async fn revoke(ctx: &Ctx, id: &Identity, invitation: InvitationId) -> Result<(), RevokeInvitationError> {
    let about = About::invitation(action::INVITATION_REVOKE, invitation);
    let done = id.run(ctx, invitation, |work| Box::pin(apply(work))).await;
    id.audited(ctx, about, done).await
}

async fn apply(mut work: Work<'_, InvitationId>) -> Result<(), RevokeInvitationError> {
    work.require(&permission::USERS_WRITE)?;
    let (organization, id) = (work.ctx.organization_id, *work.command);
    if !work.tx.invitations().remove(organization, id).await? {
        return Err(RevokeInvitationError::NotFound);
    }
    let about = About::invitation(action::INVITATION_REVOKE, id);
    Ok(work.done(&about).await?)
}
