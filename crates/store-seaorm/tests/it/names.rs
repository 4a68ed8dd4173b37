//! A name belongs to one account, also while the key of its index is being rotated.

use tokio::task::JoinSet;
use vutf_app::{UnitOfWork, keys::Keys};
use vutf_crypto_keys::{
    KeyReader as _, KeyRecord, Keyring, Purpose, Reason, ReasonCode, commit_new,
    succession::{commit_transitions, plan_activation, plan_next},
};
use vutf_identity::{LoginName, User};
use vutf_kernel::{Ambient, Env, Fault, OrganizationId, PortError, Units, transact};
use vutf_store_seaorm::SeaStore;
use vutf_testkit::factory::Factory;

use crate::world::{World, ctx_in, wrapper};

on_both!(
    of_many_who_want_one_name_during_a_rotation_one_gets_it,
    a_name_is_found_under_every_version_and_is_taken_under_every_version
);

const HOME: OrganizationId = OrganizationId::DEFAULT;
const RACERS: usize = 32;

async fn records(store: &SeaStore) -> Vec<KeyRecord> {
    store.list(Some(HOME)).await.unwrap()
}

async fn reload(store: &SeaStore, keyring: &Keyring) {
    let keys = Keys {
        units: store,
        reader: store,
        wrapper: &wrapper(),
        keyring,
        ambient: &Ambient::system(),
        settle: vutf_crypto_keys::destruction::SETTLE,
    };
    keys.reload().await.unwrap();
}

/// The next version of the index of addresses, which nobody writes under yet.
async fn make_next(world: &World) -> KeyRecord {
    let existing = records(&world.store).await;
    let tenant = existing
        .iter()
        .find(|record| record.purpose == Purpose::Tenant)
        .unwrap();
    let ambient = Ambient::system();
    let mut entropy = ambient.entropy();
    let mut env = Env {
        clock: ambient.clock(),
        entropy: &mut *entropy,
    };
    let email = Purpose::index("users", "email");
    let next = plan_next(&mut env, &world.keyring, &existing, tenant, &email, false, None).unwrap();
    let mut unit = world.unit().await;
    commit_new(&ctx_in(HOME), &mut env, &mut *unit, std::slice::from_ref(&next))
        .await
        .unwrap();
    unit.commit().await.unwrap();
    next
}

async fn activate(world: &World, next: &KeyRecord) {
    let ambient = Ambient::system();
    let mut entropy = ambient.entropy();
    let mut env = Env {
        clock: ambient.clock(),
        entropy: &mut *entropy,
    };
    let existing = records(&world.store).await;
    let reason: Reason = ReasonCode::Superseded.into();
    let changes = plan_activation(&world.keyring, env.now(), &existing, next, reason)
        .unwrap()
        .unwrap();
    let mut unit = world.unit().await;
    commit_transitions(&ctx_in(HOME), &mut env, &mut *unit, &changes)
        .await
        .unwrap();
    unit.commit().await.unwrap();
}

async fn register(store: &SeaStore, user: User) -> Result<(), PortError> {
    let units: &dyn Units<dyn UnitOfWork> = store;
    transact(
        units,
        &Ambient::system(),
        move |unit: &mut (dyn UnitOfWork + 'static), _| {
            let user = user.clone();
            Box::pin(async move { unit.users().insert(&user).await })
        },
    )
    .await
}

async fn of_many_who_want_one_name_during_a_rotation_one_gets_it(world: World) {
    let mut factory = Factory::new(0x1DE);
    // Both replicas know the version before it is active; one of them learns later that it is.
    let next = make_next(&world).await;
    let (late, late_ring) = world.replica().await;
    reload(&world.store, &world.keyring).await;
    activate(&world, &next).await;
    reload(&world.store, &world.keyring).await;
    let written = |ring: &Keyring| ring.blind_index(HOME, "users", "email", b"x").unwrap().version;
    assert_eq!((written(&world.keyring), written(&late_ring)), (2, 1));

    for _ in 0..4 {
        let wanted = factory.user().email;
        let mut racers = JoinSet::new();
        for racer in 0..RACERS {
            let user = User {
                email: wanted.clone(),
                ..factory.user()
            };
            let store = if racer % 2 == 0 {
                world.store.clone()
            } else {
                late.clone()
            };
            racers.spawn(async move { register(&store, user).await });
        }
        let answers = racers.join_all().await;
        let won = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(won, 1, "{answers:?}");
        let told = answers.iter().filter_map(|answer| answer.as_ref().err());
        assert!(told.into_iter().all(|error| error.fault == Fault::Duplicate));
    }
    assert_eq!(world.number("SELECT COUNT(*) FROM users").await, 4);
    // Of those who lost nothing is left, no key either.
    let keys = world
        .number("SELECT COUNT(*) FROM crypto_keys WHERE subject_id IS NOT NULL")
        .await;
    assert_eq!(keys, 4);
}

async fn a_name_is_found_under_every_version_and_is_taken_under_every_version(world: World) {
    let mut factory = Factory::new(0x1DF);
    let (old, new) = (factory.user(), factory.user());
    register(&world.store, old.clone()).await.unwrap();
    let next = make_next(&world).await;
    reload(&world.store, &world.keyring).await;
    let (late, _) = world.replica().await;
    activate(&world, &next).await;
    reload(&world.store, &world.keyring).await;
    register(&world.store, new.clone()).await.unwrap();
    let versions = "SELECT COUNT(DISTINCT email_bidx_ver) FROM users";
    assert_eq!(world.number(versions).await, 2);
    for store in [&world.store, &late] {
        for user in [&old, &new] {
            let units: &dyn Units<dyn UnitOfWork> = store;
            let mut unit = units.begin().await.unwrap();
            let name = LoginName::Email(user.email.clone());
            let found = unit.users().find_by_login(HOME, &name).await.unwrap();
            assert_eq!(found.as_ref(), Some(user));
            unit.rollback().await.unwrap();
            let impostor = User {
                email: user.email.clone(),
                ..factory.user()
            };
            let refused = register(store, impostor).await.unwrap_err();
            assert_eq!(refused.fault, Fault::Duplicate);
        }
    }
}
