//! Roles that an organization makes for itself, and what its roles grant together with those that everybody has.

use std::fmt;

use vutf_kernel::{Ctx, Grants, OrganizationId, Permission, RoleId, Stamps};

use super::{BUILT_IN, SUPER_ADMIN, USER, WITHOUT_SECOND_FACTOR, built_in, permission};
use crate::ValueError;

/// How many roles of its own an organization may have.
pub const MOST_ROLES: usize = 100;

/// The name of a role that an organization made; none of those that everybody has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(String);

impl RoleName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let mut bytes = text.bytes();
        let fits = (3..=48).contains(&text.len())
            && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !fits {
            let detail = "a role's name has 3 to 48 of a to z, 0 to 9 and _, and begins with a letter";
            return Err(ValueError::new("role_name", detail));
        }
        if built_in(text).is_some() {
            return Err(ValueError::new(
                "role_name_built_in",
                "every organization has a role of this name",
            ));
        }
        Ok(Self(text.to_owned()))
    }
    /// A name that was checked before it was stored.
    pub fn from_store(text: String) -> Self {
        Self(text)
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a role is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDescription(String);

impl RoleDescription {
    /// Reads it.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.chars().count() <= 200 && !text.chars().any(char::is_control) {
            return Ok(Self(text.to_owned()));
        }
        let detail = "a description has at most 200 characters, and no control characters";
        Err(ValueError::new("role_description", detail))
    }
    /// One that was checked before it was stored.
    pub fn from_store(text: String) -> Self {
        Self(text)
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The permissions of a role, as somebody named them: each once, sorted, at least one, none that is kept for super administrators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions(Vec<Permission>);

impl Permissions {
    /// Reads them.
    pub fn parse(names: &[String]) -> Result<Self, ValueError> {
        let mut all = Vec::with_capacity(names.len().min(permission::ALL.len()));
        for name in names {
            let Some(known) = known(name) else {
                let detail = format!("there is no permission {name:?}; see GET /api/v1/permissions");
                return Err(ValueError::new("unknown_permission", detail));
            };
            if is_reserved(&known) {
                let detail = format!("{name} is kept for {SUPER_ADMIN}, which takes two persons to give");
                return Err(ValueError::new("reserved_permission", detail));
            }
            if !all.contains(&known) {
                all.push(known);
            }
        }
        if all.is_empty() {
            let detail = "name at least one permission; see GET /api/v1/permissions";
            return Err(ValueError::new("role_without_permission", detail));
        }
        all.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        Ok(Self(all))
    }
    /// What was checked before it was stored. A name that this release does not know, or keeps for super administrators by now,
    /// grants nothing.
    pub fn from_store<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self(
            names
                .filter_map(known)
                .filter(|known| !is_reserved(known))
                .collect(),
        )
    }
    /// None at all.
    pub const fn none() -> Self {
        Self(Vec::new())
    }
    /// They.
    pub fn as_slice(&self) -> &[Permission] {
        &self.0
    }
    /// Their names.
    pub fn names(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|permission| permission.as_str().to_owned())
            .collect()
    }
    /// As a set.
    pub fn grants(&self) -> Grants {
        self.0.iter().cloned().collect()
    }
}

fn known(name: &str) -> Option<Permission> {
    let mut all = permission::ALL.iter();
    all.find(|(known, _)| *known == name)
        .map(|(known, _)| Permission::known(known))
}

/// Whether no role may grant it but that of super administrators: what no other role grants that everybody has. So all roles of
/// an organization together never come to more than one person may give alone anyway, and nobody becomes the like of a super
/// administrator without a second person.
pub fn is_reserved(permission: &Permission) -> bool {
    let mut others = BUILT_IN.iter().filter(|role| role.name != SUPER_ADMIN);
    !others.any(|role| role.permissions().contains(permission))
}

/// A role that an organization made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomRole {
    /// Its id.
    pub id: RoleId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// What it is called.
    pub name: RoleName,
    /// What it is for.
    pub description: RoleDescription,
    /// What it grants; nothing where its row is not as this service wrote it.
    pub permissions: Permissions,
    /// Whether its row is not as this service wrote it.
    pub is_untrusted: bool,
    /// Audit mixin.
    pub stamps: Stamps,
}

