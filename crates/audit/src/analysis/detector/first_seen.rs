//! A value that a key did not have before.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Logic, Now};
use crate::analysis::{
    Key, Observation,
    detection::Evidence,
    key::Field,
    rule::{Matcher, Parameters},
};

pub(super) struct FirstSeen {
    pub(super) r#match: Matcher,
    pub(super) key: Field,
    pub(super) of: Field,
}

/// Values, the one that was not met for longest in front; each with the time when it was met last.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct State {
    known: Vec<(Uuid, i64)>,
}

/// Values of one key; a person with more devices at once is told again of one that was pushed out.
const MOST: usize = 16;

impl Logic for FirstSeen {
    type State = State;

    fn key(&self, seen: &Observation) -> Option<(Key, bool)> {
        let concerns = self.r#match.matches(seen) && self.of.of(seen).is_some();
        Some((self.key.of(seen).filter(|_| concerns)?, true))
    }

    fn apply(&self, state: &mut State, now: Now<'_>) -> Option<Evidence> {
        let value = Uuid::from_bytes(self.of.of(now.seen)?.value);
        let known = &mut state.known;
        known.retain(|(_, at)| now.is_near(*at, "memory_seconds"));
        let is_first_of_all = known.is_empty();
        let place = known.iter().position(|(met, _)| *met == value);
        if let Some(place) = place {
            known.remove(place);
        }
        known.push((value, now.at()));
        if known.len() > MOST.min(now.limits.marks) {
            known.remove(0);
        }
        (place.is_none() && !is_first_of_all).then(|| now.alone())
    }

    fn last(state: &State) -> Option<i64> {
        state.known.last().map(|(_, at)| *at)
    }

    fn span(parameters: &Parameters) -> Duration {
        parameters.span("memory_seconds")
    }

    fn marks(state: &State) -> usize {
        state.known.len()
    }
}
