//! What every adapter of the cache port must do.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a contract that is broken fails the test that runs it"
)]

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;
use vutf_kernel::{Cache, RateLimit};

use super::unique;

const LONG: Duration = Duration::from_mins(1);

/// Runs the whole suite.
///
/// # Panics
/// Where the contract is broken.
pub async fn cache_contract(cache: Arc<dyn Cache>) {
    cache.ping().await.expect("a cache under test answers");
    assert!(!cache.technology().is_empty());
    values_are_kept_replaced_and_removed(&*cache).await;
    values_are_any_bytes(&*cache).await;
    keys_are_any_text(&*cache).await;
    values_expire(&*cache).await;
    claims_expire(&*cache).await;
    kinds_do_not_meet(&*cache).await;
    one_of_many_claims(&cache).await;
    exactly_the_burst_is_allowed(&cache).await;
    a_refusal_says_when_to_come_back(&*cache).await;
}

async fn values_are_kept_replaced_and_removed(cache: &dyn Cache) {
    let key = unique("value");
    assert_eq!(cache.fetch(&key).await.unwrap(), None);
    cache.put(&key, b"one", LONG).await.unwrap();
    assert_eq!(cache.fetch(&key).await.unwrap().as_deref(), Some(&b"one"[..]));
    cache.put(&key, b"two", LONG).await.unwrap();
    assert_eq!(cache.fetch(&key).await.unwrap().as_deref(), Some(&b"two"[..]));
    cache.remove(&key).await.unwrap();
    assert_eq!(cache.fetch(&key).await.unwrap(), None);
    cache
        .remove(&key)
        .await
        .expect("removing what is not there is no error");
}

async fn values_are_any_bytes(cache: &dyn Cache) {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let large: Vec<u8> = every_byte.iter().copied().cycle().take(1 << 20).collect();
    for value in [Vec::new(), vec![0], b"\r\n$-1\r\n".to_vec(), every_byte, large] {
        let key = unique("bytes");
        cache.put(&key, &value, LONG).await.unwrap();
        let kept = cache.fetch(&key).await.unwrap();
        assert!(
            kept.as_deref() == Some(&value[..]),
            "{} bytes came back changed",
            value.len()
        );
        cache.remove(&key).await.unwrap();
    }
}

async fn keys_are_any_text(cache: &dyn Cache) {
    let base = unique("key");
    let odd = [
        "",
        " ",
        "a b",
        "nul\0",
        "line\r\nbreak",
        "ü😀",
        "*",
        "{slot}",
        "../x",
        ":",
    ];
    let mut keys: Vec<String> = odd.iter().map(|odd| format!("{base}{odd}")).collect();
    keys.push(format!("{base}{}", "k".repeat(10_000)));
    for (number, key) in keys.iter().enumerate() {
        cache.put(key, &number.to_be_bytes(), LONG).await.unwrap();
    }
    for (number, key) in keys.iter().enumerate() {
        let kept = cache.fetch(key).await.unwrap();
        assert_eq!(kept.as_deref(), Some(&number.to_be_bytes()[..]), "{key:?}");
        cache.remove(key).await.unwrap();
    }
}

async fn values_expire(cache: &dyn Cache) {
    let (short, long) = (unique("short"), unique("long"));
    cache.put(&short, b"v", Duration::from_millis(40)).await.unwrap();
    cache
        .put(&long, b"v", Duration::from_hours(24 * 3_650))
        .await
        .unwrap();
    eventually("the value expires", async || {
        cache.fetch(&short).await.unwrap().is_none()
    })
    .await;
    assert!(cache.fetch(&long).await.unwrap().is_some());
    cache.put(&long, b"v", Duration::ZERO).await.unwrap();
    assert_eq!(
        cache.fetch(&long).await.unwrap(),
        None,
        "a time to live of zero is over at once"
    );
}

async fn claims_expire(cache: &dyn Cache) {
    let key = unique("claim");
    assert!(cache.claim(&key, Duration::from_millis(40)).await.unwrap());
    eventually("the claim expires", async || {
        cache.claim(&key, LONG).await.unwrap()
    })
    .await;
    assert!(!cache.claim(&key, LONG).await.unwrap());
}

/// A value, a claim and a rate under one name are three things.
async fn kinds_do_not_meet(cache: &dyn Cache) {
    let key = unique("kinds");
    let limit = RateLimit {
        burst: 1,
        period: LONG,
    };
    cache.put(&key, b"value", LONG).await.unwrap();
    assert!(cache.claim(&key, LONG).await.unwrap());
    assert!(cache.spend(&key, limit).await.unwrap().allowed);
    assert_eq!(cache.fetch(&key).await.unwrap().as_deref(), Some(&b"value"[..]));
    cache.remove(&key).await.unwrap();
    assert!(!cache.claim(&key, LONG).await.unwrap());
}

async fn one_of_many_claims(cache: &Arc<dyn Cache>) {
    let key = unique("race");
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let (cache, key) = (Arc::clone(cache), key.clone());
        tasks.spawn(async move { cache.claim(&key, LONG).await.unwrap() });
    }
    let winners = tasks.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(winners, 1);
}

async fn exactly_the_burst_is_allowed(cache: &Arc<dyn Cache>) {
    for burst in [1, 7, 50] {
        let key = unique("spend");
        // So long a period that nothing refills while the test runs.
        let limit = RateLimit {
            burst,
            period: Duration::from_hours(24),
        };
        let mut tasks = JoinSet::new();
        for _ in 0..200 {
            let (cache, key) = (Arc::clone(cache), key.clone());
            tasks.spawn(async move { cache.spend(&key, limit).await.unwrap() });
        }
        let decisions = tasks.join_all().await;
        let mut remaining: Vec<u32> = decisions
            .iter()
            .filter(|decision| decision.allowed)
            .map(|decision| decision.remaining)
            .collect();
        remaining.sort_unstable();
        assert_eq!(
            remaining,
            (0..burst).collect::<Vec<_>>(),
            "each allowed call sees its own remainder"
        );
    }
}

async fn a_refusal_says_when_to_come_back(cache: &dyn Cache) {
    let key = unique("retry");
    let limit = RateLimit {
        burst: 2,
        period: Duration::from_millis(400),
    };
    let first = cache.spend(&key, limit).await.unwrap();
    assert!(first.allowed && first.retry_after.is_zero() && first.reset_after <= limit.period);
    assert!(cache.spend(&key, limit).await.unwrap().allowed);
    let mut refused = cache.spend(&key, limit).await.unwrap();
    // A machine under load may have let an interval pass already.
    while refused.allowed {
        refused = cache.spend(&key, limit).await.unwrap();
    }
    assert_eq!(refused.remaining, 0);
    assert!(
        !refused.retry_after.is_zero() && refused.retry_after <= limit.period,
        "{refused:?}"
    );
    eventually("a call is allowed again", async || {
        cache.spend(&key, limit).await.unwrap().allowed
    })
    .await;
}

/// Asks again and again; how long it takes is the machine's matter.
async fn eventually(what: &str, ask: impl AsyncFn() -> bool) {
    for _ in 0..3_000 {
        if ask().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within half a minute");
}