impl CustomRole {
    /// Whether it reaches beyond its holder's account, or nobody can say.
    fn is_privileged(&self) -> bool {
        let harmless = |permission: &Permission| {
            let mut roles = WITHOUT_SECOND_FACTOR.iter().filter_map(|name| built_in(name));
            roles.any(|role| role.permissions().contains(permission))
        };
        self.is_untrusted || !self.permissions.as_slice().iter().all(harmless)
    }
}

/// The roles that an organization made; those that everybody has are known beside them. Deny by default: a name that nobody knows
/// grants nothing.
#[derive(Clone, Debug, Default)]
pub struct CustomRoles(Vec<CustomRole>);

impl CustomRoles {
    /// Of these.
    pub fn new(roles: Vec<CustomRole>) -> Self {
        Self(roles)
    }
    /// All of them.
    pub fn roles(&self) -> &[CustomRole] {
        &self.0
    }
    /// The one of that name.
    pub fn named(&self, name: &str) -> Option<&CustomRole> {
        self.0.iter().find(|role| role.name.as_str() == name)
    }
    /// Whether somebody may be given the role of that name. One that cannot be trusted is given to nobody.
    pub fn knows(&self, name: &str) -> bool {
        built_in(name).is_some() || self.named(name).is_some_and(|role| !role.is_untrusted)
    }
    /// Whether there is one of `names` that is not known.
    pub(crate) fn lacks_one_of(&self, names: &[String]) -> bool {
        names.iter().any(|name| !self.knows(name))
    }
    fn permissions(&self, name: &str) -> &[Permission] {
        match built_in(name) {
            Some(role) => role.permissions(),
            None => self.named(name).map_or(&[], |role| role.permissions.as_slice()),
        }
    }
    /// What a set of roles grants together.
    pub fn grants(&self, roles: &[String]) -> Grants {
        let all = roles.iter().flat_map(|name| self.permissions(name));
        all.cloned().collect()
    }
    /// Those of `roles` that grant `permission`.
    pub(crate) fn granting(&self, roles: &[String], permission: &Permission) -> Vec<String> {
        let grants = |name: &&String| self.permissions(name).contains(permission);
        roles.iter().filter(grants).cloned().collect()
    }
    /// Whether `ctx` holds everything that `roles` grant. What everybody has is not asked for: an API key without it may still
    /// reach accounts that have nothing else.
    pub(crate) fn are_held(&self, ctx: &Ctx, roles: &[String]) -> bool {
        let special: Vec<String> = roles.iter().filter(|name| *name != USER).cloned().collect();
        holds(ctx, &self.grants(&special))
    }
    /// Whether whoever holds `role` is to have a second factor: each that reaches beyond one's own account, and one that nobody
    /// here knows.
    pub fn demands_second_factor(&self, role: &str) -> bool {
        match self.named(role) {
            Some(custom) if built_in(role).is_none() => custom.is_privileged(),
            _ => !WITHOUT_SECOND_FACTOR.contains(&role),
        }
    }
    /// Whether it is a role of the organization that reaches beyond one's own account. No list of names excepts one: whoever
    /// wrote the list did not know of it.
    pub(crate) fn is_privileged_custom(&self, role: &str) -> bool {
        built_in(role).is_none() && self.named(role).is_some_and(CustomRole::is_privileged)
    }
}

