//! An event outside of working hours. The offset from UTC is fixed: the log knows no time zones, and no summer time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Logic, Now};
use crate::analysis::{
    Key, Observation,
    detection::Evidence,
    key::Field,
    rule::{Matcher, Parameters},
};

pub(super) struct Hours {
    pub(super) r#match: Matcher,
    pub(super) key: Field,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct State {
    fired: Option<i64>,
}

/// Seconds of a day.
const DAY: i64 = 86_400;

fn is_off(secs: i64, parameters: &Parameters) -> bool {
    let local = secs.saturating_add(parameters.signed("utc_offset_minutes") * 60);
    // The epoch was a Thursday; Monday is 0.
    let weekday = (local.div_euclid(DAY) + 3).rem_euclid(7);
    if weekday >= 5 && parameters.signed("weekend_is_off") != 0 {
        return true;
    }
    let minute = local.rem_euclid(DAY) / 60;
    let (start, end) = (parameters.signed("start_minute"), parameters.signed("end_minute"));
    if start <= end {
        !(start..end).contains(&minute)
    } else {
        // A night shift.
        (end..start).contains(&minute)
    }
}

impl Logic for Hours {
    type State = State;

    fn key(&self, seen: &Observation) -> Option<(Key, bool)> {
        let matches = self.r#match.matches(seen);
        Some((self.key.of(seen).filter(|_| matches)?, true))
    }

    fn apply(&self, state: &mut State, now: Now<'_>) -> Option<Evidence> {
        let off = is_off(now.seen.body.occurred_at.as_secs(), now.parameters);
        if !off || now.is_quiet(state.fired) {
            return None;
        }
        state.fired = Some(now.at());
        Some(now.alone())
    }

    fn last(state: &State) -> Option<i64> {
        state.fired
    }

    fn span(parameters: &Parameters) -> Duration {
        parameters.span("quiet_seconds")
    }

    fn marks(state: &State) -> usize {
        usize::from(state.fired.is_some())
    }
}
