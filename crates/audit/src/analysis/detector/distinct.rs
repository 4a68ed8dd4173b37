//! So many different values of one key within a window.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Logic, Now, span_of};
use crate::analysis::{
    Key, Observation,
    detection::Evidence,
    key::Field,
    rule::{Absent, Matcher, Parameters},
};

pub(super) struct Distinct {
    pub(super) r#match: Matcher,
    pub(super) key: Field,
    pub(super) of: Field,
    pub(super) absent: Absent,
}

/// The last event with a value.
#[derive(Clone, Serialize, Deserialize)]
struct Met(Uuid, i64, i64);

#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    #[serde(rename = "v")]
    values: Vec<Met>,
    #[serde(rename = "f")]
    fired: Option<i64>,
}

impl Distinct {
    fn value(&self, seen: &Observation) -> Option<Uuid> {
        let there = self.of.of(seen).map(|key| Uuid::from_bytes(key.value));
        match self.absent {
            Absent::Skip => there,
            Absent::Each => there.or(Some(seen.body.id.as_uuid())),
        }
    }
}

impl Logic for Distinct {
    type State = State;

    fn key(&self, seen: &Observation) -> Option<(Key, bool)> {
        let concerns = self.r#match.matches(seen) && self.value(seen).is_some();
        Some((self.key.of(seen).filter(|_| concerns)?, true))
    }

    fn apply(&self, state: &mut State, now: Now<'_>) -> Option<Evidence> {
        let value = self.value(now.seen)?;
        if now.is_quiet(state.fired) {
            return None;
        }
        let values = &mut state.values;
        values.retain(|met| met.0 != value && now.is_near(met.2, "window_seconds"));
        values.push(Met(value, now.seen.seq, now.at()));
        if values.len() > now.limits.marks {
            values.remove(0);
        }
        let found = u64::try_from(values.len()).unwrap_or(u64::MAX);
        if found < now.parameters.count("threshold") {
            return None;
        }
        state.fired = Some(now.at());
        let values = std::mem::take(&mut state.values);
        let (first_at, at) = span_of(values.iter().map(|met| met.2));
        Some(Evidence {
            seqs: values.iter().map(|met| met.1).collect(),
            events: found,
            amount: found,
            first_at,
            at,
            ..now.alone()
        })
    }

    fn last(state: &State) -> Option<i64> {
        state.values.last().map(|met| met.2).max(state.fired)
    }

    fn span(parameters: &Parameters) -> Duration {
        parameters
            .span("window_seconds")
            .max(parameters.span("quiet_seconds"))
    }

    fn marks(state: &State) -> usize {
        state.values.len()
    }
}
