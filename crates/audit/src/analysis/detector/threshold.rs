//! So many events of one key within a window.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Logic, Now, window::Window};
use crate::analysis::{
    Key, Observation,
    detection::Evidence,
    key::Field,
    rule::{Matcher, Parameters},
};

pub(super) struct Threshold {
    pub(super) r#match: Matcher,
    pub(super) key: Field,
    pub(super) weight: Option<String>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    #[serde(rename = "m")]
    window: Window,
    #[serde(rename = "f")]
    fired: Option<i64>,
}

impl Logic for Threshold {
    type State = State;

    fn key(&self, seen: &Observation) -> Option<(Key, bool)> {
        let matches = self.r#match.matches(seen);
        Some((self.key.of(seen).filter(|_| matches)?, true))
    }

    fn apply(&self, state: &mut State, now: Now<'_>) -> Option<Evidence> {
        if now.is_quiet(state.fired) {
            return None;
        }
        state.window.take(&now, now.seen.weight(self.weight.as_deref()));
        if state.window.sum() < now.parameters.count("threshold") {
            return None;
        }
        state.fired = Some(now.at());
        Some(state.window.evidence(&now))
    }

    fn last(state: &State) -> Option<i64> {
        state.window.last().max(state.fired)
    }

    fn span(parameters: &Parameters) -> Duration {
        parameters
            .span("window_seconds")
            .max(parameters.span("quiet_seconds"))
    }

    fn marks(state: &State) -> usize {
        state.window.len()
    }
}
