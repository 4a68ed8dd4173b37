//! Tells what a policy would do, without making it.

use vutf_kernel::{Ctx, Detail, OrganizationId, Outcome, Permission, PolicyId, Stamps};

use super::{
    Policy, PolicyName, PolicySet, Rule,
    decide::situation,
    put::{locks_out, roles_of},
};
use crate::{
    Identity, RuleError, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work},
};

/// What a policy would do to whoever asks, as they are signed in now.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What it says, as it would be stored.
    pub rule: Rule,
    /// The caller's permissions that it would take away.
    pub takes: Vec<Permission>,
    /// Whether it would be refused, because the caller could not change policies any more.
    pub locks_out: bool,
}

use_case_error! {
    /// Why nothing is told.
    ValidatePolicyError {} {
        /// The caller may not do this.
        Rule(RuleError);
    }
}

/// Tries a policy on the caller, beside nothing else.
pub async fn validate(ctx: &Ctx, id: &Identity, rule: Rule) -> Result<Trial, ValidatePolicyError> {
    let done = id.look(ctx, rule, |work| Box::pin(apply(work))).await;
    id.audited(ctx, About::kind(action::POLICY_VALIDATE), done).await
}

async fn apply(mut work: Work<'_, Rule>) -> Result<Trial, ValidatePolicyError> {
    work.require(&permission::POLICIES_MANAGE)?;
    let rule = work.command.as_ref().clone();
    let set = PolicySet::new(vec![on_trial(work.ctx.organization_id, rule.clone(), &work)]);
    let roles = roles_of(&mut work).await?;
    let at = situation(&work.ctx, work.env.now());
    let held = work.ctx.grants.iter();
    let takes: Vec<Permission> = held
        .filter(|permission| set.denies(&roles, permission, &at).is_some())
        .cloned()
        .collect();
    let locks_out = locks_out(&mut work, &set).await?;
    let names = takes
        .iter()
        .map(|permission| permission.as_str().to_owned())
        .collect();
    let about = About::kind(action::POLICY_VALIDATE);
    work.raise(&about, Outcome::Success, |event| {
        event
            .detail("takes", Detail::List(names))
            .detail("locks_out", Detail::Bool(locks_out))
    })
    .await?;
    Ok(Trial {
        rule,
        takes,
        locks_out,
    })
}

fn on_trial(organization: OrganizationId, rule: Rule, work: &Work<'_, Rule>) -> Policy {
    Policy {
        id: PolicyId::from_uuid(uuid::Uuid::nil()),
        organization_id: organization,
        name: PolicyName::from_store("on trial".to_owned()),
        rule,
        broken: None,
        stamps: Stamps::new(work.by(), work.now()),
    }
}
