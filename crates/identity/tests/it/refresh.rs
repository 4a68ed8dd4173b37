use std::{collections::HashSet, sync::Arc, time::Duration};

use vutf_identity::{
    session::{
        SignedIn,
        logout::logout,
        refresh::{Refresh, RefreshError, refresh},
    },
    user::{
        lock::{Lock, lock},
        revoke_sessions::{RevokeSessions, revoke_sessions},
    },
};
use vutf_kernel::{Class, Secret};

use crate::support::{World, anonymous, operator, secret};

async fn use_token(world: &World, token: &Secret<String>) -> Result<SignedIn, RefreshError> {
    let command = Refresh {
        refresh_token: token.clone(),
    };
    refresh(&anonymous(), &world.id, command).await
}

async fn refused(world: &World, token: &Secret<String>) {
    let error = use_token(world, token).await.unwrap_err();
    assert_eq!(
        (error.class(), error.code()),
        (Class::Unauthenticated, "invalid_grant")
    );
}

#[tokio::test]
async fn a_token_is_exchanged_for_its_successor() {
    let world = World::new();
    world.user("ada", &[]).await;
    let first = world.login("ada").await;
    let second = use_token(&world, &first.refresh_token).await.unwrap();
    assert_eq!(second.session_id, first.session_id);
    assert_ne!(second.refresh_token, first.refresh_token);
    assert!(world.is_live(&second).await);
    let third = use_token(&world, &second.refresh_token).await.unwrap();
    assert_ne!(third.refresh_token, second.refresh_token);
    assert_eq!(world.successes("session.refresh"), 2);
}

#[tokio::test]
async fn a_retry_within_the_grace_gets_the_same_successor() {
    let world = World::new();
    world.user("ada", &[]).await;
    let first = world.login("ada").await;
    let second = use_token(&world, &first.refresh_token).await.unwrap();
    world.pass(Duration::from_secs(10));
    let again = use_token(&world, &first.refresh_token).await.unwrap();
    assert_eq!(again.refresh_token, second.refresh_token);
    assert_eq!(world.store.live_heads(), 1);
}

#[tokio::test]
async fn within_the_grace_only_the_heads_predecessor_is_answered() {
    let world = World::new();
    world.user("ada", &[]).await;
    let first = world.login("ada").await;
    let second = use_token(&world, &first.refresh_token).await.unwrap();
    world.pass(Duration::from_secs(4));
    let third = use_token(&world, &second.refresh_token).await.unwrap();
    refused(&world, &first.refresh_token).await;
    assert_eq!(world.refusals("session.refresh"), ["superseded_token"]);
    let again = use_token(&world, &second.refresh_token).await.unwrap();
    assert_eq!(again.refresh_token, third.refresh_token);
    assert!(world.is_live(&third).await, "a straggler ended the session");
    world.pass(Duration::from_micros(6_000_001));
    refused(&world, &first.refresh_token).await;
    assert_eq!(world.refusals("session.refresh_reuse"), ["refresh_reuse"]);
    assert!(!world.is_live(&third).await);
}

#[tokio::test]
async fn a_later_replay_ends_the_family_and_its_session() {
    let world = World::new();
    world.user("ada", &[]).await;
    let (stolen, other) = (world.login("ada").await, world.login("ada").await);
    let owner = use_token(&world, &stolen.refresh_token).await.unwrap();
    assert!(world.is_live(&owner).await);
    world.pass(Duration::from_micros(10_000_001));
    refused(&world, &stolen.refresh_token).await;
    refused(&world, &owner.refresh_token).await;
    assert!(!world.is_live(&owner).await);
    assert!(world.is_live(&other).await, "another sign-in was ended too");
    assert_eq!(world.refusals("session.refresh_reuse"), ["refresh_reuse"]);
    assert_eq!(world.refusals("session.refresh"), ["revoked"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_two_parallel_uses_leave_one_head() {
    let world = Arc::new(World::new());
    world.user("ada", &[]).await;
    let first = world.login("ada").await;
    let uses: Vec<_> = (0..32)
        .map(|_| {
            let (world, token) = (world.clone(), first.refresh_token.clone());
            tokio::spawn(async move { use_token(&world, &token).await.unwrap() })
        })
        .collect();
    let mut heads = HashSet::new();
    for one in uses {
        heads.insert(one.await.unwrap().refresh_token.expose().clone());
    }
    assert_eq!(heads.len(), 1);
    assert_eq!(world.store.live_heads(), 1);
    assert_eq!(world.successes("session.refresh"), 32);
}

#[tokio::test]
async fn it_dies_when_idle_and_at_its_absolute_end() {
    const DAY: Duration = Duration::from_hours(24);
    let world = World::new();
    world.user("ada", &[]).await;
    let idle = world.login("ada").await;
    let mut used = world.login("ada").await;
    for _ in 0..2 {
        world.pass(13 * DAY);
        used = use_token(&world, &used.refresh_token).await.unwrap();
    }
    refused(&world, &idle.refresh_token).await;
    world.pass((4 * DAY).saturating_sub(Duration::from_mins(1)));
    used = use_token(&world, &used.refresh_token).await.unwrap();
    assert_eq!(used.expires_in, Duration::from_mins(1), "it outlives its session");
    world.pass(Duration::from_mins(1));
    refused(&world, &used.refresh_token).await;
}

#[tokio::test]
async fn what_ends_a_session_ends_its_refresh_tokens() {
    let world = World::new();
    for (name, reason) in [("one", "revoked"), ("two", "revoked"), ("three", "revoked")] {
        let user_id = world.user(name, &[]).await.id;
        let signed_in = world.login(name).await;
        match name {
            "one" => logout(&world.ctx(&signed_in).await, &world.id).await.unwrap(),
            "two" => drop(lock(&operator(), &world.id, Lock { user_id }).await.unwrap()),
            _ => drop(
                revoke_sessions(&operator(), &world.id, RevokeSessions { user_id })
                    .await
                    .unwrap(),
            ),
        }
        assert!(!world.is_live(&signed_in).await, "{name}");
        refused(&world, &signed_in.refresh_token).await;
        assert_eq!(world.refusals("session.refresh").last().unwrap(), reason);
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused_and_logged() {
    let world = World::new();
    for text in [
        "",
        "vutf_rt_",
        "vutf_rt_short",
        "x",
        &format!("vutf_rt_{}", "A".repeat(43)),
    ] {
        refused(&world, &secret(text)).await;
    }
    let reasons = world.refusals("session.refresh");
    assert_eq!(reasons[..4], ["malformed_token"; 4]);
    assert_eq!(reasons[4], "unknown_token");
}
