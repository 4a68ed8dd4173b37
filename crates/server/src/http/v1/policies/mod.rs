//! Policies: they take away from what roles grant.

pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod put;
pub(crate) mod validate;
pub(crate) mod view;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::{
    ValueError,
    policy::{Broken, Policy, Rule},
};

/// A policy.
#[derive(Serialize, ToSchema)]
#[schema(as = Policy)]
pub(crate) struct PolicyBody {
    /// Its id.
    id: Uuid,
    /// What it is called; whoever it bars is told.
    #[schema(example = "keys from the office only")]
    name: String,
    /// What it says.
    #[schema(value_type = Object, example = json!({
        "effect": "forbid", "permissions": ["keys:manage"], "roles": [],
        "when": [], "unless": [{"network": ["192.0.2.0/24"]}],
    }))]
    rule: Value,
    /// `unreadable` or `untrusted` where more is taken away than it says, because of what is stored: make or delete it anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<&'static str>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: String,
    /// Grows with each change; the `ETag` is `"v<version>"`.
    version: i64,
}

impl From<&Policy> for PolicyBody {
    fn from(policy: &Policy) -> Self {
        Self {
            id: policy.id.as_uuid(),
            name: policy.name.as_str().to_owned(),
            rule: shown(&policy.rule),
            broken: policy.broken.map(Broken::as_str),
            created_at: policy.stamps.created_at.rfc3339(),
            updated_at: policy.stamps.updated_at.rfc3339(),
            version: policy.stamps.version,
        }
    }
}

/// A rule as it is written.
fn shown(rule: &Rule) -> Value {
    serde_json::from_str(&rule.text()).unwrap_or_default()
}

/// A rule as somebody sent it.
fn parsed(rule: &Value) -> Result<Rule, ValueError> {
    Rule::parse(&rule.to_string())
}
