//! Looking at the log leaves a trace, and shows nothing where it cannot.

use std::sync::Mutex;

use async_trait::async_trait;
use uuid::Uuid;
use vutf_audit::{
    Access, AccessError, EventFilter, MemoryLog,
    access::{PERMISSION, action, entry, search, status, whole},
};
use vutf_kernel::{
    Action, Actor, Ambient, Class, Ctx, Detail, Event, EventId, EventRecorder, Fault, OrganizationId,
    Outcome, PageRequest, PortError, RequestId, SessionId,
};

use crate::world::{log_of, now, user};

/// Keeps what it is given, or has no room.
#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<Event>>,
    full: bool,
}

#[async_trait]
impl EventRecorder for Recorder {
    async fn record(&self, event: Event) -> Result<(), PortError> {
        if self.full {
            return Err(PortError::new(
                "record",
                Fault::Unreachable,
                "planted: no space left",
            ));
        }
        self.events.lock().unwrap().push(event);
        Ok(())
    }
}

struct World {
    log: MemoryLog,
    recorder: Recorder,
    ambient: Ambient,
}

impl World {
    fn new(recorder: Recorder) -> Self {
        Self {
            log: now(log_of(5)),
            recorder,
            ambient: Ambient::system(),
        }
    }
    fn access(&self) -> Access<'_> {
        Access {
            reader: &self.log,
            recorder: &self.recorder,
            ambient: &self.ambient,
        }
    }
    fn some_event(&self) -> EventId {
        self.log.tamper(|rows| rows.intake[2].id)
    }
    /// The one event there is.
    fn recorded(&self) -> Event {
        let mut events = self.recorder.events.lock().unwrap();
        assert_eq!(events.len(), 1, "{events:#?}");
        events.remove(0)
    }
    /// Every use case once, as whether it answered.
    fn all(&self, ctx: &Ctx) -> Vec<(Action, Result<(), AccessError>)> {
        let filter = EventFilter::within(ctx.organization_id);
        let id = self.some_event();
        let page = PageRequest::default();
        vec![
            (
                action::LIST,
                now(search(ctx, self.access(), filter, &page)).map(|_| ()),
            ),
            (action::READ, now(entry(ctx, self.access(), id)).map(|_| ())),
            (action::STATUS, now(status(ctx, self.access())).map(|_| ())),
            (
                action::EXPORT,
                now(whole(ctx, self.access(), action::EXPORT, 0)).map(|_| ()),
            ),
        ]
    }
}

fn operator() -> Ctx {
    let request_id = RequestId::parse("r-1").unwrap();
    Ctx::internal(OrganizationId::DEFAULT, Actor::Operator, request_id)
}

fn auditor(organization_id: OrganizationId) -> Ctx {
    let actor = Actor::User {
        user_id: user(1),
        session_id: SessionId::from_uuid(Uuid::from_u128(9)),
    };
    Ctx {
        organization_id,
        actor,
        grants: [PERMISSION].into_iter().collect(),
        ..operator()
    }
}

#[test]
fn every_look_is_one_event() {
    let world = World::new(Recorder::default());
    let done = world.all(&operator());
    let events = world.recorder.events.lock().unwrap();
    assert_eq!(events.len(), done.len());
    for ((action, answer), event) in done.into_iter().zip(events.iter()) {
        answer.unwrap();
        assert_eq!(
            (&*event.action, &*event.resource.kind),
            (action.name, action.resource)
        );
        assert_eq!(event.outcome, Outcome::Success);
    }
    assert_eq!(events[1].subjects, [user(1), user(2), user(100)], "and who acted");
    assert_eq!(events[1].details["count"], Detail::Number(1));
    assert_eq!(events[0].details["count"], Detail::Number(5));
    assert_eq!(events[1].resource.id, Some(world.some_event().as_uuid()));
}

#[test]
fn without_the_right_nothing_is_shown_and_the_attempt_is_recorded() {
    let world = World::new(Recorder::default());
    let mut stranger = auditor(OrganizationId::DEFAULT);
    stranger.grants = [].into_iter().collect();
    let done = world.all(&stranger);
    let events = world.recorder.events.lock().unwrap();
    assert_eq!(events.len(), done.len());
    for ((action, answer), event) in done.into_iter().zip(events.iter()) {
        assert_eq!(answer.unwrap_err().class(), Class::Forbidden);
        assert_eq!(event.action, action.name);
        assert_eq!(event.outcome, Outcome::refused("permission_denied"));
    }
}

#[test]
fn the_whole_log_is_for_the_machine_alone() {
    let world = World::new(Recorder::default());
    let ctx = auditor(OrganizationId::DEFAULT);
    let done = now(whole(&ctx, world.access(), action::TAIL, 3)).map(|_| ());
    assert!(matches!(done, Err(AccessError::Denied)));
    assert_eq!(world.recorded().outcome, Outcome::refused("permission_denied"));
}

#[test]
fn what_cannot_be_recorded_is_not_shown() {
    let full = Recorder {
        full: true,
        ..Recorder::default()
    };
    for (action, answer) in World::new(full).all(&operator()) {
        assert!(matches!(answer, Err(AccessError::Port(_))), "{}", action.name);
    }
}

#[test]
fn nobody_sees_another_tenants_events_whatever_they_ask_for() {
    let world = World::new(Recorder::default());
    let foreign = auditor(OrganizationId::from_uuid(Uuid::from_u128(7)));
    let filter = EventFilter::within(OrganizationId::DEFAULT);
    let page = PageRequest {
        after: None,
        limit: 100,
    };
    let found = now(search(&foreign, world.access(), filter.clone(), &page)).unwrap();
    assert_eq!(found.items, []);
    assert_eq!(world.recorded().organization_id, foreign.organization_id);
    let one = now(entry(&foreign, world.access(), world.some_event()));
    assert!(matches!(one, Err(AccessError::NotFound)));
    let own = now(search(
        &auditor(OrganizationId::DEFAULT),
        world.access(),
        filter,
        &page,
    ))
    .unwrap();
    assert_eq!(own.items.len(), 5);
}
