//! The engine: a pure function of the log.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vutf_kernel::{OrganizationId, Outcome, Timestamp};

use super::{
    Detection, Observation, RuleSet,
    detector::{self, Detect, Watchdog},
    rule::{Parameters, Rule},
    settings::{Decision, InForce, decision},
};

/// The action that makes the engine forget a person.
const ERASE: &str = "subject.erase";

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Keys of one rule.
    pub keys: usize,
    /// Marks of one key.
    pub marks: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            keys: 4_096,
            marks: 64,
        }
    }
}

/// What the process knows that the log does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vitals {
    /// Now.
    pub at: Timestamp,
    /// Requests answered that should have been an event each, since the process began.
    pub answered: u64,
    /// Events that wait for their place.
    pub pending: u64,
    /// When the oldest of them happened.
    pub oldest_pending: Option<Timestamp>,
}

/// Why a snapshot is none. The engine begins anew then, with the first event.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Not JSON, or not of this shape.
    #[error("not a snapshot of the analysis: {0}")]
    Shape(#[from] serde_json::Error),
    /// It is not what the service wrote.
    #[error("the snapshot of the analysis was written by somebody else")]
    Foreign,
    /// A later version wrote it.
    #[error("a snapshot of unknown version {0}")]
    Version(u32),
}

const VERSION: u32 = 1;

struct Slot {
    detect: Option<Box<dyn Detect>>,
    watchdog: Option<Watchdog>,
}

/// Takes events in the order of their numbers, each once, and says what the rules find.
pub struct Engine {
    rules: Arc<RuleSet>,
    slots: Vec<Slot>,
    in_force: BTreeMap<(OrganizationId, String), InForce>,
    /// The last event that was taken.
    seq: i64,
    /// The last that the analysis did not write itself, and when it happened.
    last: (i64, Timestamp),
}

#[derive(Serialize, Deserialize)]
struct Snapshot {
    v: u32,
    seq: i64,
    last_seq: i64,
    last_at: Timestamp,
    in_force: Vec<(OrganizationId, String, InForce)>,
    rules: Vec<(String, u32, Value)>,
}

impl Engine {
    /// Before the first event.
    pub fn new(rules: Arc<RuleSet>, limits: Limits) -> Self {
        let slots = rules.iter().map(|rule| Slot {
            detect: detector::of(&rule.detector, limits),
            watchdog: Watchdog::of(&rule.detector),
        });
        Self {
            slots: slots.collect(),
            rules,
            in_force: BTreeMap::new(),
            seq: -1,
            last: (-1, Timestamp::from_micros(0)),
        }
    }

    /// The number of the last event that was taken; -1 before the first.
    pub const fn seq(&self) -> i64 {
        self.seq
    }

    /// Whether a rule may need to know where the event came from; then [`Observation::origin`] must be filled. Whatever was
    /// decided about the rule: a decision may stand in the event before, which is not taken yet.
    pub fn wants_origin(&self, seen: &Observation) -> bool {
        let wants = |rule: &Rule| detector::wants_origin(&rule.detector, seen);
        !seen.is_own() && self.rules.iter().any(wants)
    }

    /// Passes over what cannot be read, up to an event.
    pub fn reach(&mut self, seq: i64) {
        self.seq = self.seq.max(seq);
    }

    /// Takes the next event. One that is not behind the last is passed over.
    pub fn observe(&mut self, seen: &Observation) -> Vec<Detection> {
        if seen.seq <= self.seq {
            return Vec::new();
        }
        self.seq = seen.seq;
        if seen.is_own() {
            return Vec::new();
        }
        self.last = (seen.seq, seen.body.occurred_at);
        self.heed(seen);
        let (rules, organization) = (Arc::clone(&self.rules), seen.body.organization_id);
        let mut found = Vec::new();
        for (place, rule) in rules.iter().enumerate() {
            let (enabled, parameters, silent_until) = self.in_force(organization, rule);
            let detect = self.slots.get_mut(place).and_then(|slot| slot.detect.as_mut());
            let (true, Some(detect)) = (enabled, detect) else {
                continue;
            };
            if let Some(evidence) = detect.observe(seen, &parameters) {
                let silenced = silent_until.is_some_and(|until| evidence.at < until);
                found.push(Detection::new(rule, evidence, parameters.0, silenced));
            }
        }
        found
    }

