//! Who is calling, from where, with what assurance and what rights.

use std::{borrow::Cow, collections::BTreeSet, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{ApiKeyId, Bounds, Decision, OrganizationId, Receipt, SessionId, Timestamp, UserId};

/// Who acts. Every audit event names one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Actor {
    /// Nobody has proved who they are.
    Anonymous,
    /// A user in a session.
    User {
        /// The user.
        user_id: UserId,
        /// The session that the credential belongs to.
        session_id: SessionId,
    },
    /// A program that holds an API key of a user. It is no person: it has proved nothing but that it has the key.
    ApiKey {
        /// Whose key it is.
        user_id: UserId,
        /// The key.
        key_id: ApiKeyId,
    },
    /// A person with access to the machine, on the command line.
    Operator,
    /// The service itself, e.g. a scheduled job.
    System {
        /// The job's name.
        job: Cow<'static, str>,
    },
}

impl Actor {
    /// The user behind the actor, if there is one.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User { user_id, .. } | Self::ApiKey { user_id, .. } => Some(*user_id),
            Self::Anonymous | Self::Operator | Self::System { .. } => None,
        }
    }
    /// The user behind the actor, if it is a person in a session: what only a person may do asks for this.
    pub fn signed_in(&self) -> Option<UserId> {
        match self {
            Self::User { user_id, .. } => Some(*user_id),
            _ => None,
        }
    }
    /// The kind as a stable word: `anonymous`, `user`, `api_key`, `operator`, `system`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User { .. } => "user",
            Self::ApiKey { .. } => "api_key",
            Self::Operator => "operator",
            Self::System { .. } => "system",
        }
    }
}

/// Authenticator assurance level, NIST SP 800-63B-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aal {
    /// Single factor.
    Aal1,
    /// Two factors.
    Aal2,
    /// Two factors, one of them hardware-bound and phishing-resistant.
    Aal3,
}

impl Aal {
    /// The value of an `acr` claim.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::Aal3 => "aal3",
        }
    }
}

/// What a session has proved, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assurance {
    /// The level that was met.
    pub aal: Aal,
    /// When the user last authenticated.
    pub auth_time: Timestamp,
    /// Authentication methods, RFC 8176 (`pwd`, `otp`, `hwk`, …).
    pub amr: Vec<String>,
}

/// `resource:action`, e.g. `users:read`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permission(Cow<'static, str>);

impl Permission {
    /// A permission that the code knows.
    pub const fn known(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }
    /// A permission read from a store.
    pub fn parse(name: String) -> Self {
        Self(Cow::Owned(name))
    }
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The permissions that a caller holds now. Empty for anonymous callers: deny by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants(BTreeSet<Permission>);

impl Grants {
    /// Whether `permission` is held.
    pub fn allow(&self, permission: &Permission) -> bool {
        self.0.contains(permission)
    }
    /// All of them, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }
    /// What is held here and in `other` as well.
    #[must_use]
    pub fn within(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Whether every permission of `other` is held too.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.is_subset(&self.0)
    }
}

impl FromIterator<Permission> for Grants {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
    }
}

/// Network origin of a request. PII: sealed before it is stored.
#[derive(Clone, Default)]
pub struct Origin {
    /// Peer address.
    pub ip: Option<IpAddr>,
    /// `User-Agent`, cut to 512 bytes at the edge.
    pub user_agent: Option<String>,
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Origin(redacted)")
    }
}

/// Correlates log lines, audit events and answers: 1 to 64 of `[A-Za-z0-9._-]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(String);

impl RequestId {
    /// Takes a client's value if it has the allowed form.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        fits.then(|| Self(text.to_owned()))
    }
    /// From an id that the service made.
    pub fn from_uuid(id: uuid::Uuid) -> Self {
        Self(id.to_string())
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The first argument of every use case: who asks, for which tenant, under which request.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// The tenant in which the call takes place.
    pub organization_id: OrganizationId,
    /// Who acts.
    pub actor: Actor,
    /// The request.
    pub request_id: RequestId,
    /// What the session has proved; `None` for callers without a session.
    pub assurance: Option<Assurance>,
    /// What the caller's roles grant.
    pub grants: Grants,
    /// What takes away from that.
    pub bounds: Bounds,
    /// Where the call came from.
    pub origin: Origin,
    /// Whether its session was proved elsewhere: from another network, or with another user agent.
    pub moved: bool,
    /// Tells whoever answers whether the event of what was asked for is in the log.
    pub receipt: Receipt,
}

