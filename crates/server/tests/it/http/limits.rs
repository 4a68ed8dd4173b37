//! Rate limits, with the cache there and with it gone.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::json;
use vutf_kernel::{Cache, Fault, PortError, RateDecision, RateLimit};

use super::world::{World, bearer, get, post, world, world_over};

struct Gone;

fn gone<T>() -> Result<T, PortError> {
    Err(PortError::new("cache", Fault::Unreachable, "planted"))
}

#[async_trait]
impl Cache for Gone {
    async fn fetch(&self, _: &str) -> Result<Option<Vec<u8>>, PortError> {
        gone()
    }
    async fn put(&self, _: &str, _: &[u8], _: Duration) -> Result<(), PortError> {
        gone()
    }
    async fn remove(&self, _: &str) -> Result<(), PortError> {
        gone()
    }
    async fn claim(&self, _: &str, _: Duration) -> Result<bool, PortError> {
        gone()
    }
    async fn spend(&self, _: &str, _: RateLimit) -> Result<RateDecision, PortError> {
        gone()
    }
    async fn ping(&self) -> Result<(), PortError> {
        gone()
    }
    fn technology(&self) -> &'static str {
        "gone"
    }
}

const ON: [(&str, &str); 2] = [("rate_limit.enabled", "true"), ("rate_limit.login", "3")];

async fn is_limited(world: &World) {
    let body = json!({"username": "nobody", "password": "whatever it may be"});
    for left in [2, 1, 0] {
        let answer = world.send(post("/api/v1/auth/login", &body)).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("ratelimit-policy"), r#""login";q=3;w=60"#);
        let state = answer.header("ratelimit");
        assert!(state.starts_with(&format!(r#""login";r={left};t="#)), "{state}");
    }
    let events = world.events().len();
    for _ in 0..5 {
        let answer = world.send(post("/api/v1/auth/login", &body)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (429, "VUTF_RATE_LIMITED")
        );
        assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    }
    let login = |reason: &str| {
        (
            "session.login".to_owned(),
            "refused".to_owned(),
            reason.to_owned(),
        )
    };
    assert_eq!(
        world.events()[events..],
        [login("rate_limited")],
        "the first is recorded at once, the others by their number when the minute is over"
    );
    let more = world.state.throttled.ended(&world.state.identity.ambient, true);
    assert_eq!(more.len(), 1);
    assert_eq!(more[0].details["repeated"], vutf_kernel::Detail::Number(4));
    assert_eq!(more[0].outcome, vutf_kernel::Outcome::refused("rate_limited"));
}

#[actix_web::test]
async fn the_budget_of_a_network_is_kept() {
    is_limited(&world(&ON).await).await;
}

#[actix_web::test]
async fn without_the_cache_the_process_counts_alone() {
    let world = world_over(&ON, Arc::new(Gone)).await;
    is_limited(&world).await;
    assert!(
        world
            .state
            .metrics
            .render()
            .contains("vutf_rate_limit_fallbacks_total 8")
    );
}

#[actix_web::test]
async fn a_user_has_a_budget_of_their_own() {
    let world = world(&[("rate_limit.enabled", "true"), ("rate_limit.default", "2")]).await;
    let token = world.admin().await;
    for _ in 0..2 {
        assert_eq!(world.send(get("/api/v1/me")).await.status, 401);
    }
    assert_eq!(world.send(get("/api/v1/me")).await.status, 429);
    assert_eq!(world.send(get("/api/v1/nowhere")).await.status, 429);
    assert_eq!(world.send(bearer(get("/api/v1/me"), &token)).await.status, 200);
    assert_eq!(world.send(get("/health/live")).await.status, 200);
}
