//! Who decides what a caller may do: their roles grant, and policies take away. [`crate::Ctx::decide`] is the one place.

use std::{fmt, sync::Arc};

use crate::{Ctx, Permission, PolicyId, Resource};

/// Takes away from what roles grant. It can give nothing: it is asked about what is granted, and about nothing else.
pub trait Authorizer: Send + Sync {
    /// Why whoever acts in `ctx` may not use `permission` though their roles grant it; `None`: they may. What cannot be told
    /// counts as taken away.
    fn denies(&self, ctx: &Ctx, permission: &Permission) -> Option<Denial>;
}

/// What took a permission away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The policy.
    pub policy: PolicyId,
    /// What it is called.
    pub name: String,
    /// The permission.
    pub permission: Permission,
    /// The roles that grant it.
    pub granted_by: Vec<String>,
}

/// Whether a caller may, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Granted, and nothing takes it away.
    Allowed,
    /// No role of the caller grants it.
    NotGranted,
    /// It is granted, and a policy takes it away.
    Denied(Denial),
}

impl Decision {
    /// Whether the caller may.
    pub fn is_allowed(&self) -> bool {
        *self == Self::Allowed
    }
}

/// What bounds the grants of a caller in one request. The default bounds nothing: nobody made a policy, or none holds for the
/// caller.
#[derive(Clone, Default)]
pub struct Bounds {
    authorizer: Option<Arc<dyn Authorizer>>,
    about: Option<Resource>,
    own: Option<bool>,
}

impl Bounds {
    /// Bounds by `authorizer`.
    pub fn by(authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            authorizer: Some(authorizer),
            about: None,
            own: None,
        }
    }
    /// The same for a request about `resource`; `own`: whether it belongs to the caller, where that is known.
    #[must_use]
    pub fn about(self, resource: Resource, own: Option<bool>) -> Self {
        Self {
            about: Some(resource),
            own,
            ..self
        }
    }
    /// Whether nothing is taken away from anybody.
    pub fn is_empty(&self) -> bool {
        self.authorizer.is_none()
    }
    /// What the request is about, if that is known.
    pub fn resource(&self) -> Option<&Resource> {
        self.about.as_ref()
    }
    /// Whether that belongs to the caller, if that is known.
    pub fn is_own(&self) -> Option<bool> {
        self.own
    }
    /// What takes `permission` away.
    pub(crate) fn denial(&self, ctx: &Ctx, permission: &Permission) -> Option<Denial> {
        self.authorizer.as_ref()?.denies(ctx, permission)
    }
}

impl fmt::Debug for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_empty() {
            "Bounds(none)"
        } else {
            "Bounds(..)"
        };
        f.write_str(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, OrganizationId, RequestId, SessionId, UserId};

    struct TakesAll;

    impl Authorizer for TakesAll {
        fn denies(&self, _: &Ctx, permission: &Permission) -> Option<Denial> {
            Some(Denial {
                policy: PolicyId::from_uuid(uuid::Uuid::nil()),
                name: "all".to_owned(),
                permission: permission.clone(),
                granted_by: Vec::new(),
            })
        }
    }

    fn ctx(actor: Actor, bounds: Bounds) -> Ctx {
        Ctx {
            bounds,
            ..Ctx::internal(OrganizationId::DEFAULT, actor, RequestId::parse("r").unwrap())
        }
    }

    #[test]
    fn what_bounds_takes_away_and_gives_nothing() {
        let user = Actor::User {
            user_id: UserId::from_uuid(uuid::Uuid::nil()),
            session_id: SessionId::from_uuid(uuid::Uuid::nil()),
        };
        let needed = Permission::known("users:read");
        let bounded = Bounds::by(Arc::new(TakesAll));
        let mut caller = ctx(user, Bounds::default());
        assert_eq!(caller.decide(&needed), Decision::NotGranted);
        caller.bounds = bounded.clone();
        assert_eq!(caller.decide(&needed), Decision::NotGranted);
        caller.grants = [needed.clone()].into_iter().collect();
        assert!(matches!(caller.decide(&needed), Decision::Denied(_)));
        assert!(!caller.may(&needed));
        caller.bounds = Bounds::default();
        assert!(caller.decide(&needed).is_allowed());
        // The machine itself is bounded by nothing.
        assert!(ctx(Actor::Operator, bounded).may(&needed));
    }
}
