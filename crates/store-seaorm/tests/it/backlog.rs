//! Events whose answer was given although the log took none: they wait, each is recorded once, and what finds no room is counted.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use vutf_audit::{EventFilter, LogReader as _, filter::MOST_LATE};
use vutf_kernel::{
    Action, Ambient, Event, EventId, EventRecorder, Fault, OsEntropy, Outcome, PageRequest, PortError,
    Receipt, Timestamp, id::uuid_v7_at,
};
use vutf_store_seaorm::{Backlog, GroupOptions, GroupRecorder, RelaxedRecorder};
use vutf_testkit::factory::Factory;

use crate::world::World;

on_both!(
    what_waits_is_recorded_once_with_the_time_it_happened,
    what_finds_no_room_is_an_event_with_its_number,
    an_event_that_cannot_be_written_holds_up_no_other,
    an_event_over_which_the_recorder_panics_is_counted_and_not_forgotten,
    the_end_offers_what_waits_once_more,
    only_reads_that_were_named_are_answered_first,
    a_store_that_hangs_does_not_hold_up_a_relaxed_read,
);

/// The log behind a door.
struct Door {
    log: GroupRecorder,
    shut: AtomicBool,
    hangs: AtomicBool,
    /// Panics over this event.
    panics_over: Mutex<Option<EventId>>,
    /// Answers "unreachable" once more often than it is true.
    lies: AtomicBool,
    asked: AtomicUsize,
}

impl Door {
    fn on(world: &World) -> Arc<Self> {
        let units = Arc::new(world.store.clone());
        Arc::new(Self {
            log: GroupRecorder::spawn(units, Ambient::system(), GroupOptions::default()),
            shut: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
            panics_over: Mutex::default(),
            lies: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
        })
    }
    fn shut(&self, shut: bool) {
        self.shut.store(shut, Ordering::SeqCst);
    }
}

#[async_trait]
impl EventRecorder for Door {
    async fn record(&self, event: Event) -> Result<(), PortError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let gone = || PortError::new("audit.record", Fault::Unreachable, "planted");
        if self.shut.load(Ordering::SeqCst) {
            return Err(gone());
        }
        assert!(*self.panics_over.lock().unwrap() != Some(event.id), "planted");
        self.log.record(event).await?;
        if self.lies.swap(false, Ordering::SeqCst) {
            return Err(gone());
        }
        Ok(())
    }
}

async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let patience = tokio::time::timeout(Duration::from_mins(1), async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(patience.await.is_ok(), "it never came true: {what}");
}

fn backlog(door: &Arc<Door>, limit: usize) -> Arc<Backlog> {
    let recorder = Arc::clone(door) as Arc<dyn EventRecorder>;
    Arc::new(Backlog::spawn(recorder, Ambient::system(), limit))
}

const LONG_AGO: Timestamp = Timestamp::from_secs(1_000_000_000);

/// An event of long ago, with an id of its own.
fn event(factory: &mut Factory) -> Event {
    let event = factory.event();
    Event {
        id: EventId::from_uuid(uuid_v7_at(LONG_AGO, &mut OsEntropy)),
        occurred_at: LONG_AGO,
        ..event
    }
}

async fn stored(world: &World, event: &Event) -> i64 {
    let id = world.id(event.id.as_uuid());
    world
        .number(&format!("SELECT count(*) FROM audit_intake WHERE id = {id}"))
        .await
}

