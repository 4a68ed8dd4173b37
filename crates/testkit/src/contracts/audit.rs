//! What every adapter of the audit ports must do.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a contract that is broken fails the test that runs it"
)]

use std::{sync::Arc, time::Duration};

use sea_orm::prelude::Uuid;
use tokio::task::JoinSet;
use vutf_app::UnitOfWork;
use vutf_audit::{
    ActionMatch, ActorKind, AuditTx, Ending, EventFilter, LogEntry, LogReader, MemoryLog, MemoryTx, Order,
    Record, SEQUENCER_LEASE, SequencerStore, Word, parse_body, sequence_batch, verify,
};
use vutf_kernel::{
    Action, Actor, Event, EventId, Fault, Lease, OrganizationId, Outcome, PageRequest, PortError, Receipt,
    Resource, Timestamp, Transaction, Units, UserId,
};

use super::{
    NEIGHBOUR,
    unit::{Store, Unit},
};
use crate::factory::Factory;

const HOME: OrganizationId = OrganizationId::DEFAULT;
const TTL: Duration = Duration::from_mins(1);

/// A log under test.
#[derive(Clone)]
pub enum AuditStore {
    /// The in-memory twin.
    Memory(MemoryLog),
    /// A database; it knows [`NEIGHBOUR`] and has the keys of both tenants.
    Store(Arc<dyn Store>),
}

trait AuditUnit: AuditTx + Transaction {}
impl AuditUnit for MemoryTx {}
impl AuditUnit for Unit {}

