use std::time::Duration;

use vutf_identity::{
    guard::GuardKey,
    session::login::LoginError,
    user::{
        disable::{Disable, disable},
        lock::{Lock, lock},
        unlock::{Unlock, unlock},
    },
};
use vutf_kernel::{Class, OrganizationId};

use crate::support::{PASSWORD, World, operator};

fn refused<T>(answer: Result<T, LoginError>) {
    let error = answer.err().unwrap();
    assert!(matches!(error, LoginError::Refused), "{error:?}");
    assert_eq!(
        (error.class(), error.code()),
        (Class::Unauthenticated, "invalid_credentials")
    );
    assert_eq!(error.to_string(), "the username or the password is not right");
}

#[tokio::test]
async fn by_name_or_address_in_any_case() {
    let world = World::new();
    let user = world.user("ada", &[]).await;
    for name in ["ada", "ADA", "ada@example.org", "Ada@Example.ORG"] {
        assert_eq!(world.login(name).await.user_id, user.id);
    }
    assert_eq!(world.successes("session.login"), 4);
}

#[tokio::test]
async fn every_refusal_looks_the_same_to_the_caller_and_differs_in_the_log() {
    let world = World::new();
    for (name, verb) in [("locked", 1), ("disabled", 2), ("barred", 0)] {
        let user_id = world.user(name, &[]).await.id;
        match verb {
            1 => drop(lock(&operator(), &world.id, Lock { user_id }).await.unwrap()),
            2 => drop(
                disable(&operator(), &world.id, Disable { user_id })
                    .await
                    .unwrap(),
            ),
            _ => {}
        }
    }
    refused(world.try_login("nobody", PASSWORD).await);
    refused(world.try_login("no such name!", PASSWORD).await);
    refused(world.try_login("locked", PASSWORD).await);
    refused(world.try_login("disabled", PASSWORD).await);
    refused(world.try_login("barred", &"x".repeat(5_000)).await);
    for _ in 0..4 {
        refused(world.try_login("barred", "wrong").await);
    }
    refused(world.try_login("barred", PASSWORD).await);
    let mut expected = vec!["unknown_account", "unknown_account", "locked", "disabled"];
    expected.extend(["wrong_password"; 5]);
    expected.push("barred");
    assert_eq!(world.refusals("session.login"), expected);
}

#[tokio::test]
async fn after_five_failures_it_waits_and_success_forgets_them() {
    let world = World::new();
    world.user("ada", &[]).await;
    for _ in 0..4 {
        refused(world.try_login("ada", "wrong").await);
    }
    world.login("ada").await;
    for _ in 0..5 {
        refused(world.try_login("ada", "wrong").await);
    }
    refused(world.try_login("ada", PASSWORD).await);
    world.pass(Duration::from_secs(30));
    world.login("ada").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_guesses_never_outrun_the_counter() {
    let world = std::sync::Arc::new(World::new());
    world.user("ada", &[]).await;
    let guesses: Vec<_> = (0..32)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { refused(world.try_login("ada", "wrong").await) })
        })
        .collect();
    for guess in guesses {
        guess.await.unwrap();
    }
    let reasons = world.refusals("session.login");
    let checked = reasons
        .iter()
        .filter(|reason| *reason == "wrong_password")
        .count();
    assert_eq!((checked, reasons.len()), (5, 32));
}

#[tokio::test]
async fn unknown_names_are_counted_like_accounts() {
    let world = World::new();
    for name in [
        "nobody", "NOBODY", "Nobody", "noBody", "nobody", "nobody", "nobody",
    ] {
        refused(world.try_login(name, "wrong").await);
    }
    let mut unit = vutf_kernel::Units::begin(&*world.id.store).await.unwrap();
    let tag = world.id.names.hash(OrganizationId::DEFAULT, b"nobody").unwrap();
    let key = GuardKey::password_of_unknown(tag);
    let now = world.id.ambient.now();
    let state = unit
        .guards()
        .lock(OrganizationId::DEFAULT, &key, now)
        .await
        .unwrap();
    assert_eq!(state.failures, 5);
}

#[tokio::test]
async fn an_administrator_lifts_the_delays_but_not_a_disabled_password() {
    let world = World::new();
    let user_id = world.user("ada", &[]).await.id;
    let root = world.admin("root").await;
    let ctx = world.ctx(&world.login("root").await).await;
    assert_eq!(ctx.actor.user_id(), Some(root.id));
    for _ in 0..5 {
        refused(world.try_login("ada", "wrong").await);
    }
    unlock(&ctx, &world.id, Unlock { user_id }).await.unwrap();
    world.login("ada").await;
    // Nothing bars it now.
    assert_eq!(
        unlock(&ctx, &world.id, Unlock { user_id })
            .await
            .unwrap_err()
            .code(),
        "account_state"
    );
    while world
        .refusals("session.login")
        .last()
        .is_none_or(|reason| reason != "authenticator_disabled")
    {
        refused(world.try_login("ada", "wrong").await);
        world.pass(Duration::from_hours(1));
    }
    refused(world.try_login("ada", PASSWORD).await);
    let error = unlock(&ctx, &world.id, Unlock { user_id }).await.unwrap_err();
    assert_eq!(error.code(), "authenticator_disabled");
    unlock(&operator(), &world.id, Unlock { user_id }).await.unwrap();
    world.login("ada").await;
}

#[tokio::test]
async fn a_hash_with_old_parameters_is_replaced_at_sign_in() {
    use std::sync::Arc;
    use vutf_identity::{
        memory::InlineHasher,
        password::{Argon2Params, Argon2Scheme},
    };

    let mut world = World::new();
    let user = world.user("ada", &[]).await;
    let stored = async |world: &World| {
        let mut unit = vutf_kernel::Units::begin(&*world.id.store).await.unwrap();
        unit.passwords()
            .find(OrganizationId::DEFAULT, user.id)
            .await
            .unwrap()
            .unwrap()
    };
    let before = stored(&world).await;
    let params = Argon2Params::new(12_296, 3, 1).unwrap();
    world.id.hasher = Arc::new(InlineHasher::new(Argon2Scheme::new(params, 1)));
    refused(world.try_login("ada", "wrong").await);
    assert_eq!(stored(&world).await.phc, before.phc);
    world.login("ada").await;
    let after = stored(&world).await;
    assert!(after.phc.expose().contains("m=12296,t=3,p=1"));
    assert_eq!(after.changed_at, before.changed_at);
    world.login("ada").await;
}
