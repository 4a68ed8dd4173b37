//! What a policy says: of whom it takes which permissions away, and when.

use std::fmt;

use serde::{Deserialize, Serialize};
use vutf_kernel::Permission;

use super::condition::{Condition, Situation, Truth, all};
use crate::{ValueError, role};

/// Permissions by name: `*`, `keys:*`, or `keys:manage`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

impl Pattern {
    /// Every permission.
    pub(super) fn everything() -> Self {
        Self("*".to_owned())
    }
    /// Reads one. It must mean a permission that there is: a slip of the pen would guard nothing.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let pattern = Self(text.to_owned());
        let known = role::permission::ALL.iter();
        let mut meant = known.filter(|(name, _)| pattern.takes(name));
        if meant.next().is_some() {
            return Ok(pattern);
        }
        let detail = "use the name of a permission, `resource:*`, or `*`; see GET /api/v1/permissions";
        Err(ValueError::new("policy_permission", detail))
    }
    /// As it is stored: a permission that this release does not know guards nothing here.
    pub fn from_store(text: &str) -> Self {
        Self(text.to_owned())
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Whether it means the permission of that name.
    pub fn takes(&self, permission: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some("") => true,
            Some(resource) if resource.ends_with(':') => permission.starts_with(resource),
            _ => self.0 == permission,
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = ValueError;
    fn try_from(text: String) -> Result<Self, ValueError> {
        Self::parse(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

/// What a policy does. There is one word: roles grant, and nothing else does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Takes away.
    #[default]
    Forbid,
}

/// When a policy holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// All of them must hold; none: always.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// Unless all of these hold; none: no exception.
    #[serde(default)]
    pub unless: Vec<Condition>,
}

impl Conditions {
    /// How many conditions a policy may have.
    pub const MAX: usize = 64;

    fn check(&self) -> Result<(), ValueError> {
        let weights = self.when.iter().chain(&self.unless).map(|part| part.weigh(1));
        let total: usize = weights.sum::<Result<usize, ValueError>>()?;
        if total <= Self::MAX {
            return Ok(());
        }
        let detail = format!("a policy has at most {} conditions", Self::MAX);
        Err(ValueError::new("policy_condition", detail))
    }

    /// Whether the policy holds in `at`.
    fn hold(&self, at: &Situation<'_>) -> Truth {
        let excepted = if self.unless.is_empty() {
            Truth::No
        } else {
            all(&self.unless, at)
        };
        let kept = match excepted {
            Truth::No => Truth::Yes,
            Truth::Unknown => Truth::Unknown,
            Truth::Yes => Truth::No,
        };
        all(&self.when, at).min(kept)
    }
}

/// A rule as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    effect: Effect,
    permissions: Vec<Pattern>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    when: Vec<Condition>,
    #[serde(default)]
    unless: Vec<Condition>,
}

/// What a policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which permissions it takes away.
    pub permissions: Vec<Pattern>,
    /// Of whom: holders of one of these roles; empty: of everybody.
    pub roles: Vec<String>,
    /// When; `None` where what is stored cannot be read: always.
    pub conditions: Option<Conditions>,
}

impl Rule {
    /// The longest text of a rule, in bytes.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// Reads a rule as somebody wrote it, in JSON.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.len() > Self::MAX_BYTES {
            let detail = format!("a policy has at most {} bytes", Self::MAX_BYTES);
            return Err(ValueError::new("policy_too_long", detail));
        }
        let read: Document = serde_json::from_str(text)
            .map_err(|error| ValueError::new("policy_form", format!("this is not a policy: {error}")))?;
        if !(1..=Self::MAX_PATTERNS).contains(&read.permissions.len()) {
            let detail = format!("name 1 to {} permissions that it takes away", Self::MAX_PATTERNS);
            return Err(ValueError::new("policy_permission", detail));
        }
        if let Some(unknown) = read.roles.iter().find(|name| role::built_in(name).is_none()) {
            let detail = format!("there is no role {unknown:?}; see GET /api/v1/roles");
            return Err(ValueError::new("policy_role", detail));
        }
        let conditions = Conditions {
            when: read.when,
            unless: read.unless,
        };
        conditions.check()?;
        Ok(Self {
            permissions: read.permissions,
            roles: read.roles,
            conditions: Some(conditions),
        })
    }

    /// How many permissions and patterns one names.
    pub const MAX_PATTERNS: usize = 32;

    /// What nobody can read: it takes everything away from everybody.
    pub fn untrusted() -> Self {
        Self {
            permissions: vec![Pattern::everything()],
            roles: Vec::new(),
            conditions: None,
        }
    }

    /// As it is written, in JSON.
    pub fn text(&self) -> String {
        let conditions = self.conditions.clone().unwrap_or_default();
        let document = Document {
            effect: Effect::Forbid,
            permissions: self.permissions.clone(),
            roles: self.roles.clone(),
            when: conditions.when,
            unless: conditions.unless,
        };
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// Whether it is about holders of `roles` and about `permission`.
    pub fn is_about(&self, roles: &[String], permission: &Permission) -> bool {
        let holds = self.roles.is_empty() || self.roles.iter().any(|role| roles.contains(role));
        holds
            && self
                .permissions
                .iter()
                .any(|pattern| pattern.takes(permission.as_str()))
    }

    /// Whether it takes away what it is about in `at`. What cannot be read holds always.
    pub fn holds(&self, at: &Situation<'_>) -> Truth {
        self.conditions
            .as_ref()
            .map_or(Truth::Yes, |conditions| conditions.hold(at))
    }
}

/// What a policy is called: 1 to 64 characters, shown to whoever it bars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyName(String);

impl PolicyName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let fits = (1..=64).contains(&text.chars().count())
            && text.trim() == text
            && !text.chars().any(char::is_control);
        if fits {
            return Ok(Self(text.to_owned()));
        }
        let detail = "a name has 1 to 64 characters, no control characters, and no blank at either end";
        Err(ValueError::new("policy_name", detail))
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

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