async fn what_waits_is_recorded_once_with_the_time_it_happened(world: World) {
    let door = Door::on(&world);
    let backlog = backlog(&door, 100);
    let mut factory = Factory::new(7);
    door.shut(true);
    let events: Vec<Event> = (0..20).map(|_| event(&mut factory)).collect();
    for event in &events {
        backlog.defer(event.clone());
    }
    assert_eq!(backlog.waiting(), 20);
    eventually("it was offered in vain", async || {
        door.asked.load(Ordering::SeqCst) > 0
    })
    .await;
    // The first one is written, and its writer hears that it is not.
    door.lies.store(true, Ordering::SeqCst);
    door.shut(false);
    eventually("all are recorded", async || backlog.waiting() == 0).await;
    for event in &events {
        assert_eq!(stored(&world, event).await, 1);
        let id = world.id(event.id.as_uuid());
        let old =
            format!("SELECT count(*) FROM audit_intake WHERE id = {id} AND occurred_at < 1000000000000001");
        let old = world.number(&old).await;
        assert_eq!(old, 0, "it would look like one that was passed over");
    }
    let late = world.bodies("happened_at").await;
    assert_eq!(late.len(), 20);
    assert!(
        late.iter()
            .all(|body| body.contains(r#""happened_at":"2001-09-09T01:46:40Z""#)),
        "{}",
        late[0]
    );
    assert_eq!((backlog.taken(), backlog.dropped()), (20, 0));
    let organization = events[0].organization_id;
    let filter = EventFilter {
        from: Some(LONG_AGO),
        until: Some(LONG_AGO.plus(MOST_LATE * 2)),
        ..EventFilter::within(organization)
    };
    let found = world
        .store
        .search(&filter, &PageRequest::default())
        .await
        .unwrap();
    let mine = found
        .items
        .iter()
        .filter(|record| events.iter().any(|event| event.id == record.intake.id));
    assert!(
        mine.count() > 0,
        "a search of that time finds what was recorded late"
    );
}

async fn what_finds_no_room_is_an_event_with_its_number(world: World) {
    let door = Door::on(&world);
    let backlog = backlog(&door, 5);
    let mut factory = Factory::new(8);
    door.shut(true);
    for _ in 0..12 {
        backlog.defer(event(&mut factory));
    }
    assert_eq!((backlog.waiting(), backlog.dropped()), (5, 7));
    door.shut(false);
    eventually("the number is recorded", async || {
        !world.bodies("audit.dropped").await.is_empty()
    })
    .await;
    let told = world.bodies("audit.dropped").await;
    assert_eq!(told.len(), 1);
    for fact in [
        r#""events":7"#,
        r#""by_action":["user.update=7"]"#,
        r#""from":"2001-09-09T01:46:40Z""#,
        r#""outcome":{"reason":"no_room","result":"failed"}"#,
        r#""actor":{"job":"audit-backlog","type":"system"}"#,
    ] {
        assert!(told[0].contains(fact), "{fact} is not in {}", told[0]);
    }
    assert_eq!(world.bodies("happened_at").await.len(), 5);
}

async fn an_event_that_cannot_be_written_holds_up_no_other(world: World) {
    let door = Door::on(&world);
    let backlog = backlog(&door, 100);
    let mut factory = Factory::new(9);
    door.shut(true);
    let mut homeless = event(&mut factory);
    homeless.organization_id = vutf_kernel::OrganizationId::from_uuid(factory.id());
    backlog.defer(homeless.clone());
    let good = event(&mut factory);
    backlog.defer(good.clone());
    door.shut(false);
    eventually("the other is recorded", async || stored(&world, &good).await == 1).await;
    eventually("nothing waits", async || backlog.waiting() == 0).await;
    assert_eq!((stored(&world, &homeless).await, backlog.dropped()), (0, 1));
    eventually("it is told", async || {
        world.bodies("audit.dropped").await.len() == 1
    })
    .await;
}

async fn an_event_over_which_the_recorder_panics_is_counted_and_not_forgotten(world: World) {
    let door = Door::on(&world);
    let backlog = backlog(&door, 100);
    let mut factory = Factory::new(12);
    door.shut(true);
    let events: Vec<Event> = (0..3).map(|_| event(&mut factory)).collect();
    *door.panics_over.lock().unwrap() = Some(events[1].id);
    for event in &events {
        backlog.defer(event.clone());
    }
    door.shut(false);
    eventually("nothing waits", async || backlog.waiting() == 0).await;
    assert_eq!((stored(&world, &events[1]).await, backlog.dropped()), (0, 1));
    assert_eq!(
        stored(&world, &events[0]).await + stored(&world, &events[2]).await,
        2
    );
    eventually("it is told", async || {
        world.bodies("audit.dropped").await.len() == 1
    })
    .await;

    // Alone it waits, for it may have been the recorder's fault.
    let alone = event(&mut factory);
    *door.panics_over.lock().unwrap() = Some(alone.id);
    let before = door.asked.load(Ordering::SeqCst);
    backlog.defer(alone.clone());
    eventually("it was offered", async || {
        door.asked.load(Ordering::SeqCst) > before
    })
    .await;
    *door.panics_over.lock().unwrap() = None;
    eventually("it is recorded", async || stored(&world, &alone).await == 1).await;
    assert_eq!(backlog.dropped(), 1);
}

async fn the_end_offers_what_waits_once_more(world: World) {
    let door = Door::on(&world);
    let backlog = backlog(&door, 100);
    let mut factory = Factory::new(10);
    door.shut(true);
    let waits = event(&mut factory);
    backlog.defer(waits.clone());
    eventually("it was offered in vain", async || {
        door.asked.load(Ordering::SeqCst) > 0
    })
    .await;
    door.shut(false);
    backlog.close().await;
    assert_eq!(stored(&world, &waits).await, 1);
    backlog.close().await;
}

const UPDATE: Action = Action::new("user.update", "user");

/// With a receipt of its own, as a request's event has.
fn awaited(factory: &mut Factory) -> (Event, Receipt) {
    let receipt = Receipt::of(UPDATE, None);
    let event = Event {
        receipt: receipt.clone(),
        ..event(factory)
    };
    (event, receipt)
}

async fn only_reads_that_were_named_are_answered_first(world: World) {
    let door = Door::on(&world);
    let backlog = backlog(&door, 100);
    let strict = Arc::clone(&door) as Arc<dyn EventRecorder>;
    let relaxed = RelaxedRecorder::new(Arc::clone(&strict), Arc::clone(&backlog), [UPDATE.name]);
    let mut factory = Factory::new(11);

    let (in_time, receipt) = awaited(&mut factory);
    relaxed.record(in_time.clone()).await.unwrap();
    assert!(stored(&world, &in_time).await == 1 && receipt.is_given());
    assert_eq!(backlog.taken(), 0, "it waits while there is somebody to wait for");

    door.shut(true);
    let (refused, receipt) = awaited(&mut factory);
    let refused = Event {
        outcome: Outcome::refused("wrong_password"),
        ..refused
    };
    relaxed.record(refused).await.unwrap_err();
    assert!(!receipt.is_given());
    let mut other = event(&mut factory);
    other.action = "user.lock".into();
    relaxed.record(other).await.unwrap_err();

    let (late, receipt) = awaited(&mut factory);
    relaxed.record(late.clone()).await.unwrap();
    assert!(receipt.is_given() && backlog.waiting() == 1);
    assert_eq!(stored(&world, &late).await, 0);
    door.shut(false);
    eventually("it is recorded", async || stored(&world, &late).await == 1).await;
}

async fn a_store_that_hangs_does_not_hold_up_a_relaxed_read(world: World) {
    let door = Door::on(&world);
    let backlog = backlog(&door, 3);
    let strict = Arc::clone(&door) as Arc<dyn EventRecorder>;
    let relaxed = RelaxedRecorder::new(strict, Arc::clone(&backlog), [UPDATE.name]);
    let mut factory = Factory::new(12);
    door.hangs.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        relaxed.record(event(&mut factory)).await.unwrap();
    }
    assert_eq!((backlog.waiting(), backlog.dropped()), (3, 2));
}
