//! What thirty-two callers do at the same moment.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::Value;
use vutf_testkit::{
    client::{Answer, ApiClient, Call, Person},
    process::ServerBuilder,
    sql,
};

use super::{Admin, World, eventually, world::signed_in};

pub(super) const PARALLEL: usize = 32;

macro_rules! on_both_databases {
    ($($name:ident),+) => {$(
        mod $name {
            use super::World;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn drill_sqlite() {
                super::$name(World::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn drill_postgres() {
                if let Some(world) = World::postgres().await {
                    super::$name(world).await;
                }
            }
        }
    )+};
}

pub(super) use on_both_databases;

on_both_databases!(one_refresh_token, wrong_passwords, bootstraps, logins);

/// Sends them all at once; each has a connection of its own.
pub(super) async fn at_once(calls: impl IntoIterator<Item = Call>) -> Vec<Answer> {
    let sent = calls.into_iter().map(|call| tokio::spawn(call.send()));
    let answers = join_all(sent).await.into_iter();
    answers.map(|answer| answer.unwrap().unwrap()).collect()
}

pub(super) fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

async fn one_refresh_token(world: World) {
    // Long, so that a slow machine does not turn a retry into a replay.
    let site = world.server().env("VUTF__IDENTITY__REFRESH_GRACE", "60s");
    let mut server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let first = signed_in(&api, &Person::new("ada")).await;
    let answers = at_once((0..PARALLEL).map(|_| api.refresh(&first.refresh))).await;
    assert!(
        answers.iter().all(|answer| answer.status == 200),
        "{:?}",
        statuses(&answers)
    );
    let tokens: Vec<_> = answers.iter().map(|answer| answer.tokens().unwrap()).collect();
    let successors: HashSet<_> = tokens.iter().map(|tokens| tokens.refresh.as_str()).collect();
    assert_eq!(successors.len(), 1, "one token, one successor");
    let families = families_with(&world, "generation = 1 AND revoked_at IS NULL").await;
    assert_eq!(families, 1);
    assert_eq!(heads_of_rotated(&world).await, 1);

    assert_eq!(server.terminate().unwrap(), Some(0));
    drop(server);
    // The same token after its time is a replay, and everything that came from the sign-in ends.
    let server = site.env("VUTF__IDENTITY__REFRESH_GRACE", "0s").spawn().unwrap();
    let api = api.at(server.base_url());
    let head = &tokens[0];
    api.me(head).expect(200).await.unwrap();
    api.refresh(&first.refresh).expect(401).await.unwrap();
    api.me(head).expect(401).await.unwrap();
    api.refresh(&head.refresh).expect(401).await.unwrap();
    assert_eq!(
        families_with(&world, "generation = 1 AND revoked_at IS NOT NULL").await,
        1
    );
    let events = api.events("session.refresh_reuse", &admin.tokens).await.unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["resource"]["id"], head.session.as_str());
}

async fn families_with(world: &World, condition: &str) -> i64 {
    let query = format!("SELECT count(*) FROM refresh_families WHERE {condition}");
    sql::number(&world.database_url(), &query).await.unwrap()
}

async fn heads_of_rotated(world: &World) -> i64 {
    let query = "SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL AND family_id IN \
                 (SELECT id FROM refresh_families WHERE generation > 0)";
    sql::number(&world.database_url(), query).await.unwrap()
}

async fn wrong_passwords(world: World) {
    // So many at once as the machine has never cores: the limit must hold before the hash is computed.
    let site: ServerBuilder = world
        .server()
        .env("VUTF__IDENTITY__HASH_CONCURRENCY", "32")
        .env("VUTF__IDENTITY__LOCKOUT__DELAYS", "10m");
    let server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let person = Person::new("ada");
    let id = api.register(&person).expect(201).await.unwrap().id().unwrap();
    let guesses = (0..PARALLEL).map(|number| {
        api.login(&Person {
            password: format!("a wrong phrase, number {number}"),
            ..person.clone()
        })
    });
    let answers = at_once(guesses).await;
    assert!(
        answers.iter().all(|answer| answer.status == 401),
        "{:?}",
        statuses(&answers)
    );
    let bodies: HashSet<_> = answers.iter().map(without_id).collect();
    assert_eq!(bodies.len(), 1, "a caller cannot tell why it was refused");

    let path = format!("/api/v1/audit/events?action=session.login&outcome=refused&subject={id}");
    let events = api.all(&path, &admin.tokens).await.unwrap();
    let with = |reason: &str| {
        let found = events.iter().filter(|event| event["outcome"]["reason"] == reason);
        found.count()
    };
    assert_eq!(
        (with("wrong_password"), with("barred")),
        (5, PARALLEL - 5),
        "{events:?}"
    );
    api.login(&person).expect(401).await.unwrap();
}

pub(super) fn without_id(answer: &Answer) -> String {
    let mut body: Value = answer.json().unwrap();
    body["request_id"] = Value::Null;
    body.to_string()
}

async fn bootstraps(world: World) {
    let server = world.server().spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let token = server.bootstrap_token().unwrap();
    let people: Vec<_> = (0..PARALLEL).map(|_| Person::new("root")).collect();
    let answers = at_once(people.iter().map(|person| api.bootstrap(&token, person))).await;
    let with = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(
        (with(201), with(409)),
        (1, PARALLEL - 1),
        "{:?}",
        statuses(&answers)
    );
    let users = "SELECT count(*) FROM users";
    assert_eq!(sql::number(&world.database_url(), users).await.unwrap(), 1);
    let winner = answers.iter().position(|answer| answer.status == 201).unwrap();
    let admin = Admin::login(&api, people[winner].clone()).await;
    let events = api.events("user.bootstrap", &admin.tokens).await.unwrap();
    let succeeded = events
        .iter()
        .filter(|event| event["outcome"]["result"] == "success");
    assert_eq!(succeeded.count(), 1, "{events:?}");
}

async fn logins(world: World) {
    let server = world.server().spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let people: Vec<_> = (0..PARALLEL).map(|_| Person::new("many")).collect();
    let answers = at_once(people.iter().map(|person| api.register(person))).await;
    assert!(
        answers.iter().all(|answer| answer.status == 201),
        "{:?}",
        statuses(&answers)
    );
    let answers = at_once(people.iter().map(|person| api.login(person))).await;
    assert!(
        answers.iter().all(|answer| answer.status == 200),
        "{:?}",
        statuses(&answers)
    );
    let sessions: HashSet<_> = answers
        .iter()
        .map(|answer| answer.tokens().unwrap().session)
        .collect();
    assert_eq!(sessions.len(), PARALLEL);
    // And the same name for two people at once: one gets it.
    let answers = at_once((0..PARALLEL).map(|_| {
        api.register(&Person {
            username: "the-one".to_owned(),
            ..Person::new("clash")
        })
    }))
    .await;
    let with = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(
        (with(201), with(409)),
        (1, PARALLEL - 1),
        "{:?}",
        statuses(&answers)
    );
    eventually("it is still well", async || {
        server.readiness().is_some_and(|(status, _)| status == 200)
    })
    .await;
}
