//! A disk without room: requests are refused honestly, and nothing is half-done when there is room again.

use std::collections::HashSet;

use vutf_testkit::client::{ApiClient, Person};

use super::{
    Admin, World, eventually,
    world::{assert_verified, sequenced},
};

/// What the files may grow by before they are full, in KiB.
const ROOM: u64 = 192;

#[tokio::test]
async fn drill_sqlite() {
    let world = World::sqlite();
    let site = world
        .server()
        .env("VUTF__LOG__LEVEL", "error")
        .env("VUTF__AUDIT__LEASE", "2s");
    let mut server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    assert_eq!(server.terminate().unwrap(), Some(0));
    drop(server);

    let present = std::fs::metadata(world.sqlite_file()).unwrap().len() / 1024;
    let limit = u32::try_from(present + ROOM).unwrap();
    let mut server = site.clone().file_limit_kib(limit).spawn().unwrap();
    let api = api.at(server.base_url());
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    while refused < 5 {
        let answer = api.register(&Person::new("full")).send().await.unwrap();
        if answer.status == 201 {
            acknowledged.push(answer.id().unwrap());
            assert!(acknowledged.len() < 10_000, "the limit was never reached");
        } else {
            assert!(answer.status == 503 && answer.is_problem(), "{}", answer.text());
            refused += 1;
        }
    }
    assert!(!acknowledged.is_empty() && server.exited().is_none());
    assert_eq!(api.get("/health/live").send().await.unwrap().status, 200);
    server.kill9().unwrap();
    drop(server);

    let server = site.spawn().unwrap();
    let api = api.at(server.base_url());
    let admin = Admin::login(&api, admin.person).await;
    let users = api.all("/api/v1/users?", &admin.tokens).await.unwrap();
    let listed: HashSet<_> = users.iter().filter_map(|user| user["id"].as_str()).collect();
    for id in &acknowledged {
        assert!(
            listed.contains(id.as_str()),
            "the acknowledged account {id} is gone"
        );
    }
    let events = api.events("user.register", &admin.tokens).await.unwrap();
    let made = events
        .iter()
        .filter(|event| event["outcome"]["result"] == "success");
    assert_eq!(
        made.count() + 1,
        listed.len(),
        "an account without its event, or an event without its account"
    );
    api.register(&Person::new("again")).expect(201).await.unwrap();
    eventually("it is ready", async || {
        server.readiness().is_some_and(|(status, _)| status == 200)
    })
    .await;
    sequenced(&api, &admin).await;
    assert_verified(&site);
}
