//! Shows one policy.

use vutf_kernel::{Ctx, PolicyId, Question};

use super::Policy;
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

use_case_error! {
    /// Why nothing is shown.
    ViewPolicyError {
        /// No such policy.
        NotFound => NotFound, "policy_not_found", "there is no such policy";
    } {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// Shows a policy.
pub async fn view(ctx: &Ctx, id: &Identity, policy: PolicyId) -> Result<Policy, ViewPolicyError> {
    let about = About::one(action::POLICY_READ, policy.as_uuid());
    let done = id.look(ctx, policy, |work| Box::pin(apply(work))).await;
    id.audited(ctx, about, done).await
}

async fn apply(mut work: Work<'_, PolicyId>) -> Result<Policy, ViewPolicyError> {
    work.require(&permission::POLICIES_READ)?;
    let (organization, wanted) = (work.ctx.organization_id, *work.command);
    let found = work.tx.policies().find(organization, wanted).await?;
    let policy = found.ok_or(ViewPolicyError::NotFound)?;
    let id = policy.id.as_uuid();
    let question = Question::all(action::POLICY_READ).with("id", Some(id));
    let about = About::one(action::POLICY_READ, id);
    work.shown(&about, &question, &[id]).await?;
    Ok(policy)
}
