//! PostgreSQL goes away and comes back under load: answers are honest 503s, the process lives, and recovers by itself.

use vutf_testkit::client::{ApiClient, Person};

use super::{
    Admin, World, eventually,
    load::Load,
    say,
    world::{assert_verified, sequenced},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_postgres_stops_and_starts_under_load() {
    let Some(mut world) = World::own_servers(false).await else {
        return;
    };
    let site = world
        .server()
        .env("VUTF__DATABASE__ACQUIRE_TIMEOUT", "1s")
        .env("VUTF__AUDIT__LEASE", "2s");
    let mut server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let load = Load::start(&api, 4);
    eventually("the load is on", async || load.acknowledged() >= 8).await;

    world.postgres.as_mut().unwrap().stop();
    eventually("readiness says so", async || {
        server.readiness().is_some_and(|(status, _)| status == 503)
    })
    .await;
    let answer = api.register(&Person::new("ada")).send().await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.text());
    let during = load.answers();
    eventually("requests are still answered", async || {
        load.answers() >= during + 20
    })
    .await;
    assert!(server.exited().is_none());
    let live = api.get("/health/live").send().await.unwrap();
    assert_eq!(live.status, 200);

    world.postgres.as_mut().unwrap().restart().unwrap();
    let took = eventually("it recovers", async || {
        server.readiness().is_some_and(|(status, _)| status == 200)
    })
    .await;
    say(&format!(
        "ready again {} ms after PostgreSQL was",
        took.as_millis()
    ));
    let made = load.acknowledged();
    eventually("accounts are made again", async || {
        load.acknowledged() >= made + 8
    })
    .await;
    let seen = load.finish().await;
    assert!(!seen.refusals.is_empty(), "nobody noticed");
    seen.assert_only_unavailable();
    assert_eq!((seen.unanswered, seen.refused), (0, 0));
    for made in &seen.acknowledged {
        let view = api.get(&format!("/api/v1/users/{}", made.id));
        view.bearer(&admin.tokens.access).expect(200).await.unwrap();
    }
    sequenced(&api, &admin).await;
    assert_verified(&site);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_a_start_waits_for_the_database() {
    let Some(mut world) = World::own_servers(false).await else {
        return;
    };
    world.postgres.as_mut().unwrap().stop();
    let mut server = world.server().launch().unwrap();
    eventually("it says that it waits", async || {
        server.own_logs().contains("database not reachable yet")
    })
    .await;
    assert!(server.exited().is_none());
    world.postgres.as_mut().unwrap().restart().unwrap();
    server.wait_ready().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_a_start_gives_up_at_its_deadline() {
    let Some(mut world) = World::own_servers(false).await else {
        return;
    };
    world.postgres.as_mut().unwrap().stop();
    let site = world
        .server()
        .env("VUTF__DATABASE__CONNECT_DEADLINE", "2s")
        .env("VUTF__DATABASE__ACQUIRE_TIMEOUT", "200ms");
    let ended = site.run().unwrap();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let lines = ended.plain_lines();
    assert!(lines.len() == 1 && lines[0].contains("database"), "{lines:?}");
    assert!(
        ended.stderr.contains("database not reachable yet"),
        "it never tried again"
    );
    // For the clean-up, which drops the database.
    world.postgres.as_mut().unwrap().restart().unwrap();
}
