//! When a key is to be rotated.

use std::{collections::HashMap, time::Duration};

use vutf_crypto_keys::{
    KeyRecord, KeyState, KeysetPolicy, Purpose, ServiceUse, Usage,
    due::{Why, due, ending, to_reencrypt},
};
use vutf_kernel::{Clock as _, KeyId, SystemClock, Timestamp};

use crate::world::{HOME, World, world};

const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);

fn in_days(days: u32) -> Timestamp {
    SystemClock.now().plus(DAY * days)
}

async fn names(world: &World, now: Timestamp, usage: &[(KeyId, Usage)]) -> Vec<(String, Why, bool)> {
    let registry = world.registry().await;
    let usage: HashMap<_, _> = usage.iter().copied().collect();
    due(now, &registry.keys, &usage, &registry.keysets)
        .into_iter()
        .map(|due| (due.purpose.to_string(), due.why, due.alone))
        .collect()
}

#[tokio::test]
async fn keys_are_due_at_the_end_of_the_period_of_their_purpose() {
    let world = world().await;
    assert!(names(&world, in_days(89), &[]).await.is_empty());
    let data = names(&world, in_days(91), &[]).await;
    assert!(!data.is_empty());
    for (purpose, why, alone) in &data {
        assert!(purpose.starts_with("field:"), "{purpose}");
        assert_eq!((*why, *alone), (Why::Age, true));
    }
    let all = names(&world, in_days(366), &[]).await;
    let indexes = all
        .iter()
        .filter(|(purpose, ..)| purpose.starts_with("index:"))
        .count();
    assert_eq!(indexes, 0, "by hand only");
    assert!(all.contains(&("token-signing".into(), Why::Age, true)));
    assert!(
        all.contains(&("tenant".into(), Why::Age, false)),
        "a person decides when"
    );
}

#[tokio::test]
async fn the_end_is_exact_and_a_keyset_moves_it() {
    let world = world().await;
    let users = Purpose::field("users");
    let key = world.newest(&users).await;
    let end = key.not_after.unwrap();
    let is_due = |due: &[(String, Why, bool)]| due.iter().any(|(purpose, ..)| purpose == "field:users");
    assert!(!is_due(&names(&world, end.minus(SECOND), &[]).await));
    assert!(is_due(&names(&world, end, &[]).await));
    let policy = KeysetPolicy {
        cryptoperiod: Some(DAY),
        ..KeysetPolicy::default()
    };
    world.decide(&users, policy).await;
    let end = key.activated_at.unwrap().plus(DAY);
    assert!(!is_due(&names(&world, end.minus(SECOND), &[]).await));
    assert!(is_due(&names(&world, end, &[]).await));
}

#[tokio::test]
async fn keys_are_due_by_use() {
    let world = world().await;
    let users = Purpose::field("users");
    let id = world.newest(&users).await.id;
    let now = SystemClock.now();
    let used = |messages, bytes| [(id, Usage { messages, bytes })];
    assert!(names(&world, now, &used((1 << 30) - 1, 0)).await.is_empty());
    let due = names(&world, now, &used(1 << 30, 0)).await;
    assert_eq!(due, [("field:users".to_owned(), Why::Messages, true)]);
    let due = names(&world, now, &used(1, 1 << 40)).await;
    assert_eq!(due, [("field:users".to_owned(), Why::Bytes, true)]);
    let limit = Some(Usage {
        messages: 10,
        bytes: u64::MAX,
    });
    let policy = KeysetPolicy {
        limit,
        ..KeysetPolicy::default()
    };
    world.decide(&users, policy).await;
    assert!(names(&world, now, &used(9, 1 << 40)).await.is_empty());
    assert_eq!(names(&world, now, &used(10, 0)).await.len(), 1);
}

#[tokio::test]
async fn only_active_keys_are_due() {
    let world = world().await;
    let purpose = Purpose::service(ServiceUse::Encrypt, "orders");
    let key = world.create(&purpose, true).await;
    let end = key.not_after.unwrap();
    let listed = |due: &[(String, Why, bool)]| due.iter().any(|(purpose, ..)| purpose == "encrypt:orders");
    assert!(listed(&names(&world, end, &[]).await));
    for state in [
        KeyState::Suspended,
        KeyState::Deactivated,
        KeyState::Compromised,
        KeyState::Destroyed,
    ] {
        world.bring(&purpose, state).await;
        assert!(!listed(&names(&world, end, &[]).await), "{state}");
    }
}

#[tokio::test]
async fn those_that_nobody_rotates_by_themselves_are_announced_ahead() {
    let world = world().await;
    let registry = world.registry().await;
    let tenant = world.newest(&Purpose::Tenant).await;
    let now = tenant.not_after.unwrap().minus(DAY);
    let announced = ending(now, DAY, &registry.keys, &registry.keysets);
    assert!(announced.contains(&tenant.id));
    let signing = world.newest(&Purpose::TokenSigning).await;
    assert!(!announced.contains(&signing.id), "it rotates by itself");
    assert!(
        ending(
            now.minus(DAY),
            DAY.saturating_sub(SECOND),
            &registry.keys,
            &registry.keysets
        )
        .is_empty()
    );
}

#[tokio::test]
async fn what_a_compromised_version_protects_is_to_be_written_anew_until_the_minimum_is_above_it() {
    let world = world().await;
    let users = Purpose::field("users");
    world.rotate(&users).await;
    let wanted = |keys: &[KeyRecord], keysets: &[_]| to_reencrypt(keys, keysets).len();
    let registry = world.registry().await;
    assert_eq!(wanted(&registry.keys, &registry.keysets), 0);
    world.bring(&users, KeyState::Compromised).await;
    let registry = world.registry().await;
    let all = to_reencrypt(&registry.keys, &registry.keysets);
    assert!(all.contains(&(HOME, users.clone())) && all.len() == 1);
    world.rotate(&users).await;
    let policy = KeysetPolicy {
        minimum_version: 3,
        ..KeysetPolicy::default()
    };
    world.decide(&users, policy).await;
    let registry = world.registry().await;
    assert_eq!(wanted(&registry.keys, &registry.keysets), 0);
}