    /// What the watchdogs find. Only of use when every event that has a place was taken.
    pub fn watch(&mut self, vitals: &Vitals) -> Vec<Detection> {
        let rules = Arc::clone(&self.rules);
        let mut found = Vec::new();
        for (place, rule) in rules.iter().enumerate() {
            let (enabled, parameters, silent_until) = self.in_force(OrganizationId::DEFAULT, rule);
            let watchdog = self.slots.get_mut(place).and_then(|slot| slot.watchdog.as_mut());
            let (true, Some(watchdog)) = (enabled, watchdog) else {
                continue;
            };
            if let Some(evidence) = watchdog.watch(self.last, vitals, &parameters) {
                let silenced = silent_until.is_some_and(|until| vitals.at < until);
                found.push(Detection::new(rule, evidence, parameters.0, silenced));
            }
        }
        found
    }

    /// Keys whose state had to go although it still mattered, since this engine was made.
    pub fn evicted(&self) -> u64 {
        self.detectors().map(Detect::evicted).sum()
    }

    /// The most keys that a rule has, and the most marks that a key has.
    pub fn size(&self) -> (usize, usize) {
        let sizes = self.detectors().map(Detect::size);
        sizes.fold((0, 0), |most, size| (most.0.max(size.0), most.1.max(size.1)))
    }

    /// Everything that the next event's findings hang on.
    ///
    /// # Errors
    /// Those of JSON; there should be none.
    pub fn snapshot(&self) -> Result<Vec<u8>, SnapshotError> {
        let mut rules = Vec::new();
        for (rule, slot) in self.rules.iter().zip(&self.slots) {
            if let Some(detect) = &slot.detect {
                rules.push((rule.id.clone(), rule.version, detect.save()?));
            }
        }
        let in_force = self.in_force.iter();
        let snapshot = Snapshot {
            v: VERSION,
            seq: self.seq,
            last_seq: self.last.0,
            last_at: self.last.1,
            in_force: in_force
                .map(|((organization, rule), decided)| (*organization, rule.clone(), decided.clone()))
                .collect(),
            rules,
        };
        Ok(serde_json::to_vec(&snapshot)?)
    }

    /// An engine that goes on where the snapshot was taken. A rule that is not in it, or in another version, begins there.
    ///
    /// # Errors
    /// When it is no snapshot.
    pub fn restore(rules: Arc<RuleSet>, limits: Limits, bytes: &[u8]) -> Result<Self, SnapshotError> {
        let snapshot: Snapshot = serde_json::from_slice(bytes)?;
        if snapshot.v != VERSION {
            return Err(SnapshotError::Version(snapshot.v));
        }
        let mut engine = Self::new(rules, limits);
        engine.seq = snapshot.seq;
        engine.last = (snapshot.last_seq, snapshot.last_at);
        let in_force = snapshot.in_force.into_iter();
        engine.in_force = in_force
            .map(|(organization, rule, decided)| ((organization, rule), decided))
            .collect();
        for (id, version, saved) in snapshot.rules {
            let place = engine
                .rules
                .iter()
                .position(|rule| rule.id == id && rule.version == version);
            let slot = place.and_then(|place| engine.slots.get_mut(place));
            if let Some(detect) = slot.and_then(|slot| slot.detect.as_mut()) {
                detect.load(saved)?;
            }
        }
        Ok(engine)
    }

    fn detectors(&self) -> impl Iterator<Item = &dyn Detect> {
        self.slots.iter().filter_map(|slot| slot.detect.as_deref())
    }

    /// Decisions about rules, and erasures of persons, from this event on.
    fn heed(&mut self, seen: &Observation) {
        let organization = seen.body.organization_id;
        if let Some((rule, decision)) = decision(seen) {
            // Of a rule that there is not, nothing is kept: what a stranger's file decided is no reason to grow.
            if self.rules.get(rule).is_some() {
                let decided = self.in_force.entry((organization, rule.to_owned())).or_default();
                match decision {
                    Decision::Enabled(enabled) => decided.enabled = Some(enabled),
                    Decision::Overrides(overrides) => decided.overrides = overrides,
                    Decision::Silent(until) => decided.silent_until = until,
                }
            }
        }
        if seen.body.action == ERASE && seen.body.outcome == Outcome::Success {
            for slot in &mut self.slots {
                for person in &seen.body.subjects {
                    if let Some(detect) = &mut slot.detect {
                        detect.forget(organization, *person);
                    }
                }
            }
        }
    }

    fn in_force(&self, organization: OrganizationId, rule: &Rule) -> (bool, Parameters, Option<Timestamp>) {
        match self.in_force.get(&(organization, rule.id.clone())) {
            Some(decided) => (
                decided.enabled.unwrap_or(rule.enabled),
                rule.effective(&decided.overrides),
                decided.silent_until,
            ),
            None => (rule.enabled, rule.effective(&BTreeMap::new()), None),
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine(at {})", self.seq)
    }
}
