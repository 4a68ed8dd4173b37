//! Which events a rule looks at.

use serde::{Deserialize, Serialize};
use vutf_kernel::{Detail, Outcome};

use crate::analysis::Observation;

/// Which events. Every part must fit; an absent part fits always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matcher {
    /// Any of these actions; a `*` at the end stands for any ending.
    pub actions: Vec<String>,
    /// Any of `success`, `refused`, `failed`.
    #[serde(default)]
    pub outcomes: Vec<String>,
    /// Any of these reasons of a refusal or a failure.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Any of `anonymous`, `user`, `operator`, `system`.
    #[serde(default)]
    pub actors: Vec<String>,
    /// A detail that holds any of some words.
    pub detail: Option<DetailMatcher>,
}

/// A detail that holds any of some words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetailMatcher {
    /// The detail: a text or a list.
    pub name: String,
    /// The words.
    pub any_of: Vec<String>,
    /// A list of the same event in which the word must not be: what was there before is not new.
    pub not_in: Option<String>,
}

impl Matcher {
    /// Whether the event is one of them.
    pub fn matches(&self, seen: &Observation) -> bool {
        let body = &seen.body;
        let reason = match &body.outcome {
            Outcome::Success => "",
            Outcome::Refused { reason } | Outcome::Failed { reason } => reason,
        };
        self.actions.iter().any(|pattern| fits(pattern, &body.action))
            && any_of(&self.outcomes, body.outcome.as_str())
            && any_of(&self.reasons, reason)
            && any_of(&self.actors, body.actor.kind())
            && self.detail.as_ref().is_none_or(|detail| detail.matches(seen))
    }
}

impl DetailMatcher {
    fn matches(&self, seen: &Observation) -> bool {
        let details = &seen.body.details;
        let holds = |name: &str, word: &String| match details.get(name) {
            Some(Detail::Text(text)) => text == word,
            Some(Detail::List(items)) => items.contains(word),
            _ => false,
        };
        self.any_of.iter().any(|word| {
            let is_new = self.not_in.as_deref().is_none_or(|before| !holds(before, word));
            holds(&self.name, word) && is_new
        })
    }
}

fn fits(pattern: &str, action: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => action.starts_with(start),
        None => pattern == action,
    }
}

fn any_of(words: &[String], word: &str) -> bool {
    words.is_empty() || words.iter().any(|known| known == word)
}
