//! Rules, the engine, and what people do with both.

mod engine;
mod evaluate;
mod files;
mod manage;
mod ocsf;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use proptest::prelude::*;
use uuid::Uuid;
use vutf_audit::{
    Body,
    analysis::{Detection, Engine, Limits, Observation, OriginTag, RuleSet},
};
use vutf_kernel::{Actor, Detail, EventId, OrganizationId, Outcome, Resource, SessionId, Timestamp, UserId};

const HOME: OrganizationId = OrganizationId::DEFAULT;
/// 2026-01-05T00:00:00Z.
const START: Timestamp = Timestamp::from_secs(1_767_571_200);

fn rules() -> Arc<RuleSet> {
    Arc::new(RuleSet::built_in().unwrap())
}

fn person(number: u8) -> UserId {
    UserId::from_uuid(Uuid::from_u128(u128::from(number) + 1))
}

/// An event of `action` so many seconds after the start.
fn event(seq: i64, secs: i64, action: &str) -> Observation {
    Observation {
        seq,
        body: Body {
            id: EventId::from_uuid(Uuid::from_u128(u128::try_from(seq).unwrap() + 1_000)),
            occurred_at: Timestamp::from_secs(START.as_secs() + secs),
            organization_id: HOME,
            request_id: "r".to_owned(),
            actor: Actor::Anonymous,
            action: action.to_owned(),
            resource: Resource::kind("test"),
            outcome: Outcome::Success,
            subjects: Vec::new(),
            details: BTreeMap::new(),
            private: BTreeMap::new(),
        },
        origin: OriginTag::default(),
    }
}

/// A wrong password for somebody.
fn wrong_password(seq: i64, secs: i64, whose: u8) -> Observation {
    let mut event = event(seq, secs, "session.login");
    event.body.outcome = Outcome::refused("wrong_password");
    event.body.subjects = vec![person(whose)];
    event
}

fn by(mut event: Observation, who: u8) -> Observation {
    event.body.actor = Actor::User {
        user_id: person(who),
        session_id: SessionId::from_uuid(Uuid::from_u128(u128::from(who) + 77)),
    };
    event
}

fn found(engine: &mut Engine, events: &[Observation]) -> Vec<Detection> {
    events.iter().flat_map(|event| engine.observe(event)).collect()
}

fn engine() -> Engine {
    Engine::new(rules(), Limits::default())
}

/// A stream in which every rule over events has something to look at.
fn streams(most: usize) -> impl Strategy<Value = Vec<Observation>> {
    let one = (0..12_u8, 0..6_u8, 0..6_u8, 0..4_u8, 0..90_i64, 0..400_i64);
    proptest::collection::vec(one, 0..most).prop_map(|draws| {
        let (mut secs, mut events) = (0, Vec::new());
        for (seq, (kind, who, whom, place, gap, count)) in (0_i64..).zip(draws) {
            // Now and then an event of an earlier instant commits later.
            secs += if gap > 80 { 80 - gap } else { gap };
            events.push(drawn(seq, secs, kind, (who, whom, place), count));
        }
        events
    })
}

fn drawn(seq: i64, secs: i64, kind: u8, (who, whom, place): (u8, u8, u8), count: i64) -> Observation {
    let action = match kind {
        0..=3 => return with_origin(wrong_password(seq, secs, whom), place),
        4 => {
            return with_origin(
                decided(event(seq, secs, "audit.rule.update"), "guessing-burst", whom),
                place,
            );
        }
        5 => "session.login",
        6 => "user.list",
        7 => "crypto.decrypt",
        8 => "role.assign",
        9 => "subject.erase",
        10 => "audit.list",
        _ => "user.read",
    };
    let mut event = event(seq, secs, action);
    event.body.subjects = vec![person(whom)];
    if action != "session.login" {
        event = by(event, who);
    }
    for name in ["count", "items"] {
        event.body.details.insert(name.to_owned(), Detail::Number(count));
    }
    let roles = |roles: &[&str]| Detail::List(roles.iter().map(|role| (*role).to_owned()).collect());
    event.body.details.insert("before".to_owned(), roles(&["user"]));
    event
        .body
        .details
        .insert("after".to_owned(), roles(&["user", "auditor"]));
    with_origin(event, place)
}

fn with_origin(mut event: Observation, place: u8) -> Observation {
    let tag = (place > 0).then_some([place; 16]);
    event.origin = OriginTag {
        network: tag,
        device: tag,
    };
    event
}

fn decided(mut event: Observation, rule: &str, threshold: u8) -> Observation {
    let details = [
        ("rule", Detail::Text(rule.to_owned())),
        (
            "overrides",
            Detail::List(vec![format!("threshold={}", threshold + 3)]),
        ),
    ];
    event
        .body
        .details
        .extend(details.map(|(name, detail)| (name.to_owned(), detail)));
    event
}

const HOUR: Duration = Duration::from_hours(1);
