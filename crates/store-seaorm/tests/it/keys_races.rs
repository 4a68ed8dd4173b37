//! Several at once: exactly one does it, and the registry is whole afterwards.

use std::sync::Arc;

use tokio::task::JoinSet;
use vutf_app::keys::{KeysError, Target};
use vutf_crypto_keys::{
    ApprovalState, FieldRef, KeyReader as _, KeyRecord, KeyState, LifecycleReader as _, Purpose, ReasonCode,
};
use vutf_kernel::{Fault, OsEntropy};

use crate::{
    keys_world::{HOME, Handles, custodian, events, named},
    world::World,
};

on_both!(
    of_many_rotations_of_a_key_one_is_done,
    of_many_approvals_one_destroys,
    either_it_is_approved_or_rejected,
    a_change_of_state_and_a_rotation_do_not_both_happen_to_one_row,
    nothing_is_sealed_under_a_key_that_is_being_destroyed,
    of_many_first_keys_one_is_made
);

const EMAIL: FieldRef<'static> = FieldRef {
    organization_id: HOME,
    table: "users",
    column: "email",
    row: b"r",
    subject: None,
};

/// Runs `work` for each number at once; answers what came of it. Who waits too long for the one writer of SQLite is told so,
/// and asks again.
async fn at_once<T, F>(
    world: &Arc<World>,
    many: u8,
    work: impl Fn(Arc<World>, Arc<Handles>, u8) -> F + Copy + Send + 'static,
) -> Vec<Result<T, KeysError>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, KeysError>> + Send,
{
    let handles = Arc::new(Handles::new());
    let mut tasks = JoinSet::new();
    for number in 1..=many {
        let (world, handles) = (Arc::clone(world), Arc::clone(&handles));
        tasks.spawn(async move {
            loop {
                match work(Arc::clone(&world), Arc::clone(&handles), number).await {
                    Err(KeysError::Port(error)) if error.fault == Fault::Contention => {}
                    done => return done,
                }
            }
        });
    }
    tasks.join_all().await
}

async fn versions(world: &World, purpose: &Purpose) -> Vec<KeyRecord> {
    let mut found = world.store.list(Some(HOME)).await.unwrap();
    found.retain(|record| record.purpose == *purpose);
    found.sort_by_key(|record| record.version);
    found
}

async fn of_many_rotations_of_a_key_one_is_done(world: World) {
    let world = Arc::new(world);
    let all = at_once(&world, 32, |world, handles, number| async move {
        let first = versions(&world, &Purpose::field("users")).await.remove(0);
        let target = Target::Key(first.id);
        handles.keys(&world).rotate(&custodian(number), &target).await
    })
    .await;
    let (done, told): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 1);
    for error in told {
        assert!(matches!(error, Err(KeysError::RotatedMeanwhile)), "{error:?}");
    }
    let versions = versions(&world, &Purpose::field("users")).await;
    let states: Vec<_> = versions.iter().map(|record| record.state).collect();
    assert_eq!(states, [KeyState::Deactivated, KeyState::Active]);
    assert_eq!(events(&world, "key.rotate", "success").await, 1);
}

async fn of_many_approvals_one_destroys(world: World) {
    let handles = Handles::new();
    let key = handles.retired(&world, "orders").await;
    let request = handles.ask(&world, &key).await.id;
    let world = Arc::new(world);
    let all = at_once(&world, 8, move |world, handles, number| async move {
        handles
            .keys(&world)
            .approve(&custodian(number + 1), request)
            .await
    })
    .await;
    for done in all {
        assert_eq!(
            done.unwrap().state,
            KeyState::Destroyed,
            "whoever approves sees it done"
        );
    }
    // One destroys it; each has an answer, and so an event.
    for (action, times) in [("key.destroy", 1), ("key.destroy_approve", 8)] {
        assert_eq!(events(&world, action, "success").await, times, "{action}");
    }
}

