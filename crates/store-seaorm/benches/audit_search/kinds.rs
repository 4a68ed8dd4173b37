//! The kinds of search that are measured.

use std::time::Duration;

use uuid::Uuid;
use vutf_audit::{ActionMatch, ActorKind, Ending, EventFilter, Record, Word};
use vutf_kernel::{RequestId, UserId};

pub(super) type Make = fn(&Record, &Record, &mut EventFilter);

/// A kind of search, made from two events of the log.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Whether the first of the events must be found.
    pub(super) finds: bool,
    pub(super) make: Make,
}

fn actor(event: &Record, filter: &mut EventFilter) {
    filter.actor_id = Some(
        event
            .intake
            .actor_id
            .unwrap_or(Uuid::from_u128(0x7000_8000_0000_0000_03E8)),
    );
}

fn action(event: &Record, filter: &mut EventFilter) {
    filter.action = ActionMatch::parse(&event.intake.action).ok();
}

fn under(event: &Record, filter: &mut EventFilter) {
    let action = &event.intake.action;
    let resource = action.split('.').next().unwrap();
    filter.action = ActionMatch::parse(&format!("{resource}.")).ok();
}

fn subject(event: &Record, filter: &mut EventFilter) {
    let first = event.intake.subjects.first().copied();
    filter.subject = first.or(Some(UserId::from_uuid(Uuid::from_u128(
        0x7000_8000_0000_0001_86A0,
    ))));
}

fn resource(event: &Record, filter: &mut EventFilter) {
    filter.resource_id = event.intake.resource_id.or(Some(Uuid::nil()));
}

fn outcome(event: &Record, filter: &mut EventFilter) {
    let ending = Ending::ALL
        .iter()
        .find(|ending| ending.as_str() == event.intake.outcome);
    filter.outcome = ending.copied();
}

fn reason(event: &Record, filter: &mut EventFilter) {
    let reason = event.intake.reason.as_deref().unwrap_or("reason_0");
    filter.reason = Word::parse(reason).ok();
}

fn day(event: &Record, filter: &mut EventFilter) {
    let half = Duration::from_hours(12);
    filter.from = Some(event.intake.occurred_at.minus(half));
    filter.until = Some(event.intake.occurred_at.plus(half));
}

fn kind_of_actor(event: &Record, filter: &mut EventFilter) {
    let kind = ActorKind::ALL
        .iter()
        .find(|kind| kind.as_str() == event.intake.actor_kind);
    filter.actor_kind = kind.copied();
}

fn kind_of_resource(event: &Record, filter: &mut EventFilter) {
    filter.resource_kind = Word::parse(&event.intake.resource_kind).ok();
}

pub(super) fn kinds() -> Vec<Kind> {
    let kind = |name, finds, make: Make| Kind { name, finds, make };
    vec![
        kind("everything", true, |_, _, _| {}),
        kind("period", true, |a, _, f| day(a, f)),
        kind("actor", false, |a, _, f| actor(a, f)),
        kind("actor_kind", true, |a, _, f| kind_of_actor(a, f)),
        kind("subject", false, |a, _, f| subject(a, f)),
        kind("action", true, |a, _, f| action(a, f)),
        kind("action_prefix", true, |a, _, f| under(a, f)),
        kind("rare_action_prefix", true, |_, _, f| {
            f.action = ActionMatch::parse("kek.").ok();
        }),
        kind("resource_kind", true, |a, _, f| kind_of_resource(a, f)),
        kind("resource", false, |a, _, f| resource(a, f)),
        kind("outcome", true, |a, _, f| outcome(a, f)),
        kind("refused", true, |_, _, f| f.outcome = Some(Ending::Refused)),
        kind("reason", true, |a, _, f| reason(a, f)),
        kind("request_id", true, |a, _, f| {
            f.request_id = RequestId::parse(&a.intake.request_id);
        }),
        kind("actor+period", false, |a, _, f| {
            actor(a, f);
            day(a, f);
        }),
        kind("actor+action", false, |a, _, f| {
            actor(a, f);
            action(a, f);
        }),
        kind("actor+other_action", false, |a, b, f| {
            actor(a, f);
            action(b, f);
        }),
        kind("actor+action_prefix", false, |a, _, f| {
            actor(a, f);
            under(a, f);
        }),
        kind("actor+refused", false, |a, _, f| {
            actor(a, f);
            f.outcome = Some(Ending::Refused);
        }),
        kind("actor+other_subject", false, |a, b, f| {
            actor(a, f);
            subject(b, f);
        }),
        kind("subject+period", false, |a, _, f| {
            subject(a, f);
            day(a, f);
        }),
        kind("subject+action", false, |a, _, f| {
            subject(a, f);
            action(a, f);
        }),
        kind("subject+action_prefix", false, |a, _, f| {
            subject(a, f);
            under(a, f);
        }),
        kind("subject+refused", false, |a, _, f| {
            subject(a, f);
            f.outcome = Some(Ending::Refused);
        }),
        kind("action+period", true, |a, _, f| {
            action(a, f);
            day(a, f);
        }),
        kind("other_action+period", false, |a, b, f| {
            action(b, f);
            day(a, f);
        }),
        kind("action+outcome", true, |a, _, f| {
            action(a, f);
            outcome(a, f);
        }),
        kind("other_action+refused", false, |_, b, f| {
            action(b, f);
            f.outcome = Some(Ending::Refused);
        }),
        kind("action_prefix+refused", false, |a, _, f| {
            under(a, f);
            f.outcome = Some(Ending::Refused);
        }),
        kind("resource_kind+outcome", true, |a, _, f| {
            kind_of_resource(a, f);
            outcome(a, f);
        }),
        kind("reason+other_actor", false, |a, b, f| {
            reason(a, f);
            actor(b, f);
        }),
        kind("refused+period", false, |a, _, f| {
            f.outcome = Some(Ending::Refused);
            day(a, f);
        }),
    ]
}
