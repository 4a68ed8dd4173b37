//! How rules look at the stream: a small fixed set of detectors, which the files parameterise.
//!
//! A window lies around the event that is looked at, in both directions: what happened more than a window earlier or later is
//! forgotten. Events come in the order of their commits, so one may be a little older than the one before; and one from a
//! clock that is wrong by a year is forgotten by the next event instead of blinding the rule for a year.

mod distinct;
mod first_seen;
mod hours;
mod rate;
mod sequence;
mod threshold;
mod watchdog;
mod window;

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use vutf_kernel::{Timestamp, UserId};

pub(super) use self::watchdog::Watchdog;
use super::{
    Key, KeyKind, Limits, Observation,
    bounded::Bounded,
    detection::Evidence,
    rule::{Detector, Parameters},
};

/// What one kind of detector does with the state of one key.
trait Logic: Send + Sync {
    /// What is kept of a key.
    type State: Clone + Default + Serialize + DeserializeOwned + Send + Sync;

    /// The key of the event, if the event concerns this detector, and whether it begins a state.
    fn key(&self, seen: &Observation) -> Option<(Key, bool)>;

    /// Takes the event in.
    fn apply(&self, state: &mut Self::State, now: Now<'_>) -> Option<Evidence>;

    /// The last event that the state tells of: what is older than all windows is no loss.
    fn last(state: &Self::State) -> Option<i64>;

    /// How long an event matters.
    fn span(parameters: &Parameters) -> Duration;

    /// How many marks the state holds.
    fn marks(state: &Self::State) -> usize;
}

/// An event and what it is held against.
struct Now<'a> {
    seen: &'a Observation,
    key: Key,
    parameters: &'a Parameters,
    limits: Limits,
}

impl Now<'_> {
    /// When it happened, in microseconds.
    fn at(&self) -> i64 {
        self.seen.body.occurred_at.as_micros()
    }
    /// Whether `then` lies within the span that a parameter names, before or after.
    fn is_near(&self, then: i64, parameter: &str) -> bool {
        is_near(self.at(), then, self.parameters.span(parameter))
    }
    /// Whether the key's last finding is still so near that another would only repeat it.
    fn is_quiet(&self, fired: Option<i64>) -> bool {
        let quiet = self.parameters.span("quiet_seconds");
        !quiet.is_zero() && fired.is_some_and(|fired| is_near(self.at(), fired, quiet))
    }
    /// A finding on this event alone.
    fn alone(&self) -> Evidence {
        let at = self.seen.body.occurred_at;
        Evidence {
            organization_id: self.key.organization_id,
            key: self.key.to_string(),
            seqs: vec![self.seen.seq],
            events: 1,
            amount: 1,
            first_at: at,
            at,
            dated: None,
        }
    }
}

fn is_near(one: i64, other: i64, span: Duration) -> bool {
    u128::from(one.abs_diff(other)) <= span.as_micros()
}

/// A detector with its states.
pub(super) trait Detect: Send + Sync {
    /// Takes an event in.
    fn observe(&mut self, seen: &Observation, parameters: &Parameters) -> Option<Evidence>;
    /// Forgets a person.
    fn forget(&mut self, organization: vutf_kernel::OrganizationId, person: UserId);
    /// Keys whose state had to go although it still mattered.
    fn evicted(&self) -> u64;
    /// Keys that there are, and the most marks that one has.
    fn size(&self) -> (usize, usize);
    /// The states, for a snapshot.
    fn save(&self) -> Result<serde_json::Value, serde_json::Error>;
    /// The states of a snapshot.
    fn load(&mut self, saved: serde_json::Value) -> Result<(), serde_json::Error>;
}

struct Machine<L: Logic> {
    logic: L,
    limits: Limits,
    states: Bounded<L::State>,
    evicted: u64,
}

impl<L: Logic> Detect for Machine<L> {
    fn observe(&mut self, seen: &Observation, parameters: &Parameters) -> Option<Evidence> {
        let (key, begins) = self.logic.key(seen)?;
        let now = Now {
            seen,
            key,
            parameters,
            limits: self.limits,
        };
        if !begins {
            let state = self.states.get_mut(&key)?;
            return self.logic.apply(state, now);
        }
        let (state, lost) = self.states.touch(key, L::State::default);
        let lost = lost.as_ref().and_then(L::last);
        if lost.is_some_and(|last| is_near(now.at(), last, L::span(parameters))) {
            self.evicted += 1;
        }
        self.logic.apply(state, now)
    }

    fn forget(&mut self, organization_id: vutf_kernel::OrganizationId, person: UserId) {
        self.states.remove(&Key {
            organization_id,
            kind: KeyKind::Person,
            value: *person.as_bytes(),
        });
    }

    fn evicted(&self) -> u64 {
        self.evicted
    }

    fn size(&self) -> (usize, usize) {
        let most = self.states.values().map(L::marks).max();
        (self.states.len(), most.unwrap_or(0))
    }

    fn save(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::to_value(self.states.list())
    }

    fn load(&mut self, saved: serde_json::Value) -> Result<(), serde_json::Error> {
        self.states.fill(serde_json::from_value(saved)?);
        Ok(())
    }
}

/// The detector of a rule; `None` for one that looks at the process and not at the stream.
pub(super) fn of(detector: &Detector, limits: Limits) -> Option<Box<dyn Detect>> {
    fn boxed<L: Logic + 'static>(logic: L, limits: Limits) -> Box<dyn Detect> {
        Box::new(Machine {
            logic,
            limits,
            states: Bounded::new(limits.keys),
            evicted: 0,
        })
    }
    Some(match detector.clone() {
        Detector::Threshold { r#match, key, weight } => {
            boxed(threshold::Threshold { r#match, key, weight }, limits)
        }
        Detector::Distinct {
            r#match,
            key,
            of,
            absent,
        } => {
            let logic = distinct::Distinct {
                r#match,
                key,
                of,
                absent,
            };
            boxed(logic, limits)
        }
        Detector::Sequence { first, then } => boxed(sequence::Sequence { first, then }, limits),
        Detector::FirstSeen { r#match, key, of } => boxed(first_seen::FirstSeen { r#match, key, of }, limits),
        Detector::Rate { r#match, key, weight } => boxed(rate::Rate { r#match, key, weight }, limits),
        Detector::Hours { r#match, key } => boxed(hours::Hours { r#match, key }, limits),
        Detector::Silence {} | Detector::Lag {} => return None,
    })
}

/// Whether the detector needs what is sealed in this event.
pub(super) fn wants_origin(detector: &Detector, seen: &Observation) -> bool {
    match detector {
        Detector::Threshold { r#match, key, .. }
        | Detector::Rate { r#match, key, .. }
        | Detector::Hours { r#match, key } => key.is_sealed() && r#match.matches(seen),
        Detector::Distinct { r#match, key, of, .. } | Detector::FirstSeen { r#match, key, of } => {
            (key.is_sealed() || of.is_sealed()) && r#match.matches(seen)
        }
        Detector::Sequence { first, then } => [first, then]
            .iter()
            .any(|step| step.key.is_sealed() && step.r#match.matches(seen)),
        Detector::Silence {} | Detector::Lag {} => false,
    }
}

/// From marks, the first and the last of which need not be the oldest and the newest.
fn span_of(times: impl Iterator<Item = i64> + Clone) -> (Timestamp, Timestamp) {
    let first = times.clone().min().unwrap_or(0);
    let last = times.max().unwrap_or(0);
    (Timestamp::from_micros(first), Timestamp::from_micros(last))
}
