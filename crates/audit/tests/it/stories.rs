//! What is told about one person, to whoever may know it; who reached whom; what was added.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use uuid::Uuid;
use vutf_audit::{
    Access, AccessError, EventFilter, GENESIS, LogReader, MemoryLog, access,
    graph::{AccessGraph, Reacher},
    growth::Growth,
    own::{By, own, reference_message},
    timeline::{Line, LineKind, Span, Whose, timeline},
    tlog::MAX_ENTRY,
};
use vutf_kernel::{
    Action, Actor, Ambient, Class, Ctx, Detail, Event, EventId, EventRecorder, OrganizationId, OsEntropy,
    Outcome, Page, PageRequest, PortError, Question, RequestId, SessionId, UserId, id::uuid_v7_at,
    look::detail,
};

use crate::world::{T0, append, event, lease, now, user};

const NEIGHBOUR: OrganizationId = OrganizationId::from_uuid(Uuid::from_u128(7));

#[derive(Default)]
struct Notes(Mutex<Vec<Event>>);

#[async_trait]
impl EventRecorder for Notes {
    async fn record(&self, event: Event) -> Result<(), PortError> {
        self.0.lock().unwrap().push(event);
        Ok(())
    }
}

struct World {
    log: MemoryLog,
    notes: Notes,
    ambient: Ambient,
}

fn ctx(actor: Actor) -> Ctx {
    Ctx::internal(OrganizationId::DEFAULT, actor, RequestId::parse("r-2").unwrap())
}

fn signed_in(n: u128) -> Actor {
    Actor::User {
        user_id: user(n),
        session_id: SessionId::from_uuid(Uuid::from_u128(9)),
    }
}

fn holder(n: u128) -> Ctx {
    Ctx {
        grants: [access::PERMISSION, access::OWN_PERMISSION].into_iter().collect(),
        ..ctx(signed_in(n))
    }
}

/// One event of the story that the tests are about.
fn told(actor: Actor, action: Action, resource: Option<u128>, subjects: &[u128]) -> Event {
    let mut told = event(1);
    told.actor = actor;
    told.action = action.name.into();
    told.resource = match resource {
        Some(id) => action.one(Uuid::from_u128(id)),
        None => action.none(),
    };
    told.outcome = Outcome::Success;
    told.subjects = subjects.iter().copied().map(user).collect();
    told
}

const READ: Action = Action::new("user.read", "user");
const LIST: Action = Action::new("user.list", "user");
const LOCK: Action = Action::new("user.lock", "user");
const LOGIN: Action = Action::new("session.login", "session");

impl World {
    /// Person 1 signs in after an attempt, is read by 2, listed with 3 by 2, locked by an operator; 2 may not lock them. The
    /// neighbour has a person 1, too.
    fn new() -> Self {
        let shown = |event: Event, ids: &[u128]| {
            let ids: Vec<_> = ids.iter().copied().map(Uuid::from_u128).collect();
            event.shows(&Question::all(READ), &ids)
        };
        let mut failed = told(Actor::Anonymous, LOGIN, None, &[1]);
        failed.outcome = Outcome::refused("wrong_password");
        let mut denied = told(signed_in(2), LOCK, Some(1), &[]);
        denied.outcome = Outcome::refused("permission_denied");
        let mut foreign = told(signed_in(1), READ, Some(1), &[1]);
        foreign.organization_id = NEIGHBOUR;
        let log = MemoryLog::unsealed();
        now(async {
            for (n, mut event) in (0..).zip([
                failed,
                told(Actor::Anonymous, LOGIN, Some(50), &[1]),
                foreign,
                shown(told(signed_in(2), READ, Some(1), &[1]), &[1]),
                shown(told(signed_in(2), LIST, None, &[1, 3]), &[1, 3]),
                denied,
                told(Actor::Operator, LOCK, Some(1), &[1]),
                told(signed_in(1), LOCK, Some(3), &[3]),
            ]) {
                // A millisecond apart: their ids are in their order.
                let at = T0.plus(Duration::from_millis(n));
                event.id = EventId::from_uuid(uuid_v7_at(at, &mut OsEntropy));
                append(&log, event).await;
            }
        });
        Self {
            log,
            notes: Notes::default(),
            ambient: Ambient::system(),
        }
    }
    fn access(&self) -> Access<'_> {
        Access {
            reader: &self.log,
            recorder: &self.notes,
            ambient: &self.ambient,
        }
    }
    fn story(&self, whose: Whose, page: &PageRequest) -> Page<Line> {
        now(timeline(&holder(2), self.access(), whose, &Span::default(), page)).unwrap()
    }
    fn last(&self) -> Event {
        self.notes.0.lock().unwrap().pop().unwrap()
    }
}

