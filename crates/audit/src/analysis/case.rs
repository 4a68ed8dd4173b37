//! The cases that a rule's file brings: events in short form, and what must come of them.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use vutf_kernel::{Actor, Detail, EventId, OrganizationId, Outcome, Resource, SessionId, Timestamp, UserId};

use super::{Detection, Engine, Limits, Observation, OriginTag, Rule, RuleError, RuleSet, Vitals};
use crate::Body;

/// Monday, 2026-01-05T00:00:00Z: when every case begins.
pub const START: Timestamp = Timestamp::from_secs(1_767_571_200);

/// A case.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// The rule is tuned so.
    #[serde(default)]
    pub parameters: BTreeMap<String, i64>,
    /// In their order.
    pub events: Vec<Short>,
    /// What must be found, in its order; empty: nothing.
    pub findings: Vec<Expected>,
}

/// An event in short form, or several like it. Names stand for ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Short {
    /// Seconds after the start; absent: a second after the one before.
    at: Option<i64>,
    /// How many of them.
    repeat: Option<u32>,
    /// Seconds between them; absent: one.
    every: Option<i64>,
    /// E.g. `session.login`.
    #[serde(default)]
    action: String,
    /// `success` where absent, else `refused:REASON` or `failed:REASON`.
    outcome: Option<String>,
    /// `anonymous` where absent, else `user:NAME`, `operator` or `system:JOB`.
    actor: Option<String>,
    /// The user's session.
    session: Option<String>,
    /// Whose data it is.
    subject: Option<String>,
    /// Each of the repeated is about somebody else.
    #[serde(default)]
    each_other: bool,
    /// The network; absent: it cannot be told.
    network: Option<String>,
    /// The user agent.
    device: Option<String>,
    /// Numbers among the details.
    #[serde(default)]
    numbers: BTreeMap<String, i64>,
    /// Lists among the details.
    #[serde(default)]
    lists: BTreeMap<String, Vec<String>>,
    /// Not an event, but a look at the process.
    watch: Option<Watch>,
}

/// A look at the process.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// Requests answered so far.
    #[serde(default)]
    answered: u64,
    /// How many seconds ago the oldest event that waits happened.
    oldest_waits: Option<i64>,
}

/// A finding that must come.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The name that it is about, as the events have it; `operator`; absent: the installation.
    about: Option<String>,
    /// How many events it rests on.
    events: u64,
    /// What they amount to, where that is something else.
    amount: Option<u64>,
}

impl Case {
    /// Whether something must be found.
    pub fn finds(&self) -> bool {
        !self.findings.is_empty()
    }

    /// Plays the case on `rule` alone.
    ///
    /// # Errors
    /// [`RuleError::Case`].
    pub fn run(&self, rule: &Rule) -> Result<(), RuleError> {
        let found: Vec<String> = self.play(rule).iter().map(shown).collect();
        let expected: Vec<String> = self.findings.iter().map(Expected::shown).collect();
        if found == expected {
            return Ok(());
        }
        let listed = |list: &[String]| {
            if list.is_empty() {
                "nothing".to_owned()
            } else {
                list.join(", ")
            }
        };
        Err(RuleError::Case {
            file: format!("{}.toml", rule.id),
            case: self.name.clone(),
            found: listed(&found),
            expected: listed(&expected),
        })
    }

    fn play(&self, rule: &Rule) -> Vec<Detection> {
        let tuned = |(name, parameter): (&String, &super::rule::Parameter)| {
            let mut parameter = parameter.clone();
            parameter.default = self.parameters.get(name).copied().unwrap_or(parameter.default);
            (name.clone(), parameter)
        };
        let rule = Rule {
            enabled: true,
            parameters: rule.parameters.iter().map(tuned).collect(),
            ..rule.clone()
        };
        let mut engine = Engine::new(Arc::new(RuleSet::of(rule)), Limits::default());
        let mut found = Vec::new();
        for step in self.steps() {
            found.extend(match step {
                Step::Event(seen) => engine.observe(&seen),
                Step::Watch(vitals) => engine.watch(&vitals),
            });
        }
        found
    }

