//! Events of one key that are near one another.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Now, span_of};
use crate::analysis::detection::Evidence;

/// An event, or several that had to be told as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The number of the first.
    #[serde(rename = "s")]
    seq: i64,
    /// When the last happened.
    #[serde(rename = "t")]
    pub(super) at: i64,
    /// What they amount to.
    #[serde(rename = "w")]
    weight: u64,
    /// How many they are.
    #[serde(rename = "n")]
    events: u64,
}

/// Marks, in the order of the log. Beyond the limit the two oldest are told as one, with the time of the younger: a sum stays
/// right, and at worst counts an event a little longer than its window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Window {
    marks: VecDeque<Mark>,
}

impl Window {
    /// Takes the event in and forgets what is not near it.
    pub(super) fn take(&mut self, now: &Now<'_>, weight: u64) {
        self.marks.retain(|mark| now.is_near(mark.at, "window_seconds"));
        self.marks.push_back(Mark {
            seq: now.seen.seq,
            at: now.at(),
            weight,
            events: 1,
        });
        while self.marks.len() > now.limits.marks.max(2) {
            let Some(oldest) = self.marks.pop_front() else {
                return;
            };
            if let Some(next) = self.marks.front_mut() {
                next.seq = oldest.seq;
                next.weight = next.weight.saturating_add(oldest.weight);
                next.events = next.events.saturating_add(oldest.events);
            }
        }
    }

    pub(super) fn sum(&self) -> u64 {
        self.marks
            .iter()
            .fold(0, |sum, mark| sum.saturating_add(mark.weight))
    }

    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    pub(super) fn last(&self) -> Option<i64> {
        self.marks.back().map(|mark| mark.at)
    }

    /// What the marks show; they are gone afterwards, so that no event is in two findings.
    pub(super) fn evidence(&mut self, now: &Now<'_>) -> Evidence {
        let marks = std::mem::take(&mut self.marks);
        let (first_at, at) = span_of(marks.iter().map(|mark| mark.at));
        let seqs: Vec<i64> = marks.iter().map(|mark| mark.seq).collect();
        Evidence {
            organization_id: now.key.organization_id,
            key: now.key.to_string(),
            // A mark of several names their first: the event itself is the last.
            seqs: seqs.into_iter().chain([now.seen.seq]).collect(),
            events: marks.iter().map(|mark| mark.events).sum(),
            amount: marks.iter().fold(0, |sum, mark| sum.saturating_add(mark.weight)),
            first_at,
            at,
            dated: None,
        }
    }
}