impl AuditStore {
    /// The log as its readers see it.
    pub fn reader(&self) -> &dyn LogReader {
        match self {
            Self::Memory(log) => log,
            Self::Store(store) => &**store,
        }
    }
    /// The log as its sequencer sees it.
    pub fn sequencer(&self) -> &dyn SequencerStore {
        match self {
            Self::Memory(log) => log,
            Self::Store(store) => &**store,
        }
    }
    async fn begin(&self) -> Box<dyn AuditUnit> {
        match self {
            Self::Memory(log) => Box::new(log.begin_tx()),
            Self::Store(store) => {
                let units: &dyn Units<dyn UnitOfWork> = &**store;
                Box::new(Unit(units.begin().await.expect("a transaction begins")))
            }
        }
    }
    /// Commits events in one transaction.
    ///
    /// # Errors
    /// The store's.
    pub async fn append(&self, events: &[Event]) -> Result<(), PortError> {
        let mut tx = self.begin().await;
        for event in events {
            tx.log().append(event.clone()).await?;
        }
        tx.commit().await
    }
    /// Places everything that is pending. It may take a while: a transaction of another database on the same PostgreSQL
    /// server holds back what began after it.
    ///
    /// # Panics
    /// When that never comes to an end.
    pub async fn sequence_all(&self, lease: &Lease) {
        for _ in 0..3_000 {
            while sequence_batch(self.sequencer(), lease, 64).await.unwrap() > 0 {}
            if self.reader().pending_count().await.unwrap() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("events stay pending");
    }
    /// The whole log, in its order.
    ///
    /// # Panics
    /// When it cannot be read.
    pub async fn whole(&self) -> Vec<LogEntry> {
        let mut entries: Vec<LogEntry> = Vec::new();
        loop {
            let from = entries.last().map_or(0, |entry| entry.leaf.seq + 1);
            let more = self.reader().entries(from, 100).await.unwrap();
            if more.is_empty() {
                return entries;
            }
            entries.extend(more);
        }
    }
}

/// Runs the whole suite.
///
/// # Panics
/// Where the contract is broken.
pub async fn audit_contract(store: AuditStore) {
    let mut factory = Factory::new(0x6175_6469);
    let lease = a_lease_has_one_holder(&store, &mut factory).await;
    what_is_not_committed_is_not_in_the_log(&store, &mut factory, &lease).await;
    an_event_is_recorded_once(&store, &mut factory).await;
    committed_events_get_dense_numbers(&store, &mut factory, &lease).await;
    a_record_tells_the_event_and_its_place(&store, &mut factory, &lease).await;
    a_search_finds_what_its_filter_means(&store, &mut factory, &lease).await;
    writers_in_parallel_lose_nothing(&store, &mut factory, &lease).await;
    a_receipt_is_given_by_the_commit(&store, &mut factory).await;
    assert_eq!(verify(store.reader(), &mut |_| {}).await.unwrap().first_bad, None);
}

/// An answer that waits for its event must not be given for one that was rolled back.
async fn a_receipt_is_given_by_the_commit(store: &AuditStore, factory: &mut Factory) {
    let mut event = || {
        let receipt = Receipt::of(Action::new("user.update", "user"), None);
        let event = Event {
            receipt: receipt.clone(),
            ..factory.event()
        };
        (event, receipt)
    };
    let ((kept, given), (undone, refused), (forgotten, dropped)) = (event(), event(), event());
    let mut tx = store.begin().await;
    tx.log().append(kept).await.unwrap();
    assert!(!given.is_given(), "nothing is there to stay yet");
    tx.commit().await.unwrap();
    assert!(given.is_given() && given.holds(&Outcome::Success));
    let mut tx = store.begin().await;
    tx.log().append(undone).await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = store.begin().await;
    tx.log().append(forgotten).await.unwrap();
    drop(tx);
    assert!(!refused.is_given() && !dropped.is_given());
}

/// Ends with a lease that holds for the rest of the suite.
async fn a_lease_has_one_holder(store: &AuditStore, factory: &mut Factory) -> Lease {
    let (one, two) = (factory.id(), factory.id());
    let start = factory.now();
    let acquire = async |holder: Uuid, now: Timestamp| {
        store
            .sequencer()
            .acquire(SEQUENCER_LEASE, holder, now, TTL)
            .await
            .unwrap()
    };
    let first = acquire(one, start).await.expect("it is free");
    assert_eq!((first.holder, first.expires_at), (one, start.plus(TTL)));
    let later = start.plus(TTL / 2);
    assert_eq!(acquire(two, later).await, None, "it is taken");
    let renewed = acquire(one, later).await.expect("its holder renews it");
    assert_eq!(
        (renewed.epoch, renewed.expires_at),
        (first.epoch, later.plus(TTL))
    );
    assert_eq!(acquire(two, start.plus(TTL)).await, None, "it was renewed");
    let taken = acquire(two, renewed.expires_at)
        .await
        .expect("it holds until it expires");
    assert!(taken.epoch > first.epoch);

    a_lease_is_given_back_by_its_holder(store, &taken, factory).await;

    store.append(&[factory.event()]).await.unwrap();
    let before = store.whole().await.len();
    let overtaken = sequence_batch(store.sequencer(), &renewed, 64).await.unwrap_err();
    assert_eq!(overtaken.fault, Fault::Stale);
    let elsewhere = Lease {
        name: "another-lease".into(),
        ..taken.clone()
    };
    let misled = sequence_batch(store.sequencer(), &elsewhere, 64)
        .await
        .unwrap_err();
    assert_eq!(misled.fault, Fault::Stale);
    assert_eq!(
        store.whole().await.len(),
        before,
        "who was overtaken places nothing"
    );
    store.sequence_all(&taken).await;
    taken
}

/// Under another name than the sequencer's, which `held` is: they do not touch one another.
async fn a_lease_is_given_back_by_its_holder(store: &AuditStore, held: &Lease, factory: &mut Factory) {
    let (one, two) = (factory.id(), factory.id());
    let start = factory.now();
    let store = store.sequencer();
    let acquire = async |holder: Uuid| store.acquire("contract", holder, start, TTL).await.unwrap();
    let first = acquire(one).await.expect("another name is free");
    assert_eq!((first.name.as_str(), first.epoch), ("contract", 1));
    for not_theirs in [
        Lease {
            holder: two,
            ..first.clone()
        },
        Lease {
            epoch: first.epoch + 1,
            ..first.clone()
        },
    ] {
        store.release(&not_theirs).await.unwrap();
        assert_eq!(acquire(two).await, None);
    }
    store.release(&first).await.unwrap();
    let second = acquire(two).await.expect("it was given back");
    assert_eq!(second.epoch, first.epoch + 1);
    store.release(&first).await.unwrap();
    assert_eq!(acquire(one).await, None, "who was overtaken gives nothing back");
    store.release(&second).await.unwrap();
    let renewed = store
        .acquire(SEQUENCER_LEASE, held.holder, start, TTL)
        .await
        .unwrap();
    assert_eq!(renewed.expect("its holder has it").epoch, held.epoch);
}

async fn what_is_not_committed_is_not_in_the_log(store: &AuditStore, factory: &mut Factory, lease: &Lease) {
    let (rolled_back, dropped) = (factory.event(), factory.event());
    let mut tx = store.begin().await;
    tx.log().append(rolled_back.clone()).await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = store.begin().await;
    tx.log().append(dropped.clone()).await.unwrap();
    drop(tx);
    assert_eq!(store.reader().pending_count().await.unwrap(), 0);
    let before = store.whole().await.len();
    store.append(&[factory.event()]).await.unwrap();
    store.sequence_all(lease).await;
    assert_eq!(store.whole().await.len(), before + 1);
    for id in [rolled_back.id, dropped.id] {
        assert_eq!(store.reader().entry(id).await.unwrap(), None);
    }
}

async fn an_event_is_recorded_once(store: &AuditStore, factory: &mut Factory) {
    let event = factory.event();
    store.append(std::slice::from_ref(&event)).await.unwrap();
    let again = store.append(&[factory.event(), event]).await.unwrap_err();
    assert_eq!(again.fault, Fault::Duplicate);
    assert_eq!(
        store.reader().pending_count().await.unwrap(),
        1,
        "none of the second transaction is there"
    );
}

async fn committed_events_get_dense_numbers(store: &AuditStore, factory: &mut Factory, lease: &Lease) {
    store.sequence_all(lease).await;
    let before = i64::try_from(store.whole().await.len()).unwrap();
    let mut ids = Vec::new();
    for size in [1, 5, 140] {
        let events: Vec<Event> = (0..size).map(|_| factory.event()).collect();
        ids.extend(events.iter().map(|event| event.id));
        store.append(&events).await.unwrap();
    }
    assert_eq!(store.reader().pending_count().await.unwrap(), 146);
    store.sequence_all(lease).await;
    let whole = store.whole().await;
    assert!(whole.iter().map(|entry| entry.leaf.seq).eq(0..before + 146));
    let tail = store.reader().entries(before, 146).await.unwrap();
    assert!(
        tail.iter().map(|entry| entry.leaf.event_id).eq(ids),
        "in the order of commits"
    );
    let window = store.reader().entries(before + 3, 2).await.unwrap();
    assert_eq!(window, tail[3..5]);
    assert!(store.reader().entries(before + 146, 1).await.unwrap().is_empty());
    assert_eq!(sequence_batch(store.sequencer(), lease, 64).await.unwrap(), 0);
}

async fn a_record_tells_the_event_and_its_place(store: &AuditStore, factory: &mut Factory, lease: &Lease) {
    let mut event = factory.event();
    let people = [UserId::from_uuid(factory.id()), UserId::from_uuid(factory.id())];
    event.subjects = vec![people[1], people[0], people[1]];
    store.append(std::slice::from_ref(&event)).await.unwrap();
    let pending = store.reader().entry(event.id).await.unwrap().unwrap();
    assert_eq!(pending.leaf, None);
    assert_eq!(pending.intake.subjects, people);
    assert_eq!(pending.intake.occurred_at, event.occurred_at);
    assert_eq!(
        pending.intake.actor_id,
        event.actor.user_id().map(|user| user.as_uuid())
    );
    assert_eq!(pending.intake.resource_id, event.resource.id);
    let names: Vec<&str> = pending.intake.parts.iter().map(|part| &*part.name).collect();
    assert_eq!(names, ["display_name", "source_ip", "user_agent"]);
    let body = parse_body(&pending.intake.body).unwrap();
    assert_eq!((body.id, body.subjects), (event.id, people.to_vec()));

    store.sequence_all(lease).await;
    let placed = store.reader().entry(event.id).await.unwrap().unwrap();
    let place = placed.leaf.as_ref().unwrap().seq;
    assert_eq!(placed.intake, pending.intake);
    let entry = store.reader().entries(place, 1).await.unwrap().remove(0);
    assert_eq!(
        (Some(entry.leaf), entry.intake),
        (placed.leaf, Some(placed.intake))
    );
    let unknown = EventId::from_uuid(factory.id());
    assert_eq!(store.reader().entry(unknown).await.unwrap(), None);
}

/// Events that differ in everything that a filter can name.
fn varied(factory: &mut Factory) -> Vec<Event> {
    let actors = [factory.ctx().actor, factory.ctx().actor];
    let people = [factory.id(), factory.id()].map(UserId::from_uuid);
    let things = [factory.id(), factory.id()];
    let requests = [factory.ctx().request_id, factory.ctx().request_id];
    let mut events: Vec<Event> = (0..36_usize)
        .map(|number| {
            let mut event = factory.event();
            event.action = ["user.create", "user.lock", "user_x.lock"][number % 3].into();
            event.actor = match number % 7 {
                4 => Actor::Anonymous,
                5 => Actor::Operator,
                6 => Actor::System {
                    job: "contract".into(),
                },
                _ => actors[number / 2 % 2].clone(),
            };
            event.subjects = people[..number % 3].to_vec();
            event.resource = match number % 5 {
                4 => Resource::kind("session"),
                _ => Resource::one(["user", "key"][number / 5 % 2], things[number / 2 % 2]),
            };
            event.outcome = match number % 8 {
                3 => Outcome::refused("denied"),
                5 => Outcome::refused("locked"),
                7 => Outcome::Failed {
                    reason: "denied".into(),
                },
                _ => Outcome::Success,
            };
            event.request_id = requests[number / 6 % 2].clone();
            event
        })
        .collect();
    for event in &mut events[31..] {
        event.organization_id = NEIGHBOUR;
    }
    events
}

type Change = Box<dyn Fn(&mut EventFilter) + Send>;

/// Each part of a filter alone.
fn parts(events: &[Event]) -> Vec<Change> {
    let actor = |n: usize| events[n].actor.user_id().map(|user| user.as_uuid());
    let (first, second) = (actor(0), actor(2));
    let one = events[1].subjects.first().copied();
    let two = events[2].subjects.last().copied();
    let resource = events[0].resource.id;
    let request = events[7].request_id.clone();
    let [from, until] = [5, 20].map(|n: usize| events[n].occurred_at);
    let mut all: Vec<Change> = vec![
        Box::new(move |f| f.actor_id = first),
        Box::new(move |f| f.actor_id = second),
        Box::new(move |f| f.subject = one),
        Box::new(move |f| f.subject = two),
        Box::new(move |f| f.resource_id = resource),
        Box::new(move |f| f.request_id = Some(request.clone())),
        Box::new(move |f| f.from = Some(from)),
        Box::new(move |f| f.until = Some(until)),
        Box::new(move |f| (f.from, f.until) = (Some(from), Some(until))),
    ];
    for action in ["user.create", "user.loc", "user.", "user_x.", "use."] {
        all.push(Box::new(move |f| f.action = ActionMatch::parse(action).ok()));
    }
    for kind in ["user", "key", "session", "nothing"] {
        all.push(Box::new(move |f| f.resource_kind = Word::parse(kind).ok()));
    }
    for reason in ["denied", "locked", "success"] {
        all.push(Box::new(move |f| f.reason = Word::parse(reason).ok()));
    }
    for ending in Ending::ALL {
        all.push(Box::new(move |f| f.outcome = Some(*ending)));
    }
    for kind in ActorKind::ALL {
        all.push(Box::new(move |f| f.actor_kind = Some(*kind)));
    }
    all
}

/// Nothing, each part, and every two parts; each for both tenants and in both orders.
fn filters(events: &[Event]) -> Vec<EventFilter> {
    let parts = parts(events);
    let mut plain = vec![EventFilter::within(HOME), EventFilter::within(NEIGHBOUR)];
    for (number, one) in parts.iter().enumerate() {
        for two in &parts[number..] {
            let mut filter = EventFilter::within(if plain.len() % 9 == 0 { NEIGHBOUR } else { HOME });
            one(&mut filter);
            two(&mut filter);
            plain.push(filter);
        }
    }
    let turned = plain.clone().into_iter().map(|filter| EventFilter {
        order: Order::Descending,
        ..filter
    });
    plain.iter().cloned().chain(turned).collect()
}

async fn a_search_finds_what_its_filter_means(store: &AuditStore, factory: &mut Factory, lease: &Lease) {
    let events = varied(factory);
    store.append(&events[..25]).await.unwrap();
    store.sequence_all(lease).await;
    store.append(&events[25..]).await.unwrap();
    let mut known: Vec<Record> = Vec::new();
    for entry in store.whole().await {
        known.extend(store.reader().entry(entry.leaf.event_id).await.unwrap());
    }
    for event in &events[25..] {
        known.extend(store.reader().entry(event.id).await.unwrap());
    }
    known.sort_by_key(|record| record.intake.id);
    let mut hits = 0;
    for filter in filters(&events) {
        let mut expected: Vec<&Record> = known
            .iter()
            .filter(|record| filter.matches(&record.intake))
            .collect();
        if filter.order == Order::Descending {
            expected.reverse();
        }
        // Most answers in one page; some in pages that must meet.
        let limit = if expected.len() > 60 { 100 } else { 7 };
        let found = search(store, &filter, limit).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
        hits += usize::from(!expected.is_empty());
    }
    assert!(hits > 200, "{hits} filters found something");
    store.sequence_all(lease).await;
}

async fn search(store: &AuditStore, filter: &EventFilter, limit: u16) -> Vec<Record> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .reader()
            .search(filter, &PageRequest { after, limit })
            .await
            .unwrap();
        assert!(page.items.len() <= usize::from(limit));
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

async fn writers_in_parallel_lose_nothing(store: &AuditStore, factory: &mut Factory, lease: &Lease) {
    let before = store.whole().await.len();
    let mut tasks = JoinSet::new();
    let mut ids = Vec::new();
    for _ in 0..32 {
        let events: Vec<Event> = (0..3).map(|_| factory.event()).collect();
        ids.extend(events.iter().map(|event| event.id));
        let store = store.clone();
        tasks.spawn(async move { store.append(&events).await.unwrap() });
    }
    while tasks.join_next().await.is_some() {
        sequence_batch(store.sequencer(), lease, 7).await.unwrap();
    }
    store.sequence_all(lease).await;
    let whole = store.whole().await;
    assert_eq!(whole.len(), before + ids.len());
    assert!((0_i64..).zip(&whole).all(|(seq, entry)| entry.leaf.seq == seq));
    let mut placed: Vec<EventId> = whole[before..].iter().map(|entry| entry.leaf.event_id).collect();
    placed.sort_unstable();
    ids.sort_unstable();
    assert_eq!(placed, ids);
}
