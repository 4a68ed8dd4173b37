//! Lone events in groups: nothing acknowledged is lost, nobody's failure is another's, and what cannot be written is refused.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use tokio::{sync::Semaphore, task::JoinSet};
use vutf_app::UnitOfWork;
use vutf_kernel::{
    Ambient, Event, EventRecorder as _, Fault, OrganizationId, PortError, Units, UserId, id::uuid_v7,
};
use vutf_store_seaorm::{GroupCommit, GroupOptions, GroupRecorder};
use vutf_testkit::factory::Factory;

use crate::world::World;

on_both!(
    what_is_acknowledged_is_committed_and_commits_are_shared,
    nobody_else_pays_for_an_event_that_cannot_be_written,
    a_group_does_not_wait_for_the_one_before,
    a_full_queue_refuses_at_once_and_writes_nothing,
    the_end_writes_what_was_taken_and_takes_no_more,
    a_caller_who_leaves_leaves_the_event,
    a_panic_is_the_end_of_its_own_group,
    without_a_database_everybody_is_refused,
);

/// The store behind a gate: a transaction begins when the test lets it.
struct Gate {
    units: Arc<dyn Units<dyn UnitOfWork>>,
    permits: Semaphore,
    panics: AtomicBool,
    begun: AtomicUsize,
}

#[async_trait]
impl Units<dyn UnitOfWork> for Gate {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, PortError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.permits.acquire().await.unwrap().forget();
        assert!(!self.panics.swap(false, Ordering::SeqCst), "planted");
        self.units.begin().await
    }
    async fn retry(&self, attempt: u32, error: &PortError) -> bool {
        self.units.retry(attempt, error).await
    }
}

struct Set {
    gate: Arc<Gate>,
    recorder: Arc<GroupRecorder>,
    commits: Arc<Mutex<Vec<GroupCommit>>>,
}

fn set(world: &World, options: GroupOptions, permits: usize) -> Set {
    let gate = Arc::new(Gate {
        units: world.store.lone_units(),
        permits: Semaphore::new(permits),
        panics: AtomicBool::new(false),
        begun: AtomicUsize::new(0),
    });
    let recorder = GroupRecorder::spawn(Arc::clone(&gate) as _, Ambient::system(), options);
    let commits: Arc<Mutex<Vec<GroupCommit>>> = Arc::default();
    let seen = Arc::clone(&commits);
    recorder.observe(move |commit| seen.lock().unwrap().push(commit));
    Set {
        gate,
        recorder: Arc::new(recorder),
        commits,
    }
}

fn events(count: usize) -> Vec<Event> {
    let mut factory = Factory::new(7);
    (0..count).map(|_| factory.event()).collect()
}

impl Set {
    fn record(&self, tasks: &mut JoinSet<Result<(), PortError>>, event: Event) {
        let recorder = Arc::clone(&self.recorder);
        tasks.spawn(async move { recorder.record(event).await });
    }
    /// Until so many transactions were begun.
    async fn begun(&self, count: usize) {
        while self.gate.begun.load(Ordering::SeqCst) < count {
            tokio::task::yield_now().await;
        }
    }
    /// Until so many events wait.
    async fn waiting(&self, count: usize) {
        while self.recorder.depth() != count {
            tokio::task::yield_now().await;
        }
    }
}

async fn stored(world: &World) -> i64 {
    world.number("SELECT count(*) FROM audit_intake").await
}