impl Ctx {
    /// A caller who has proved nothing.
    pub fn anonymous(organization_id: OrganizationId, request_id: RequestId, origin: Origin) -> Self {
        Self {
            organization_id,
            actor: Actor::Anonymous,
            request_id,
            assurance: None,
            grants: Grants::default(),
            bounds: Bounds::default(),
            origin,
            moved: false,
            receipt: Receipt::default(),
        }
    }
    /// The service's own job, or an operator on the machine.
    pub fn internal(organization_id: OrganizationId, actor: Actor, request_id: RequestId) -> Self {
        Self {
            actor,
            ..Self::anonymous(organization_id, request_id, Origin::default())
        }
    }
    /// Whether no grant bounds the actor: the operator on the machine and the service itself hold the database already.
    pub fn is_trusted(&self) -> bool {
        matches!(self.actor, Actor::Operator | Actor::System { .. })
    }
    /// Whether the actor may do what needs `permission`, and why not. Every decision of every domain is this one: roles grant,
    /// policies take away, and what is not granted is denied.
    pub fn decide(&self, permission: &Permission) -> Decision {
        if self.is_trusted() {
            Decision::Allowed
        } else if self.grants.allow(permission) {
            self.decide_granted(permission)
        } else {
            Decision::NotGranted
        }
    }
    /// What policies say about `permission`, as if it were granted: for what needs no grant but that the caller is signed in.
    pub fn decide_granted(&self, permission: &Permission) -> Decision {
        match self.bounds.denial(self, permission) {
            Some(denial) => Decision::Denied(denial),
            None => Decision::Allowed,
        }
    }
    /// Whether the actor may do what needs `permission`.
    pub fn may(&self, permission: &Permission) -> bool {
        self.decide(permission).is_allowed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_taken_only_in_the_allowed_form() {
        assert!(RequestId::parse("abc-1.2_3").is_some());
        for bad in ["", "a b", "a\n", "é", &"x".repeat(65), "<script>"] {
            assert!(RequestId::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn nothing_is_granted_by_default() {
        assert!(!Grants::default().allow(&Permission::known("users:read")));
    }

    #[test]
    fn only_the_machine_itself_may_without_a_grant() {
        let request_id = || RequestId::parse("test").unwrap();
        let needed = Permission::known("users:read");
        let organization = OrganizationId::DEFAULT;
        assert!(!Ctx::anonymous(organization, request_id(), Origin::default()).may(&needed));
        assert!(Ctx::internal(organization, Actor::Operator, request_id()).may(&needed));
        let user = Actor::User {
            user_id: UserId::from_uuid(uuid::Uuid::nil()),
            session_id: SessionId::from_uuid(uuid::Uuid::nil()),
        };
        let mut ctx = Ctx::internal(organization, user, request_id());
        assert!(!ctx.may(&needed));
        ctx.grants = [needed.clone()].into_iter().collect();
        assert!(ctx.may(&needed));
    }

    #[test]
    fn a_key_acts_for_its_owner_and_is_not_the_owner() {
        let user_id = UserId::from_uuid(uuid::Uuid::from_u128(1));
        let key_id = ApiKeyId::from_uuid(uuid::Uuid::from_u128(2));
        let key = Actor::ApiKey { user_id, key_id };
        assert_eq!((key.user_id(), key.signed_in()), (Some(user_id), None));
        assert_eq!(key.kind(), "api_key");
        assert!(!Ctx::internal(OrganizationId::DEFAULT, key, RequestId::parse("r").unwrap()).is_trusted());
    }

    #[test]
    fn what_two_sets_have_in_common() {
        let of = |names: &[&'static str]| {
            names
                .iter()
                .map(|name| Permission::known(name))
                .collect::<Grants>()
        };
        let common = of(&["a", "b"]).within(&of(&["b", "c"]));
        assert_eq!((common.len(), common), (1, of(&["b"])));
        assert!(of(&["a"]).within(&of(&[])).is_empty());
    }

    #[test]
    fn origin_is_not_printed() {
        let origin = Origin {
            ip: Some([192, 0, 2, 1].into()),
            user_agent: Some("secret-agent".into()),
        };
        assert_eq!(format!("{origin:?}"), "Origin(redacted)");
    }
}
