//! Shows who is invited.

use vutf_kernel::{Ctx, InvitationId, Page, PageRequest, Question};

use super::Invitation;
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

use_case_error! {
    /// Why nothing is shown.
    ListInvitationsError {} {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// Shows invitations that nobody has accepted, oldest first.
pub async fn list(
    ctx: &Ctx,
    id: &Identity,
    page: PageRequest,
) -> Result<Page<Invitation>, ListInvitationsError> {
    let done = id.look(ctx, page, |work| Box::pin(apply(work))).await;
    id.audited(ctx, About::kind(action::INVITATION_LIST), done).await
}

async fn apply(mut work: Work<'_, PageRequest>) -> Result<Page<Invitation>, ListInvitationsError> {
    work.require(&permission::USERS_READ)?;
    let request = PageRequest {
        after: work.command.after,
        limit: work.command.limit.clamp(1, PageRequest::MAX_LIMIT),
    };
    let organization = work.ctx.organization_id;
    let page = work.tx.invitations().list(organization, &request).await?;
    let ids: Vec<_> = page.items.iter().map(|shown| shown.id).collect();
    let ids: Vec<_> = ids.iter().map(InvitationId::as_uuid).collect();
    let question = Question::all(action::INVITATION_LIST);
    work.shown(&About::kind(action::INVITATION_LIST), &question, &ids)
        .await?;
    Ok(page)
}
