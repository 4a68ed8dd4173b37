//! Shows policies.

use vutf_kernel::{Ctx, Question};

use super::Policy;
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

use_case_error! {
    /// Why nothing is shown.
    ListPoliciesError {} {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// All policies of the organization; there are at most [`super::MOST_POLICIES`].
pub async fn list(ctx: &Ctx, id: &Identity) -> Result<Vec<Policy>, ListPoliciesError> {
    let done = id.look(ctx, (), |work| Box::pin(apply(work))).await;
    id.audited(ctx, About::kind(action::POLICY_LIST), done).await
}

async fn apply(mut work: Work<'_, ()>) -> Result<Vec<Policy>, ListPoliciesError> {
    work.require(&permission::POLICIES_READ)?;
    let organization = work.ctx.organization_id;
    let all = work.tx.policies().all(organization).await?;
    let ids: Vec<_> = all.iter().map(|policy| policy.id.as_uuid()).collect();
    let about = About::kind(action::POLICY_LIST);
    work.shown(&about, &Question::all(action::POLICY_LIST), &ids)
        .await?;
    Ok(all)
}
