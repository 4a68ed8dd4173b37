//! One thing, and then another by the same key within a window.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Logic, Now, window::Window};
use crate::analysis::{
    Key, Observation,
    detection::Evidence,
    rule::{Parameters, Step},
};

pub(super) struct Sequence {
    pub(super) first: Box<Step>,
    pub(super) then: Box<Step>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// The last first step: its number and its time.
    #[serde(rename = "b")]
    began: Option<(i64, i64)>,
    #[serde(rename = "m")]
    window: Window,
    #[serde(rename = "f")]
    fired: Option<i64>,
}

fn key_of(step: &Step, seen: &Observation) -> Option<Key> {
    step.key.of(seen).filter(|_| step.r#match.matches(seen))
}

impl Logic for Sequence {
    type State = State;

    fn key(&self, seen: &Observation) -> Option<(Key, bool)> {
        let first = key_of(&self.first, seen).map(|key| (key, true));
        first.or_else(|| Some((key_of(&self.then, seen)?, false)))
    }

    fn apply(&self, state: &mut State, now: Now<'_>) -> Option<Evidence> {
        if key_of(&self.first, now.seen).is_some() {
            state.began = Some((now.seen.seq, now.at()));
            state.window = Window::default();
            return None;
        }
        let (seq, began) = state.began?;
        if !now.is_near(began, "window_seconds") || now.is_quiet(state.fired) {
            return None;
        }
        let weight = now.seen.weight(self.then.weight.as_deref());
        state.window.take(&now, weight);
        if state.window.sum() < now.parameters.count("amount") {
            return None;
        }
        state.fired = Some(now.at());
        let mut evidence = state.window.evidence(&now);
        evidence.seqs.push(seq);
        evidence.events += 1;
        let began = vutf_kernel::Timestamp::from_micros(began);
        evidence.first_at = evidence.first_at.min(began);
        Some(evidence)
    }

    fn last(state: &State) -> Option<i64> {
        state.began.map(|(_, at)| at)
    }

    fn span(parameters: &Parameters) -> Duration {
        parameters.span("window_seconds")
    }

    fn marks(state: &State) -> usize {
        state.window.len()
    }
}
