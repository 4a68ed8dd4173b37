//! The adapter keeps the port's contract, and comes back from outages by itself.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

use std::{sync::Arc, time::Duration};

use vutf_cache_redis::{RedisCache, RedisOptions, Start};
use vutf_kernel::{
    BreakerOptions, BreakerState, Cache, Fault, PortError, RateLimit, Secret, memory::MemoryCache,
};
use vutf_testkit::{
    contracts::cache::cache_contract,
    servers::{Component, Redis, RedisOptions as ServerOptions, find_binaries, require_redis},
};

const QUICK: RedisOptions = RedisOptions {
    timeout: Duration::from_millis(250),
    connect_timeout: Duration::from_millis(500),
    start: Start::Require {
        deadline: Duration::from_secs(5),
    },
    breaker: BreakerOptions {
        failures: 3,
        cool_down: Duration::from_millis(100),
    },
};

async fn open(url: &str, options: RedisOptions) -> Result<RedisCache, PortError> {
    RedisCache::connect(&Secret::new(url.to_owned()), options).await
}

/// A server that the test may stop. `None` when the machine has none: `require_redis` has said so then.
fn own_server() -> Option<Redis> {
    require_redis()?;
    if find_binaries().missing().contains(&Component::Redis) {
        return None;
    }
    Some(Redis::start(ServerOptions::default()).unwrap())
}

async fn recovers(cache: &RedisCache) -> bool {
    for _ in 0..100 {
        if cache.ping().await.is_ok() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

/// Shows that every failure is the right one, and that most cost nothing because the breaker is open.
async fn fails_fast(cache: &RedisCache) {
    let limit = RateLimit {
        burst: 1,
        period: Duration::from_secs(1),
    };
    let mut errors = Vec::new();
    for _ in 0..20 {
        errors.push(cache.fetch("k").await.unwrap_err());
        errors.push(cache.claim("k", Duration::from_secs(1)).await.unwrap_err());
        errors.push(cache.spend("k", limit).await.unwrap_err());
    }
    assert!(errors.iter().all(|error| error.fault == Fault::Unreachable));
    let free = errors
        .iter()
        .filter(|error| error.chain().contains("circuit breaker of cache is open"));
    assert!(free.count() > errors.len() / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_keeps_the_contract() {
    let Some(url) = require_redis() else { return };
    cache_contract(Arc::new(
        open(
            url,
            RedisOptions {
                timeout: Duration::from_secs(5),
                ..QUICK
            },
        )
        .await
        .unwrap(),
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_the_contract() {
    cache_contract(Arc::new(MemoryCache::default())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_is_unreachable_at_once_and_used_again_when_it_is_back() {
    let Some(mut server) = own_server() else { return };
    let cache = open(&server.url(), QUICK).await.unwrap();
    cache.put("k", b"v", Duration::from_mins(1)).await.unwrap();
    for _ in 0..3 {
        server.stop();
        fails_fast(&cache).await;
        assert_ne!(cache.breaker_state(), BreakerState::Closed);
        server.restart_on_same_port().unwrap();
        assert!(recovers(&cache).await);
        assert_eq!(cache.breaker_state(), BreakerState::Closed);
        assert!(cache.claim("again", Duration::from_mins(1)).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_unreachable_and_used_again_when_it_goes_on() {
    let Some(mut server) = own_server() else { return };
    let cache = open(&server.url(), QUICK).await.unwrap();
    server.pause().unwrap();
    fails_fast(&cache).await;
    server.resume().unwrap();
    assert!(recovers(&cache).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_degraded_when_told_so_and_fails_to_start_when_not() {
    let Some(mut server) = own_server() else { return };
    let url = server.url();
    server.stop();
    let strict = RedisOptions {
        start: Start::Require {
            deadline: Duration::from_millis(300),
        },
        ..QUICK
    };
    assert_eq!(open(&url, strict).await.unwrap_err().fault, Fault::Unreachable);
    let cache = open(
        &url,
        RedisOptions {
            start: Start::Degraded,
            ..QUICK
        },
    )
    .await
    .unwrap();
    assert!(cache.ping().await.is_err());
    server.restart_on_same_port().unwrap();
    assert!(recovers(&cache).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_a_server_that_comes_later() {
    let Some(mut server) = own_server() else { return };
    let url = server.url();
    server.stop();
    // Somebody else listens there meanwhile, to see that a connection was tried and refused.
    let witness = tokio::net::TcpListener::bind(("127.0.0.1", server.port()))
        .await
        .unwrap();
    let patient = RedisOptions {
        start: Start::Require {
            deadline: Duration::from_mins(1),
        },
        ..QUICK
    };
    let waiting = tokio::spawn(async move { open(&url, patient).await });
    drop(witness.accept().await.unwrap());
    drop(witness);
    assert!(!waiting.is_finished());
    server.restart_on_same_port().unwrap();
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_shared_by_connections() {
    let Some(url) = require_redis() else { return };
    let first = open(url, QUICK).await.unwrap();
    let second = open(url, QUICK).await.unwrap();
    let key = vutf_testkit::contracts::unique("shared");
    assert!(first.claim(&key, Duration::from_mins(1)).await.unwrap());
    assert!(!second.claim(&key, Duration::from_mins(1)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_in_no_error() {
    for url in [
        "redis://:hunter2@127.0.0.1:1/0",
        "rediss://user:hunter2@127.0.0.1:1/0",
        "redis://:hunter2@[::1/0",
        "hunter2",
        "http://:hunter2@x/",
    ] {
        let options = RedisOptions {
            start: Start::Require {
                deadline: Duration::ZERO,
            },
            ..QUICK
        };
        let error = open(url, options).await.unwrap_err();
        assert!(
            !format!("{error:?}{}", error.chain()).contains("hunter2"),
            "{error:?}"
        );
    }
    let cache = open(
        "redis://:hunter2@127.0.0.1:1/0",
        RedisOptions {
            start: Start::Degraded,
            ..QUICK
        },
    )
    .await
    .unwrap();
    let error = cache.fetch("k").await.unwrap_err();
    assert!(!format!("{cache:?}{error:?}{}", error.chain()).contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_unreachable() {
    let Some(server) = own_server() else { return };
    let url = format!("redis://:wrong@127.0.0.1:{}/0", server.port());
    let cache = open(
        &url,
        RedisOptions {
            start: Start::Degraded,
            ..QUICK
        },
    )
    .await
    .unwrap();
    assert_eq!(cache.ping().await.unwrap_err().fault, Fault::Unreachable);
}