fn shape(lines: &[Line]) -> Vec<(&str, LineKind, Option<i64>)> {
    let shape = |line: &'_ Line| (line.kind, line.count);
    lines
        .iter()
        .map(|line| (line.action.as_str(), shape(line).0, shape(line).1))
        .collect()
}

#[test]
fn the_story_of_a_subject_is_what_was_done_to_their_data_and_account() {
    let world = World::new();
    let story = world.story(Whose::Subject(user(1)), &PageRequest::default());
    assert_eq!(
        shape(&story.items),
        [
            ("user.lock", LineKind::Change, None),
            // It names no subject, and is about the account all the same.
            ("user.lock", LineKind::Refusal, None),
            ("user.list", LineKind::Read, Some(2)),
            ("user.read", LineKind::Read, Some(1)),
            ("session.login", LineKind::Session, None),
            ("session.login", LineKind::Refusal, None),
        ]
    );
    assert_eq!(story.items[1].reason.as_deref(), Some("permission_denied"));
    assert_eq!(story.items[2].subjects, [user(1), user(3)]);
    let look = world.last();
    assert_eq!(look.action, "audit.timeline");
    assert_eq!(
        look.subjects,
        [user(1), user(2), user(3)],
        "whoever is told about"
    );
    assert_eq!(look.details[detail::COUNT], Detail::Number(6));
}

#[test]
fn the_story_of_an_actor_is_what_they_did_and_who_signed_in_as_them() {
    let world = World::new();
    let story = world.story(Whose::Actor(user(1)), &PageRequest::default());
    assert_eq!(
        shape(&story.items),
        [
            ("user.lock", LineKind::Change, None),
            ("session.login", LineKind::Session, None),
            ("session.login", LineKind::Refusal, None),
        ]
    );
    let other = world.story(Whose::Actor(user(2)), &PageRequest::default());
    assert_eq!(other.items.len(), 3);
    let nobody = world.story(Whose::Actor(user(99)), &PageRequest::default());
    assert_eq!((nobody.items.len(), nobody.next), (0, None));
    assert_eq!(world.last().subjects, [user(99)], "who was asked about");
}

