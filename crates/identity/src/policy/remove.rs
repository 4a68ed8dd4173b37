//! Deletes a policy.

use vutf_kernel::{Ctx, Detail, Outcome, PolicyId};

use crate::{
    Identity, RuleError, VersionError, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

/// Deletes a policy.
#[derive(Clone, Copy, Debug)]
pub struct RemovePolicy {
    /// Which.
    pub policy_id: PolicyId,
    /// The version that the caller read.
    pub expected_version: Option<i64>,
}

use_case_error! {
    /// Why no policy was deleted.
    RemovePolicyError {
        /// No such policy.
        NotFound => NotFound, "policy_not_found", "there is no such policy";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// No version, or one that has moved on.
        Version(VersionError);
    }
}

/// Deletes a policy for good; what it said stays in the audit log.
pub async fn remove(ctx: &Ctx, id: &Identity, command: RemovePolicy) -> Result<(), RemovePolicyError> {
    let about = About::one(action::POLICY_DELETE, command.policy_id.as_uuid());
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    id.audited(ctx, about, done).await?;
    id.policies.forget(ctx.organization_id);
    Ok(())
}

async fn apply(mut work: Work<'_, RemovePolicy>) -> Result<(), RemovePolicyError> {
    work.require(&permission::POLICIES_MANAGE)?;
    let command = *work.command;
    let organization = work.ctx.organization_id;
    work.tx.roles().lock_organization(organization).await?;
    let found = work.tx.policies().find(organization, command.policy_id).await?;
    let policy = found.ok_or(RemovePolicyError::NotFound)?;
    VersionError::check(command.expected_version, policy.stamps.version)?;
    if !work.tx.policies().remove(organization, policy.id).await? {
        return Err(RemovePolicyError::NotFound);
    }
    let about = About::one(action::POLICY_DELETE, policy.id.as_uuid());
    work.raise(&about, Outcome::Success, |event| {
        event
            .detail("name", Detail::Text(policy.name.as_str().to_owned()))
            .detail("policy", Detail::Text(policy.rule.text()))
    })
    .await?;
    Ok(())
}