async fn either_it_is_approved_or_rejected(world: World) {
    let world = Arc::new(world);
    for round in 0..4 {
        let handles = Handles::new();
        let key = handles.retired(&world, &format!("orders-{round}")).await;
        let request = handles.ask(&world, &key).await.id;
        let all = at_once(&world, 8, move |world, handles, number| async move {
            let keys = handles.keys(&world);
            if number % 2 == 0 {
                keys.approve(&custodian(number + 1), request)
                    .await
                    .map(|_| ApprovalState::Approved)
            } else {
                keys.reject(&custodian(number + 1), request)
                    .await
                    .map(|_| ApprovalState::Rejected)
            }
        })
        .await;
        let decided = world.store.approval(request).await.unwrap().unwrap().state;
        let mut done: Vec<_> = all.into_iter().filter_map(Result::ok).collect();
        done.dedup();
        assert_eq!(done, [decided], "whoever was told otherwise was told an error");
        let expected = match decided {
            ApprovalState::Approved => KeyState::Destroyed,
            _ => KeyState::Deactivated,
        };
        assert_eq!(handles.record(&world, &key).await.state, expected);
    }
}

async fn a_change_of_state_and_a_rotation_do_not_both_happen_to_one_row(world: World) {
    let handles = Handles::new();
    let world = Arc::new(world);
    for round in 0..4 {
        let purpose = named(&format!("orders-{round}"));
        let key = handles.create(&world, &purpose, true).await.id;
        let all = at_once(&world, 8, move |world, handles, number| async move {
            let keys = handles.keys(&world);
            let who = custodian(number);
            if number % 2 == 0 {
                keys.rotate(&who, &Target::Key(key)).await
            } else {
                let reason = ReasonCode::KeyCompromise.into();
                keys.transition(&who, key, KeyState::Compromised, &reason).await
            }
        })
        .await;
        assert!(all.iter().any(Result::is_ok));
        let versions = versions(&world, &purpose).await;
        let active = versions.iter().filter(|record| record.state == KeyState::Active);
        assert_eq!(active.count(), 1, "{versions:?}");
        for record in &versions {
            let lines = world.store.transitions(record.id).await.unwrap();
            assert_eq!(lines.last().unwrap().to, record.state);
            assert!(lines.windows(2).all(|pair| pair[1].from == Some(pair[0].to)));
        }
    }
    assert!(handles.start(&world).await.is_ok());
}

async fn nothing_is_sealed_under_a_key_that_is_being_destroyed(world: World) {
    let handles = Handles::new();
    let world = Arc::new(world);
    let sealing = {
        let ring = Arc::clone(&world.keyring);
        tokio::task::spawn_blocking(move || {
            let mut sealed = Vec::new();
            loop {
                let one = ring.seal(&EMAIL, b"x", &mut OsEntropy).unwrap();
                // Until the third version protects.
                let newest = one[20..24] == [0, 0, 0, 3];
                sealed.push(one);
                if newest {
                    return sealed;
                }
            }
        })
    };
    for _version in 0..2 {
        let keys = handles.keys(&world);
        let users = Purpose::field("users");
        keys.rotate(&custodian(1), &Target::Purpose(users)).await.unwrap();
    }
    let sealed = sealing.await.unwrap();
    let first = versions(&world, &Purpose::field("users")).await.remove(0);
    let request = handles.ask(&world, &first).await;
    let during = {
        let ring = Arc::clone(&world.keyring);
        tokio::task::spawn_blocking(move || {
            (0..2_000)
                .map(|_| ring.seal(&EMAIL, b"x", &mut OsEntropy).unwrap())
                .collect::<Vec<_>>()
        })
    };
    handles
        .keys(&world)
        .approve(&custodian(2), request.id)
        .await
        .unwrap();
    for one in sealed.iter().chain(&during.await.unwrap()) {
        let opened = world.keyring.open(&EMAIL, one);
        let under_first = one[20..24] == [0, 0, 0, 1];
        assert_eq!(opened.is_ok(), !under_first, "{opened:?}");
    }
}

async fn of_many_first_keys_one_is_made(world: World) {
    let world = Arc::new(world);
    let all = at_once(&world, 8, |world, handles, number| async move {
        let new = vutf_app::keys::NewKey {
            purpose: named("orders"),
            activate: true,
            not_after: None,
        };
        handles.keys(&world).create(&custodian(number), new).await
    })
    .await;
    let (done, told): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 1);
    assert!(
        told.iter()
            .all(|error| matches!(error, Err(KeysError::Exists(_)))),
        "{told:?}"
    );
    assert_eq!(versions(&world, &named("orders")).await.len(), 1);
}
