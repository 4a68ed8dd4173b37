//! Lost races, lost connections and lost servers: what comes back by itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Barrier;
use vutf_app::{
    KeyReloader, UnitOfWork,
    keys::{Keys, Target},
};
use vutf_crypto_keys::{Keyring, Purpose};
use vutf_identity::User;
use vutf_kernel::{
    Ambient, BoxFuture, BreakerOptions, BreakerState, EventRecorder as _, Fault, OrganizationId, PortError,
    Units, transact,
};
use vutf_store_seaorm::{GroupOptions, GroupRecorder, SeaStore, StoreOptions};
use vutf_testkit::{
    factory::Factory,
    servers::{Component, Postgres, PostgresOptions, find_binaries, require_postgres},
};

use crate::world::{World, connect, ctx_in, options, outside, wrapper};

on_both!(
    a_transaction_that_always_loses_is_run_five_times,
    other_errors_are_not_tried_again
);

const HOME: OrganizationId = OrganizationId::DEFAULT;
const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid()";

type Unit = dyn UnitOfWork;

async fn run<T: Send>(
    store: &SeaStore,
    work: impl for<'a> FnMut(&'a mut Unit, vutf_kernel::Env<'a>) -> BoxFuture<'a, Result<T, PortError>> + Send,
) -> Result<T, PortError> {
    let units: &dyn Units<Unit> = store;
    transact(units, &Ambient::system(), work).await
}

async fn stored_user(store: &SeaStore, factory: &mut Factory) -> User {
    let user = factory.user();
    let stored = user.clone();
    run(store, move |unit, _| {
        let user = stored.clone();
        Box::pin(async move { unit.users().insert(&user).await })
    })
    .await
    .unwrap();
    user
}

async fn failing(world: &World, fault: Fault) -> (u32, Fault) {
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let error = run(&world.store, move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Err::<(), _>(PortError::new("test", fault, "planted")) })
    })
    .await
    .unwrap_err();
    (runs.load(Ordering::SeqCst), error.fault)
}

async fn a_transaction_that_always_loses_is_run_five_times(world: World) {
    assert_eq!(failing(&world, Fault::Contention).await, (5, Fault::Contention));
}