/// Whether `ctx` holds all of `granted`, but for what everybody has.
pub(crate) fn holds(ctx: &Ctx, granted: &Grants) -> bool {
    let common = built_in(USER).map_or(&[][..], |role| role.permissions());
    ctx.is_trusted()
        || granted
            .iter()
            .all(|permission| ctx.grants.allow(permission) || common.contains(permission))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vutf_kernel::Timestamp;

    fn role(name: &str, permissions: &[&str]) -> CustomRole {
        let names: Vec<String> = permissions.iter().map(ToString::to_string).collect();
        CustomRole {
            id: RoleId::from_uuid(uuid::Uuid::from_u128(1)),
            organization_id: OrganizationId::DEFAULT,
            name: RoleName::parse(name).unwrap(),
            description: RoleDescription::parse("").unwrap(),
            permissions: Permissions::parse(&names).unwrap(),
            is_untrusted: false,
            stamps: Stamps::new(None, Timestamp::from_secs(1)),
        }
    }

    #[test]
    fn names_are_lower_case_and_of_nobody_else() {
        let longest = "a".repeat(48);
        for good in ["abc", "a_1", "help_desk", longest.as_str()] {
            assert_eq!(RoleName::parse(good).unwrap().as_str(), good);
        }
        let too_long = "a".repeat(49);
        for bad in [
            "",
            "ab",
            "Abc",
            "1bc",
            "_bc",
            "a-b",
            "a b",
            "äbc",
            "abc\n",
            too_long.as_str(),
        ] {
            assert_eq!(RoleName::parse(bad).unwrap_err().code, "role_name", "{bad:?}");
        }
        for role in BUILT_IN {
            assert_eq!(RoleName::parse(role.name).unwrap_err().code, "role_name_built_in");
        }
    }

    #[test]
    fn permissions_are_known_and_not_those_of_super_administrators_alone() {
        let parse = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            Permissions::parse(&names)
        };
        let twice = parse(&["users:read", "audit:read", "users:read"]).unwrap();
        assert_eq!(twice.names(), ["audit:read", "users:read"]);
        assert_eq!(parse(&[]).unwrap_err().code, "role_without_permission");
        assert_eq!(parse(&["users:*"]).unwrap_err().code, "unknown_permission");
        for kept in ["roles:manage", "policies:manage"] {
            assert_eq!(
                parse(&["users:read", kept]).unwrap_err().code,
                "reserved_permission"
            );
        }
        let stored = Permissions::from_store(["users:read", "policies:manage", "later:thing"].into_iter());
        assert_eq!(stored.names(), ["users:read"]);
    }

    /// Whatever may be in custom roles, all of it is less than a super administrator has.
    #[test]
    fn no_custom_role_comes_to_what_a_super_administrator_has() {
        let all = permission::ALL.iter().map(|(name, _)| *name);
        let most = Permissions::from_store(all).grants();
        let everything = super::super::everything();
        assert!(everything.covers(&most));
        assert!(!most.covers(&everything));
    }

    #[test]
    fn a_role_grants_what_it_says_and_an_unknown_one_nothing() {
        let mut clerk = role("clerk", &["users:read"]);
        let names = ["clerk".to_owned(), "nobody_knows".to_owned()];
        let roles = CustomRoles::new(vec![clerk.clone()]);
        assert_eq!(
            roles.grants(&names),
            [permission::USERS_READ].into_iter().collect()
        );
        assert_eq!(roles.granting(&names, &permission::USERS_READ), ["clerk"]);
        assert!(roles.knows("clerk") && roles.knows("admin") && !roles.knows("nobody_knows"));
        clerk.is_untrusted = true;
        assert!(!CustomRoles::new(vec![clerk]).knows("clerk"));
    }

    #[test]
    fn whoever_reaches_others_needs_a_second_factor() {
        let mut odd = role("oddity", &["self:manage"]);
        odd.is_untrusted = true;
        let roles = CustomRoles::new(vec![
            role("clerk", &["users:read"]),
            role("signer", &["crypto:sign", "self:manage"]),
            odd,
        ]);
        for (name, demands) in [
            ("clerk", true),
            ("signer", false),
            ("oddity", true),
            ("nobody_knows", true),
            ("admin", true),
            ("user", false),
        ] {
            assert_eq!(roles.demands_second_factor(name), demands, "{name}");
        }
        assert!(roles.is_privileged_custom("clerk") && !roles.is_privileged_custom("admin"));
    }

    /// Somebody who writes to the database cannot give what a built-in name grants another meaning.
    #[test]
    fn a_row_of_a_built_in_name_means_nothing() {
        let mut forged = role("clerk", &["keys:manage"]);
        forged.name = RoleName::from_store("user".to_owned());
        let roles = CustomRoles::new(vec![forged]);
        assert_eq!(
            roles.grants(&["user".to_owned()]),
            [permission::SELF_MANAGE].into_iter().collect()
        );
    }
}
