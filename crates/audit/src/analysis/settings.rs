//! What a tenant decided about a rule.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vutf_kernel::{Detail, Event, OrganizationId, Stamps, Timestamp};

use super::{Observation, Rule, action};

/// Nobody is told of what the rule finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Until when, by the time of the events.
    pub until: Timestamp,
    /// Why. Not personal.
    pub reason: String,
}

/// What a tenant decided about a rule, for showing: what is evaluated is what the events of these decisions say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSettings {
    /// The tenant.
    pub organization_id: OrganizationId,
    /// The rule.
    pub rule: String,
    /// Whether it is evaluated; `None`: as its file says.
    pub enabled: Option<bool>,
    /// Parameters that are not as the file says.
    pub overrides: BTreeMap<String, i64>,
    /// Whether people are told.
    pub silence: Option<Silence>,
    /// Who and when; version 0 while nothing was decided.
    pub stamps: Stamps,
}

impl RuleSettings {
    /// Nothing was decided.
    pub fn undecided(organization_id: OrganizationId, rule: &str) -> Self {
        let stamps = Stamps::new(None, Timestamp::from_micros(0));
        Self {
            organization_id,
            rule: rule.to_owned(),
            enabled: None,
            overrides: BTreeMap::new(),
            silence: None,
            stamps: Stamps { version: 0, ..stamps },
        }
    }

    /// Whether `rule` is evaluated under them.
    pub fn is_enabled(&self, rule: &Rule) -> bool {
        self.enabled.unwrap_or(rule.enabled)
    }
}

/// What the events in the log decided, as far as the engine has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InForce {
    pub(super) enabled: Option<bool>,
    pub(super) overrides: BTreeMap<String, i64>,
    pub(super) silent_until: Option<Timestamp>,
}

/// The rule that a decision is about, and what it changes.
pub(super) enum Decision {
    Enabled(bool),
    Overrides(BTreeMap<String, i64>),
    Silent(Option<Timestamp>),
}

/// Details of those events.
const RULE: &str = "rule";
const OVERRIDES: &str = "overrides";
const UNTIL: &str = "until";

/// Adds what the engine reads of a decision to its event.
pub(super) fn tell(event: Event, settings: &RuleSettings) -> Event {
    let overrides = settings.overrides.iter().map(assigned).collect();
    let event = event
        .detail(RULE, Detail::Text(settings.rule.clone()))
        .detail(OVERRIDES, Detail::List(overrides))
        .detail("version", Detail::Number(settings.stamps.version));
    match &settings.silence {
        Some(silence) => event
            .detail(UNTIL, Detail::Text(silence.until.rfc3339()))
            .detail("reason", Detail::Text(silence.reason.clone())),
        None => event,
    }
}

/// `name=value`.
pub(super) fn assigned((name, value): (&String, &i64)) -> String {
    format!("{name}={value}")
}

/// The decision that an event is, if it is one.
pub(super) fn decision(seen: &Observation) -> Option<(&str, Decision)> {
    let body = &seen.body;
    if body.outcome.as_str() != "success" {
        return None;
    }
    let text = |name: &str| match body.details.get(name) {
        Some(Detail::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let decision = match body.action.as_str() {
        name if name == action::RULE_ENABLE.name => Decision::Enabled(true),
        name if name == action::RULE_DISABLE.name => Decision::Enabled(false),
        name if name == action::RULE_UPDATE.name => Decision::Overrides(overrides(seen)),
        name if name == action::RULE_SILENCE.name => {
            Decision::Silent(Some(Timestamp::parse_rfc3339(text(UNTIL)?)?))
        }
        name if name == action::RULE_UNSILENCE.name => Decision::Silent(None),
        _ => return None,
    };
    Some((text(RULE)?, decision))
}

fn overrides(seen: &Observation) -> BTreeMap<String, i64> {
    let Some(Detail::List(items)) = seen.body.details.get(OVERRIDES) else {
        return BTreeMap::new();
    };
    let parsed = items.iter().filter_map(|item| {
        let (name, value) = item.split_once('=')?;
        Some((name.to_owned(), value.parse().ok()?))
    });
    parsed.collect()
}
