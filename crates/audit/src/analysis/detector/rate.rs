//! Far more of a key than it usually has.
//!
//! Time is cut into buckets. The baseline is an exponentially weighted mean (1/8 a bucket) over those buckets in which there
//! was anything: a night without work is no lower baseline. In whole numbers, so that every machine computes the same.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Logic, Now};
use crate::analysis::{
    Key, MOST_SEQS, Observation,
    detection::Evidence,
    key::Field,
    rule::{Matcher, Parameters},
};

pub(super) struct Rate {
    pub(super) r#match: Matcher,
    pub(super) key: Field,
    pub(super) weight: Option<String>,
}

/// Parts of one that the baseline is kept in.
const FINE: u64 = 1_024;

#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// The bucket.
    #[serde(rename = "b")]
    bucket: i64,
    /// What is in it.
    #[serde(rename = "w")]
    sum: u64,
    #[serde(rename = "n")]
    events: u64,
    #[serde(rename = "s")]
    seqs: Vec<i64>,
    /// The first and the last event in it.
    #[serde(rename = "t")]
    times: (i64, i64),
    /// Whether it was told of: an attack is no baseline.
    #[serde(rename = "f")]
    fired: bool,
    /// The mean of the buckets before, in parts of [`FINE`].
    #[serde(rename = "m")]
    baseline: u64,
    /// How many there were.
    #[serde(rename = "k")]
    learned: u64,
}

impl State {
    /// The bucket is over.
    fn turn(&mut self, bucket: i64, at: i64) {
        if self.events > 0 && !self.fired {
            let sum = self.sum.saturating_mul(FINE);
            self.baseline = match self.learned {
                0 => sum,
                _ => self.baseline - self.baseline / 8 + sum / 8,
            };
            self.learned += 1;
        }
        self.bucket = bucket;
        (self.sum, self.events, self.fired) = (0, 0, false);
        self.seqs.clear();
        self.times = (at, at);
    }

    /// What is too much. While too little was learned, the floor stands for what is usual.
    fn bound(&self, parameters: &Parameters) -> u128 {
        let floor = u128::from(parameters.count("floor"));
        let usual = if self.learned < parameters.count("warm_up_buckets") {
            floor * u128::from(FINE)
        } else {
            u128::from(self.baseline)
        };
        let factor = u128::from(parameters.count("factor_percent"));
        floor.max(usual * factor / 100 / u128::from(FINE))
    }
}

impl Logic for Rate {
    type State = State;

    fn key(&self, seen: &Observation) -> Option<(Key, bool)> {
        let matches = self.r#match.matches(seen);
        Some((self.key.of(seen).filter(|_| matches)?, true))
    }

    fn apply(&self, state: &mut State, now: Now<'_>) -> Option<Evidence> {
        let width = now.parameters.span("bucket_seconds").as_micros();
        let width = i64::try_from(width).unwrap_or(i64::MAX).max(1);
        let bucket = now.at().div_euclid(width);
        // What comes late counts with what is there; a clock that is far off begins anew.
        if state.events == 0 || bucket > state.bucket || bucket + 1 < state.bucket {
            state.turn(bucket, now.at());
        }
        let weight = now.seen.weight(self.weight.as_deref());
        state.sum = state.sum.saturating_add(weight);
        state.events += 1;
        state.times = (state.times.0.min(now.at()), state.times.1.max(now.at()));
        if state.seqs.len() < MOST_SEQS.min(now.limits.marks).saturating_sub(1) {
            state.seqs.push(now.seen.seq);
        }
        if state.fired || u128::from(state.sum) <= state.bound(now.parameters) {
            return None;
        }
        state.fired = true;
        Some(Evidence {
            seqs: state.seqs.iter().copied().chain([now.seen.seq]).collect(),
            events: state.events,
            amount: state.sum,
            first_at: vutf_kernel::Timestamp::from_micros(state.times.0),
            at: vutf_kernel::Timestamp::from_micros(state.times.1),
            ..now.alone()
        })
    }

    fn last(state: &State) -> Option<i64> {
        Some(state.times.1)
    }

    /// As long as what was learned of it may still be of use.
    fn span(parameters: &Parameters) -> Duration {
        parameters.span("bucket_seconds").saturating_mul(8)
    }

    fn marks(state: &State) -> usize {
        state.seqs.len()
    }
}
