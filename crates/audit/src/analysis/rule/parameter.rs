//! Numbers of a rule that may be tuned.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

/// A number that may be tuned within bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Where nobody decided.
    pub default: i64,
    /// The least.
    pub minimum: i64,
    /// The most.
    pub maximum: i64,
    /// What it is, in one sentence.
    pub description: String,
}

impl Parameter {
    /// Whether it may have this value.
    pub fn admits(&self, value: i64) -> bool {
        (self.minimum..=self.maximum).contains(&value)
    }
}

/// The numbers in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(pub BTreeMap<String, i64>);

impl Parameters {
    /// A number; 0 for one that the rule does not have, or that is below 0.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.signed(name).try_into().unwrap_or(0)
    }
    /// A number of either sign.
    pub(crate) fn signed(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }
    /// A span of time.
    pub(crate) fn span(&self, name: &str) -> Duration {
        Duration::from_secs(self.count(name))
    }
}
