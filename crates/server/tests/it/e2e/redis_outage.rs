//! Redis goes away and comes back under load: the service degrades, refuses nothing that is safe, and recovers by itself.

use std::time::Duration;

use vutf_testkit::{
    client::{ApiClient, Person},
    process::{ServerBuilder, ServerProcess},
};

use super::{
    World, eventually,
    load::{Load, Round},
    say,
};

/// Limits are on: generous ones for the load, and the default three registrations a minute for addresses that are watched.
///
/// The load sends no `X-Forwarded-For`; what it makes counts against the loopback address and not against theirs.
fn site(world: &World) -> ServerBuilder {
    let generous = [
        "DEFAULT",
        "LOGIN",
        "REGISTER",
        "USER_LIST",
        "USER_CREATE",
        "ADMIN",
    ];
    let site = world
        .server()
        .env("VUTF__RATE_LIMIT__ENABLED", "true")
        .env("VUTF__SERVER__TRUSTED_PROXIES", "127.0.0.1/32");
    generous.iter().fold(site, |site, name| {
        site.env(&format!("VUTF__RATE_LIMIT__{name}"), "1000000")
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_redis_stops_and_starts_under_load() {
    let Some(mut world) = World::own_servers(false).await else {
        return;
    };
    let server = site(&world).spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let load = Load::of(&api, &[Round::SignIn; 3], Duration::from_millis(20));
    eventually("the load is on", async || load.answers() >= 20).await;
    assert_eq!(word(&server), "ready");
    assert_limited(&api, 1).await;

    world.redis.as_mut().unwrap().stop();
    eventually("it degrades", async || word(&server) == "degraded").await;
    let before = load.answers();
    for host in 2..6 {
        assert_limited(&api, host).await;
    }
    eventually("the load goes on", async || load.answers() >= before + 100).await;
    assert_eq!(word(&server), "degraded");

    world.redis.as_mut().unwrap().restart_on_same_port().unwrap();
    let took = eventually("it recovers", async || word(&server) == "ready").await;
    say(&format!("ready again {} ms after Redis was", took.as_millis()));
    eventually("limits are shared again", async || {
        server.own_logs().contains("counted in the shared cache again")
    })
    .await;
    assert_limited(&api, 9).await;
    let seen = load.finish().await;
    assert!(seen.refusals.is_empty(), "{:?}", seen.refusals);
    assert_eq!((seen.unanswered, seen.refused), (0, 0));
}

#[tokio::test]
async fn drill_a_start_without_redis_is_degraded_and_heals() {
    let Some(mut world) = World::own_servers(false).await else {
        return;
    };
    world.redis.as_mut().unwrap().stop();
    let server = site(&world).spawn().unwrap();
    assert_eq!(word(&server), "degraded");
    let api = ApiClient::new(server.base_url()).unwrap();
    api.register(&Person::new("ada")).expect(201).await.unwrap();
    assert_limited(&api, 1).await;
    world.redis.as_mut().unwrap().restart_on_same_port().unwrap();
    eventually("it becomes ready", async || word(&server) == "ready").await;
}

/// Attempts from a fresh address: as many pass as the limit says (10 exchanges a minute), and then none.
async fn assert_limited(api: &ApiClient, host: u8) {
    let address = format!("198.51.100.{host}");
    let mut statuses = Vec::new();
    for _ in 0..14 {
        let attempt = api.refresh("vutf_rt_no_such_token");
        let answer = attempt.header("x-forwarded-for", &address).send().await.unwrap();
        statuses.push(answer.status);
    }
    assert!(
        statuses.iter().all(|status| [401, 429].contains(status)),
        "{statuses:?}"
    );
    assert!(
        statuses.starts_with(&[401]) && statuses.contains(&429),
        "{statuses:?}"
    );
}

fn word(server: &ServerProcess) -> String {
    let (status, body) = server.readiness().expect("it answers");
    assert_eq!(status, 200, "{body}");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    body["status"].as_str().unwrap().to_owned()
}