    fn steps(&self) -> Vec<Step> {
        let (mut steps, mut secs, mut seq) = (Vec::new(), -1, 0);
        for short in &self.events {
            secs = short.at.unwrap_or(secs + 1);
            for number in 0..short.repeat.unwrap_or(1) {
                if number > 0 {
                    secs += short.every.unwrap_or(1);
                }
                let at = Timestamp::from_micros(START.as_micros().saturating_add(secs * 1_000_000));
                if let Some(watch) = &short.watch {
                    steps.push(Step::Watch(watch.vitals(at)));
                } else {
                    steps.push(Step::Event(Box::new(short.event(seq, number, at))));
                    seq += 1;
                }
            }
        }
        steps
    }
}

enum Step {
    Event(Box<Observation>),
    Watch(Vitals),
}

impl Watch {
    fn vitals(&self, at: Timestamp) -> Vitals {
        let ago = |secs: i64| std::time::Duration::from_secs(u64::try_from(secs).unwrap_or(0));
        Vitals {
            at,
            answered: self.answered,
            pending: u64::from(self.oldest_waits.is_some()),
            oldest_pending: self.oldest_waits.map(|secs| at.minus(ago(secs))),
        }
    }
}

impl Short {
    fn event(&self, seq: i64, number: u32, at: Timestamp) -> Observation {
        let subject = self.subject.as_ref().map(|name| {
            if self.each_other {
                format!("{name}-{number}")
            } else {
                name.clone()
            }
        });
        let numbers = self.numbers.iter();
        let lists = self.lists.iter();
        let details = numbers
            .map(|(name, number)| (name.clone(), Detail::Number(*number)))
            .chain(lists.map(|(name, list)| (name.clone(), Detail::List(list.clone()))));
        Observation {
            seq,
            body: Body {
                id: EventId::from_uuid(Uuid::from_bytes(named(&format!("event-{seq}")))),
                occurred_at: at,
                organization_id: OrganizationId::DEFAULT,
                request_id: format!("case-{seq}"),
                actor: self.actor(),
                action: self.action.clone(),
                resource: Resource::kind("case"),
                outcome: self.outcome(),
                subjects: subject.iter().map(|name| person(name)).collect(),
                details: details.collect(),
                private: BTreeMap::new(),
            },
            origin: OriginTag {
                network: self.network.as_deref().map(named),
                device: self.device.as_deref().map(named),
            },
        }
    }

    fn actor(&self) -> Actor {
        match self.actor.as_deref().unwrap_or("anonymous").split_once(':') {
            Some(("user", name)) => Actor::User {
                user_id: person(name),
                session_id: SessionId::from_uuid(Uuid::from_bytes(named(
                    self.session.as_deref().unwrap_or(name),
                ))),
            },
            Some((_, job)) => Actor::System {
                job: job.to_owned().into(),
            },
            None if self.actor.as_deref() == Some("operator") => Actor::Operator,
            None => Actor::Anonymous,
        }
    }

    fn outcome(&self) -> Outcome {
        let text = self.outcome.as_deref().unwrap_or("success");
        match text.split_once(':') {
            Some(("refused", reason)) => Outcome::Refused {
                reason: reason.to_owned().into(),
            },
            Some((_, reason)) => Outcome::Failed {
                reason: reason.to_owned().into(),
            },
            None => Outcome::Success,
        }
    }
}

impl Expected {
    fn shown(&self) -> String {
        let about = match self.about.as_deref() {
            None => "installation".to_owned(),
            Some("operator") => "operator".to_owned(),
            Some(name) => Uuid::from_bytes(named(name)).simple().to_string(),
        };
        line(&about, self.events, self.amount.unwrap_or(self.events))
    }
}

fn shown(found: &Detection) -> String {
    let about = match found.key.split_once(':') {
        None => found.key.clone(),
        Some(("installation", _)) => "installation".to_owned(),
        Some((_, id)) => id.replace('-', ""),
    };
    line(&about, found.events, found.amount)
}

fn line(about: &str, events: u64, amount: u64) -> String {
    format!("{about} ({events} events, amount {amount})")
}

fn person(name: &str) -> UserId {
    UserId::from_uuid(Uuid::from_bytes(named(name)))
}

/// The 16 bytes that a name stands for.
fn named(name: &str) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(name).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes
}
