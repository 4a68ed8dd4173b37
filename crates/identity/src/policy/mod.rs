//! Policies of an organization: they take away from what roles grant.
//!
//! - A role grants, and nothing else does. A policy can only forbid, so nobody gains a right by writing one.
//! - What a policy asks about and is not known counts as what it guards against.
//! - What is stored and cannot be read takes away all that it is about; what was not written by this service takes away everything.
//! - The machine itself and a session that broke the glass are not bounded: they are the way back.

pub mod clock;
pub mod condition;
mod decide;
pub mod explain;
pub mod list;
pub mod put;
pub mod remove;
mod repo;
mod rule;
pub mod validate;
pub mod view;

use vutf_kernel::{OrganizationId, PolicyId, Stamps};

pub use self::{
    condition::{ActorKind, Condition, Situation, Truth},
    decide::{Matched, PolicySet},
    repo::PolicyRepo,
    rule::{Conditions, Effect, Pattern, PolicyName, Rule},
};
pub(crate) use decide::bounds;

/// Remembers for less than a second which policies there are.
pub type PolicyCache = crate::tenant_cache::TenantCache<PolicySet>;

/// How many policies an organization may have.
pub const MOST_POLICIES: usize = 100;

/// Why a stored policy takes away more than it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Its conditions cannot be read: they hold always.
    Unreadable,
    /// Its row is not as this service wrote it: it takes everything away from everybody.
    Untrusted,
}

impl Broken {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Untrusted => "untrusted",
        }
    }
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its id.
    pub id: PolicyId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// What it is called.
    pub name: PolicyName,
    /// What it says.
    pub rule: Rule,
    /// Whether it takes away more than it says, because of what is stored.
    pub broken: Option<Broken>,
    /// Audit mixin.
    pub stamps: Stamps,
}