async fn what_is_acknowledged_is_committed_and_commits_are_shared(world: World) {
    let before = stored(&world).await;
    let set = set(&world, GroupOptions::default(), Semaphore::MAX_PERMITS);
    let mut tasks = JoinSet::new();
    let outside = Arc::new(world.outside().await);
    for event in events(600) {
        let (recorder, outside) = (Arc::clone(&set.recorder), Arc::clone(&outside));
        let id = world.id(event.id.as_uuid());
        tasks.spawn(async move {
            recorder.record(event).await.unwrap();
            // A connection of somebody else sees it by then.
            let sql = format!("SELECT 1 FROM audit_intake WHERE id = {id}");
            let backend = sea_orm::ConnectionTrait::get_database_backend(&*outside);
            let found = sea_orm::ConnectionTrait::query_one_raw(
                &*outside,
                sea_orm::Statement::from_string(backend, sql),
            );
            assert!(found.await.unwrap().is_some());
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(stored(&world).await, before + 600);
    let commits = set.commits.lock().unwrap().clone();
    assert_eq!(commits.iter().map(|commit| commit.events).sum::<usize>(), 600);
    assert!(commits.iter().all(|commit| commit.events <= 256));
    assert!(commits.len() < 300, "{} commits for 600 events", commits.len());
}

async fn nobody_else_pays_for_an_event_that_cannot_be_written(world: World) {
    let set = set(&world, GroupOptions::default(), 0);
    let mut good = events(40);
    let twin = good[3].clone();
    let mut homeless = good.pop().unwrap();
    let nowhere = uuid_v7(Ambient::system().clock(), &mut vutf_kernel::OsEntropy);
    homeless.organization_id = OrganizationId::from_uuid(nowhere);
    let (mut all, mut bad) = (JoinSet::new(), JoinSet::new());
    set.record(&mut all, good.pop().unwrap());
    set.begun(1).await;
    for event in good {
        set.record(&mut all, event);
    }
    set.waiting(38).await;
    set.record(&mut bad, twin);
    set.record(&mut bad, homeless);
    set.waiting(40).await;
    set.gate.permits.add_permits(1_000);
    while let Some(done) = all.join_next().await {
        done.unwrap().unwrap();
    }
    let mut faults = HashSet::new();
    while let Some(done) = bad.join_next().await {
        faults.insert(format!("{:?}", done.unwrap().unwrap_err().fault));
    }
    assert_eq!(
        faults,
        HashSet::from(["Duplicate".to_owned(), "KeyNotLoaded".to_owned()])
    );
}

async fn a_group_does_not_wait_for_the_one_before(world: World) {
    let before = stored(&world).await;
    let options = GroupOptions {
        commits: 2,
        ..GroupOptions::default()
    };
    let set = set(&world, options, 0);
    let mut tasks = JoinSet::new();
    for (at, event) in events(2).into_iter().enumerate() {
        set.record(&mut tasks, event);
        // The second transaction is begun though the first one has not got on.
        set.begun(at + 1).await;
    }
    set.record(&mut tasks, events(3).remove(2));
    set.waiting(1).await;
    assert_eq!(set.gate.begun.load(Ordering::SeqCst), 2);
    set.gate.permits.add_permits(1_000);
    set.recorder.close().await;
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(stored(&world).await, before + 3);
}

async fn a_full_queue_refuses_at_once_and_writes_nothing(world: World) {
    let before = stored(&world).await;
    let set = set(
        &world,
        GroupOptions {
            queue: 4,
            batch: 2,
            commits: 1,
        },
        0,
    );
    let mut tasks = JoinSet::new();
    let mut all = events(20).into_iter();
    set.record(&mut tasks, all.next().unwrap());
    set.begun(1).await;
    for event in all.by_ref().take(4) {
        set.record(&mut tasks, event);
    }
    set.waiting(4).await;
    for event in all {
        let error = set.recorder.record(event).await.unwrap_err();
        assert_eq!(error.fault, Fault::Unreachable);
    }
    assert_eq!(set.recorder.refused(), 15);
    set.gate.permits.add_permits(1_000);
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(stored(&world).await, before + 5);
}

async fn the_end_writes_what_was_taken_and_takes_no_more(world: World) {
    let before = stored(&world).await;
    let set = set(&world, GroupOptions::default(), 0);
    let mut tasks = JoinSet::new();
    for event in events(300) {
        set.record(&mut tasks, event);
    }
    set.begun(1).await;
    set.waiting(299).await;
    let recorder = Arc::clone(&set.recorder);
    let closing = tokio::spawn(async move { recorder.close().await });
    let mut taken = 0;
    let late = loop {
        // Until the end is known, an event is taken like the others.
        match tokio::time::timeout(
            std::time::Duration::from_millis(5),
            set.recorder.record(late_event()),
        )
        .await
        {
            Ok(refused) => break refused.unwrap_err(),
            Err(_taken) => taken += 1,
        }
    };
    assert_eq!(late.fault, Fault::Unreachable);
    // Refused since it ends, not since the queue is full.
    assert_eq!((set.recorder.refused(), taken < 1_000), (0, true));
    assert!(!closing.is_finished());
    set.gate.permits.add_permits(1_000);
    closing.await.unwrap();
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    assert!(stored(&world).await >= before + 300);
    set.recorder.close().await;
}

fn late_event() -> Event {
    let mut event = events(1).remove(0);
    let mut entropy = vutf_kernel::OsEntropy;
    event.id = vutf_kernel::EventId::generate(Ambient::system().clock(), &mut entropy);
    event
}

async fn a_caller_who_leaves_leaves_the_event(world: World) {
    let before = stored(&world).await;
    let set = set(&world, GroupOptions::default(), 0);
    let mut tasks = JoinSet::new();
    set.record(&mut tasks, events(1).remove(0));
    set.begun(1).await;
    tasks.shutdown().await;
    set.gate.permits.add_permits(10);
    set.recorder.close().await;
    assert_eq!(stored(&world).await, before + 1);
}

async fn a_panic_is_the_end_of_its_own_group(world: World) {
    let set = set(&world, GroupOptions::default(), 1_000);
    set.gate.panics.store(true, Ordering::SeqCst);
    let mut all = events(2).into_iter();
    let error = set.recorder.record(all.next().unwrap()).await.unwrap_err();
    assert_eq!(error.fault, Fault::Unreachable);
    let mut event = all.next().unwrap();
    event = event.subject(UserId::from_uuid(uuid_v7(
        Ambient::system().clock(),
        &mut vutf_kernel::OsEntropy,
    )));
    set.recorder.record(event).await.unwrap();
    assert!(world.number("SELECT count(*) FROM audit_subject_ref").await >= 1);
}

async fn without_a_database_everybody_is_refused(world: World) {
    let set = set(&world, GroupOptions::default(), 1_000);
    world.store.close().await;
    let mut tasks = JoinSet::new();
    for event in events(5) {
        set.record(&mut tasks, event);
    }
    while let Some(done) = tasks.join_next().await {
        assert_eq!(done.unwrap().unwrap_err().fault, Fault::Unreachable);
    }
}
