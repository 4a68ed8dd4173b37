//! Decides by the policies of an organization.

use std::sync::Arc;

use vutf_kernel::{Actor, Authorizer, Bounds, Ctx, Denial, OrganizationId, Permission, PortError, Timestamp};

use super::{
    Policy,
    condition::{ActorKind, Situation, Truth},
};
use crate::{Identity, role::CustomRoles};

/// The policies of an organization.
#[derive(Clone, Debug, Default)]
pub struct PolicySet(Vec<Policy>);

/// A policy that is about what was asked, and whether it takes it away.
#[derive(Clone, Copy, Debug)]
pub struct Matched<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// Whether it holds.
    pub holds: Truth,
}

impl PolicySet {
    /// Of these policies.
    pub fn new(policies: Vec<Policy>) -> Self {
        Self(policies)
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// All of them.
    pub fn policies(&self) -> &[Policy] {
        &self.0
    }
    /// The policies that are about `permission` of a holder of `roles`.
    pub fn about<'a>(
        &'a self,
        roles: &'a [String],
        permission: &'a Permission,
        at: &'a Situation<'a>,
    ) -> impl Iterator<Item = Matched<'a>> {
        let about = self
            .0
            .iter()
            .filter(|policy| policy.rule.is_about(roles, permission));
        about.map(|policy| Matched {
            policy,
            holds: policy.rule.holds(at),
        })
    }
    /// The first policy that takes `permission` away from a holder of `roles`. What is not known takes away.
    pub fn denies(&self, roles: &[String], permission: &Permission, at: &Situation<'_>) -> Option<&Policy> {
        let mut about = self
            .0
            .iter()
            .filter(|policy| policy.rule.is_about(roles, permission));
        about.find(|policy| policy.rule.holds(at) != Truth::No)
    }
}

/// The policies of an organization, for somebody in one request.
struct Bound {
    set: Arc<PolicySet>,
    roles: Vec<String>,
    known: Arc<CustomRoles>,
    at: Timestamp,
}

impl Authorizer for Bound {
    fn denies(&self, ctx: &Ctx, permission: &Permission) -> Option<Denial> {
        let denied = self
            .set
            .denies(&self.roles, permission, &situation(ctx, self.at))?;
        Some(Denial {
            policy: denied.id,
            name: denied.name.as_str().to_owned(),
            permission: permission.clone(),
            granted_by: self.known.granting(&self.roles, permission),
        })
    }
}

/// What is known of a request at `now`.
pub(super) fn situation(ctx: &Ctx, now: Timestamp) -> Situation<'_> {
    let resource = ctx.bounds.resource();
    Situation {
        now: Some(now),
        user: ctx.actor.user_id(),
        actor: match ctx.actor {
            Actor::User { .. } => Some(ActorKind::User),
            Actor::ApiKey { .. } => Some(ActorKind::ApiKey),
            Actor::Anonymous | Actor::Operator | Actor::System { .. } => None,
        },
        assurance: Some(ctx.assurance.as_ref()),
        ip: ctx.origin.ip,
        moved: Some(ctx.moved),
        resource_kind: resource.map(|resource| &*resource.kind),
        resource_id: resource.and_then(|resource| resource.id),
        own: ctx.bounds.is_own(),
    }
}

/// What bounds a holder of `roles` in a request at `now`; nothing where the organization has no policy.
pub(crate) async fn bounds(
    id: &Identity,
    organization: OrganizationId,
    roles: &[String],
    known: &Arc<CustomRoles>,
    now: Timestamp,
) -> Result<Bounds, PortError> {
    let set = present(id, organization).await?;
    if set.is_empty() {
        return Ok(Bounds::default());
    }
    Ok(Bounds::by(Arc::new(Bound {
        set,
        roles: roles.to_vec(),
        known: Arc::clone(known),
        at: now,
    })))
}

/// The policies of an organization, as this process remembers them for less than a second.
pub(super) async fn present(
    id: &Identity,
    organization: OrganizationId,
) -> Result<Arc<PolicySet>, PortError> {
    if let Some(set) = id.policies.fetch(organization) {
        return Ok(set);
    }
    let mark = id.policies.mark();
    let set = Arc::new(PolicySet::new(id.store.policies(organization).await?));
    id.policies.put(organization, Arc::clone(&set), mark);
    Ok(set)
}