#[test]
fn pages_of_a_story_meet_without_overlap() {
    let world = World::new();
    for whose in [Whose::Subject(user(1)), Whose::Actor(user(1))] {
        let whole = world.story(whose, &PageRequest::default());
        assert_eq!(whole.next, None);
        for limit in 1..=6 {
            let (mut lines, mut after) = (Vec::new(), None);
            loop {
                let page = world.story(whose, &PageRequest { after, limit });
                assert!(page.items.len() <= usize::from(limit));
                lines.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(lines, whole.items, "{whose:?} by {limit}");
        }
    }
}

#[test]
fn a_story_is_for_those_who_may_see_the_log() {
    let world = World::new();
    let stranger = ctx(signed_in(1));
    let refused = now(timeline(
        &stranger,
        world.access(),
        Whose::Subject(user(1)),
        &Span::default(),
        &PageRequest::default(),
    ));
    assert!(matches!(refused, Err(AccessError::Denied)));
    assert_eq!(world.last().outcome, Outcome::refused("permission_denied"));
}

#[test]
fn a_person_sees_who_reached_their_data_and_nothing_of_others() {
    let world = World::new();
    let seen = now(own(
        &holder(1),
        world.access(),
        &Span::default(),
        &PageRequest::default(),
    ))
    .unwrap();
    let lines: Vec<(&str, By)> = seen
        .items
        .iter()
        .map(|own| (own.line.action.as_str(), own.by))
        .collect();
    let colleague = By::Another(user(2).as_uuid());
    assert_eq!(
        lines,
        [
            ("user.lock", By::Operator),
            ("user.list", colleague),
            ("user.read", colleague),
            ("session.login", By::Unknown),
            ("session.login", By::Unknown),
        ],
        "neither what they did to others nor the neighbour's"
    );
    let look = world.last();
    assert_eq!((&*look.action, &look.subjects[..]), ("audit.own", &[user(1)][..]));
    assert_eq!(look.details[detail::COUNT], Detail::Number(5));
    let third = now(own(
        &holder(3),
        world.access(),
        &Span::default(),
        &PageRequest::default(),
    ))
    .unwrap();
    let by: Vec<_> = third.items.iter().map(|own| own.by).collect();
    assert_eq!(by, [By::Another(user(1).as_uuid()), colleague]);
}

#[test]
fn nobody_but_a_user_has_anything_of_their_own() {
    let world = World::new();
    let look = |ctx: &Ctx| {
        let page = PageRequest::default();
        now(own(ctx, world.access(), &Span::default(), &page)).map(|page| page.items.len())
    };
    assert_eq!(
        look(&ctx(Actor::Operator)).unwrap_err().class(),
        Class::Unauthenticated
    );
    assert_eq!(world.last().outcome, Outcome::refused("not_signed_in"));
    assert_eq!(look(&ctx(signed_in(1))).unwrap_err().class(), Class::Forbidden);
    assert_eq!(world.last().outcome, Outcome::refused("permission_denied"));
    let foreign = Ctx {
        organization_id: NEIGHBOUR,
        ..holder(3)
    };
    assert_eq!(look(&foreign).unwrap(), 0);
}

#[test]
fn a_reference_is_of_one_person_to_one_colleague() {
    let [one, two] = [1, 2].map(user);
    let message = |person: UserId, actor: UserId| reference_message(person, actor.as_uuid());
    assert_eq!(message(one, two), message(one, two));
    assert_ne!(message(one, two), message(two, two));
    assert_ne!(message(one, two), message(one, one));
}

#[test]
fn a_look_at_events_names_whom_they_tell_about_and_no_more_than_are_shown() {
    let world = World::new();
    let crowd: Vec<u128> = (1_000..1_050).collect();
    now(append(&world.log, told(Actor::Operator, LIST, None, &crowd)));
    let filter = EventFilter {
        actor_id: Some(user(98).as_uuid()),
        ..EventFilter::within(OrganizationId::DEFAULT)
    };
    let page = PageRequest::default();
    now(access::search(&holder(2), world.access(), filter, &page)).unwrap();
    assert_eq!(world.last().subjects, [user(98)]);
    let all = EventFilter::within(OrganizationId::DEFAULT);
    let found = now(access::search(&holder(2), world.access(), all, &page)).unwrap();
    let look = world.last();
    let crowd = crowd.into_iter().take(access::LISTED_SUBJECTS);
    let expected: Vec<_> = [1, 2, 3].into_iter().chain(crowd).map(user).collect();
    assert_eq!(look.subjects, expected);
    let Detail::List(named) = &look.details[detail::IDS] else {
        panic!("{look:?}")
    };
    assert_eq!(named[0], found.items[0].intake.id.to_string());
}

/// An entry of more could be in no bundle (C2SP tlog-tiles).
#[test]
fn the_event_of_the_longest_page_is_an_entry_that_a_bundle_holds() {
    let world = World::new();
    for n in 0..100 {
        let first = 10_000 + n * 100;
        let crowd: Vec<u128> = (first..first + 50).collect();
        let mut event = told(signed_in(first + 99), LIST, None, &crowd);
        event.id = EventId::from_uuid(uuid_v7_at(T0.plus(Duration::from_hours(1)), &mut OsEntropy));
        now(append(&world.log, event));
    }
    let newest = EventFilter {
        order: vutf_audit::Order::Descending,
        ..EventFilter::within(OrganizationId::DEFAULT)
    };
    let page = PageRequest {
        after: None,
        limit: 100,
    };
    now(access::search(&holder(2), world.access(), newest, &page)).unwrap();
    let look = world.last();
    assert!(look.subjects.len() > 100 * access::LISTED_SUBJECTS);
    now(append(&world.log, look));
    let rows = world.log.tamper(|rows| rows.clone());
    let length = rows.intake.last().unwrap().body.len();
    assert!(length <= MAX_ENTRY, "{length} bytes");
}

#[test]
fn the_graph_counts_each_pair() {
    let world = World::new();
    let mut graph = AccessGraph::default();
    let filter = EventFilter::within(OrganizationId::DEFAULT);
    let page = PageRequest::default();
    for record in now(world.log.search(&filter, &page)).unwrap().items {
        graph.push(&record).unwrap();
    }
    assert_eq!(graph.events(), 7);
    let edges: Vec<_> = graph
        .edges()
        .map(|(from, to, edge)| (from.clone(), to, edge.reads, edge.changes, edge.refusals))
        .collect();
    let [one, two, three] = [1, 2, 3].map(user);
    assert_eq!(
        edges,
        [
            (Reacher::User(one.as_uuid()), three, 0, 1, 0),
            (Reacher::User(two.as_uuid()), one, 2, 0, 0),
            (Reacher::User(two.as_uuid()), three, 1, 0, 0),
            (Reacher::Kind("anonymous".to_owned()), one, 0, 1, 1),
            (Reacher::Kind("operator".to_owned()), one, 0, 1, 0),
        ]
    );
    let dot = graph.dot();
    assert!(
        dot.starts_with("digraph access {") && dot.ends_with("}\n"),
        "{dot}"
    );
    assert_eq!(dot.matches(" -> ").count(), 5);
    assert!(
        dot.contains(&format!("\"{two}\" -> \"{one}\" [label=\"2, last ")),
        "{dot}"
    );
}

#[test]
fn growth_is_counted_as_far_as_it_follows() {
    let world = World::new();
    now(async {
        let lease = lease(&world.log).await;
        while vutf_audit::sequence_batch(&world.log, &lease, 7).await.unwrap() > 0 {}
    });
    let entries = now(world.log.entries(0, 100)).unwrap();
    let mut growth = Growth::default();
    let mut chain = GENESIS;
    for (seq, entry) in (0..).zip(&entries[..6]) {
        growth.push(entry, seq, &chain).unwrap();
        chain = entry.leaf.chain;
    }
    assert_eq!(growth.entries, 6);
    assert_eq!(growth.outcomes["refused"], 2);
    assert_eq!(growth.actions["session.login"], 2);
    assert_eq!(growth.actors["user"], 4);
    assert_eq!(growth.head.as_ref(), Some(&entries[5].leaf));
    assert!(growth.first <= growth.last && growth.first.is_some());
    let before = growth.clone();
    let skipped = growth.push(&entries[7], 6, &chain).unwrap_err();
    assert_eq!(skipped.0, 6);
    assert!(growth.push(&entries[6], 6, &GENESIS).is_err(), "another chain");
    let mut changed = entries[6].clone();
    changed.intake.as_mut().unwrap().body.push(b' ');
    assert!(growth.push(&changed, 6, &chain).is_err());
    assert_eq!(growth, before);
    // Of what was pruned the hashes are left, and they follow.
    let mut pruned = entries[6].clone();
    pruned.intake = None;
    assert!(
        growth.push(&pruned, 6, &chain).is_err(),
        "gone, and nothing tells of it"
    );
    pruned.pruned = Some(entries[0].leaf.event_id);
    assert!(growth.push(&pruned, 6, &GENESIS).is_err(), "another chain");
    growth.push(&pruned, 6, &chain).unwrap();
    growth.push(&entries[7], 7, &pruned.leaf.chain).unwrap();
    assert_eq!((growth.entries, growth.pruned), (8, 1));
    assert_eq!(growth.outcomes.values().sum::<u64>(), 7);
}
