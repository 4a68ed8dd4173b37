//! Makes or changes a policy.

use vutf_kernel::{Ctx, Detail, Fault, Outcome, PolicyId, PortError, Stamps};

use super::{MOST_POLICIES, Policy, PolicyName, PolicySet, Rule, Situation, decide::situation};
use crate::{
    Identity, RuleError, VersionError, action,
    refusal::use_case_error,
    role::permission,
    session::is_break_glass,
    work::{About, Work},
};

/// Makes a policy, or replaces it.
#[derive(Clone, Debug)]
pub struct PutPolicy {
    /// Which; the caller chooses the id of a new one.
    pub policy_id: PolicyId,
    /// The version of it that the caller read; `None` for a new one.
    pub expected_version: Option<i64>,
    /// What it is to be called.
    pub name: PolicyName,
    /// What it is to say.
    pub rule: Rule,
}

use_case_error! {
    /// Why no policy was made or changed.
    PutPolicyError {
        /// The caller names a version of a policy that is not there.
        NotFound => NotFound, "policy_not_found", "there is no such policy; leave `If-Match` out to make it";
        /// There are as many as there may be.
        TooMany => Conflict, "too_many_policies", "there are as many policies as there may be; delete one first";
        /// Whoever writes it could not take it back.
        LocksOut => Conflict, "policy_locks_out", "you, as you are signed in now, could not change policies any more; except yourself";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// No version, or one that has moved on.
        Version(VersionError);
    }
}

/// Makes or changes a policy. It holds at once in this process, and within a second in others. One that would keep its writer, as
/// they are signed in now, from changing policies is refused: somebody is left who can take it back.
pub async fn put(ctx: &Ctx, id: &Identity, command: PutPolicy) -> Result<(Policy, bool), PutPolicyError> {
    let about = About::one(action::POLICY_PUT, command.policy_id.as_uuid());
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let made = id.audited(ctx, about, done).await?;
    id.policies.forget(ctx.organization_id);
    Ok(made)
}

async fn apply(mut work: Work<'_, PutPolicy>) -> Result<(Policy, bool), PutPolicyError> {
    work.require(&permission::POLICIES_MANAGE)?;
    let command = work.command.clone();
    let (organization, now, by) = (work.ctx.organization_id, work.now(), work.by());
    // One at a time: what is counted and tried below is what there will be.
    work.tx.roles().lock_organization(organization).await?;
    let mut others = work.tx.policies().all(organization).await?;
    let before = others.iter().position(|policy| policy.id == command.policy_id);
    let before = before.map(|place| others.remove(place));
    let stamps = match &before {
        Some(known) => {
            VersionError::check(command.expected_version, known.stamps.version)?;
            known.stamps.clone().changed(by, now)
        }
        None if command.expected_version.is_some() => return Err(PutPolicyError::NotFound),
        None if others.len() >= MOST_POLICIES => return Err(PutPolicyError::TooMany),
        None => Stamps::new(by, now),
    };
    let policy = Policy {
        id: command.policy_id,
        organization_id: organization,
        name: command.name.clone(),
        rule: command.rule.clone(),
        broken: None,
        stamps,
    };
    others.push(policy.clone());
    if locks_out(&mut work, &PolicySet::new(others)).await? {
        return Err(PutPolicyError::LocksOut);
    }
    write(&mut work, &policy, before.is_none()).await?;
    Ok((policy, before.is_none()))
}

async fn write(work: &mut Work<'_, PutPolicy>, policy: &Policy, is_new: bool) -> Result<(), PortError> {
    let written = if is_new {
        work.tx.policies().insert(policy).await
    } else {
        work.tx.policies().update(policy).await
    };
    // An id that another organization has taken is taken.
    written.map_err(|error| match error.fault {
        Fault::Stale => PortError {
            fault: Fault::Contention,
            ..error
        },
        _ => error,
    })?;
    let about = About::one(action::POLICY_PUT, policy.id.as_uuid());
    let (name, text) = (policy.name.as_str().to_owned(), policy.rule.text());
    let version = policy.stamps.version;
    work.raise(&about, Outcome::Success, |event| {
        event
            .detail("name", Detail::Text(name))
            .detail("policy", Detail::Text(text))
            .detail("version", Detail::Number(version))
    })
    .await
}

/// Whether the caller, as they are now, could change no policy any more under `set`. A session that broke the glass is judged as
/// the administrator whom it stands in for.
pub(super) async fn locks_out<C>(work: &mut Work<'_, C>, set: &PolicySet) -> Result<bool, PortError> {
    if work.ctx.is_trusted() {
        return Ok(false);
    }
    let roles = roles_of(work).await?;
    let at = Situation {
        // Any policy: which one is to be taken back is not known.
        resource_id: None,
        resource_kind: Some(action::POLICY_PUT.resource),
        own: None,
        ..situation(&work.ctx, work.env.now())
    };
    Ok(set.denies(&roles, &permission::POLICIES_MANAGE, &at).is_some())
}

/// The roles that the caller acts with.
pub(super) async fn roles_of<C>(work: &mut Work<'_, C>) -> Result<Vec<String>, PortError> {
    if work.ctx.assurance.as_ref().is_some_and(is_break_glass) {
        return Ok(vec![crate::role::SUPER_ADMIN.to_owned()]);
    }
    let organization = work.ctx.organization_id;
    match work.by() {
        Some(user) => work.tx.roles().of_user(organization, user).await,
        None => Ok(Vec::new()),
    }
}