async fn other_errors_are_not_tried_again(world: World) {
    for fault in [Fault::Other, Fault::Stale, Fault::Duplicate, Fault::KeyNotLoaded] {
        assert_eq!(failing(&world, fault).await, (1, fault));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_of_a_deadlock_succeed_in_the_end() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let mut factory = Factory::new(11);
    let (a, b) = (
        stored_user(&world.store, &mut factory).await,
        stored_user(&world.store, &mut factory).await,
    );
    let (runs, barrier, at) = (
        Arc::new(AtomicU32::new(0)),
        Arc::new(Barrier::new(2)),
        factory.now(),
    );
    let mut sides = tokio::task::JoinSet::new();
    for order in [[a.id, b.id], [b.id, a.id]] {
        let (store, runs, barrier) = (world.store.clone(), Arc::clone(&runs), Arc::clone(&barrier));
        sides.spawn(async move {
            let mut first = true;
            run(&store, move |unit, _| {
                runs.fetch_add(1, Ordering::SeqCst);
                let meet = std::mem::take(&mut first).then(|| Arc::clone(&barrier));
                Box::pin(async move {
                    unit.users().note_login(order[0], at).await?;
                    if let Some(barrier) = meet {
                        barrier.wait().await;
                    }
                    unit.users().note_login(order[1], at).await
                })
            })
            .await
        });
    }
    for side in sides.join_all().await {
        side.unwrap();
    }
    assert!(
        runs.load(Ordering::SeqCst) >= 3,
        "one of them was the victim, and ran again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_were_cut_are_replaced() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let mut factory = Factory::new(12);
    for _ in 0..3 {
        world.rows(TERMINATE).await;
        stored_user(&world.store, &mut factory).await;
        assert_eq!(world.store.breaker_state(), BreakerState::Closed);
    }
}

/// Whether a statement was done is not known when its connection was cut: the event is there once, and its caller is told so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_event_whose_connection_is_cut_is_written_once() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let (mut factory, count) = (Factory::new(15), "SELECT COUNT(*) FROM audit_intake");
    let before = world.number(count).await;
    let units = world.store.lone_units();
    let recorder = GroupRecorder::spawn(units, Ambient::system(), GroupOptions::default());
    for nth in 1..=5 {
        recorder.record(factory.event()).await.unwrap();
        world.rows(TERMINATE).await;
        recorder.record(factory.event()).await.unwrap();
        assert_eq!(world.number(count).await - before, 2 * nth);
        assert_eq!(world.store.breaker_state(), BreakerState::Closed);
    }
    let event = factory.event();
    recorder.record(event.clone()).await.unwrap();
    let twice = recorder.record(event).await.unwrap_err();
    assert_eq!(
        twice.fault,
        Fault::Duplicate,
        "a second time is a mistake without a cut"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_whose_connection_is_cut_runs_again() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let (runs, url) = (Arc::new(AtomicU32::new(0)), world.place.url());
    let (counted, users) = (
        Arc::clone(&runs),
        [Factory::new(13).user(), Factory::new(14).user()],
    );
    let planted = users.clone();
    run(&world.store, move |unit, _| {
        let (url, users) = (url.clone(), planted.clone());
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        Box::pin(async move {
            unit.users().insert(&users[0]).await?;
            if first {
                let somebody = outside(&url).await;
                let cut = sea_orm::ConnectionTrait::execute_unprepared(&somebody, TERMINATE).await;
                assert!(cut.unwrap().rows_affected() > 0);
            }
            unit.users().insert(&users[1]).await
        })
    })
    .await
    .unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    let mut unit = world.unit().await;
    for user in &users {
        assert!(unit.users().find(HOME, user.id).await.unwrap().is_some());
    }
}

struct Reload {
    store: SeaStore,
    keyring: Arc<Keyring>,
}

#[async_trait]
impl KeyReloader for Reload {
    async fn reload(&self) -> bool {
        keys(&self.store, &self.keyring, &Ambient::system())
            .reload()
            .await
            .is_ok()
    }
}

fn keys<'a>(store: &'a SeaStore, keyring: &'a Keyring, ambient: &'a Ambient) -> Keys<'a> {
    Keys {
        units: store,
        reader: store,
        wrapper: Box::leak(Box::new(wrapper())),
        keyring,
        ambient,
        settle: vutf_crypto_keys::destruction::SETTLE,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_another_replica_made_is_loaded_on_the_way() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let (replica, ring) = world.replica().await;
    keys(&replica, &ring, &Ambient::system())
        .rotate(&ctx_in(HOME), &Target::Purpose(Purpose::field("passwords")))
        .await
        .unwrap();
    let mut factory = Factory::new(15);
    let user = stored_user(&replica, &mut factory).await;
    let password = factory.password(&user);
    run(&replica, move |unit, _| {
        let password = password.clone();
        Box::pin(async move { unit.passwords().put(&password).await })
    })
    .await
    .unwrap();
    let find = async || {
        run(&world.store, move |unit, _| {
            Box::pin(async move { unit.passwords().find(HOME, user.id).await })
        })
        .await
    };
    assert_eq!(
        find().await.unwrap_err().fault,
        Fault::KeyNotLoaded,
        "nobody can load it"
    );
    world.store.set_key_reloader(Arc::new(Reload {
        store: world.store.clone(),
        keyring: Arc::clone(&world.keyring),
    }));
    assert!(find().await.unwrap().is_some());
    assert!(find().await.unwrap().is_some(), "and it stays loaded");
}

/// A server that the test may stop. `None` when the machine has none of its own.
fn own_server() -> Option<Postgres> {
    require_postgres()?;
    if find_binaries().missing().contains(&Component::Postgres) {
        return None;
    }
    Some(Postgres::start(&PostgresOptions::default()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_breaker_opens_when_the_server_stops_and_closes_when_it_is_back() {
    let Some(mut server) = own_server() else { return };
    let quick = StoreOptions {
        acquire_timeout: Duration::from_millis(250),
        breaker: BreakerOptions {
            failures: 3,
            cool_down: Duration::from_millis(200),
        },
        ..options(&server.url())
    };
    let (store, _) = connect(&quick).await;
    store.migrate_up().await.unwrap();
    let begin = async || Units::<Unit>::begin(&store).await.map(drop);
    begin().await.unwrap();
    server.stop();
    let mut calls = 0;
    while store.breaker_state() == BreakerState::Closed {
        assert_eq!(begin().await.unwrap_err().fault, Fault::Unreachable);
        calls += 1;
        assert!(calls < 50, "it stays closed");
    }
    let refused = begin().await.unwrap_err();
    assert_eq!(refused.fault, Fault::Unreachable);
    assert!(refused.chain().contains("circuit breaker"), "{}", refused.chain());

    server.restart().unwrap();
    for _ in 0..400 {
        if begin().await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.breaker_state(), BreakerState::Closed);
    begin().await.unwrap();
}
