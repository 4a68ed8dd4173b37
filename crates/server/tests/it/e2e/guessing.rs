//! Guesses by thirty-two callers at the same moment: at one account from a known browser and from anywhere, and at many from one place.

use futures_util::future::join_all;
use serde_json::{Value, json};
use vutf_testkit::client::{Answer, ApiClient, Call, Person};

use super::{
    Admin, World,
    races::{PARALLEL, at_once, on_both_databases, statuses, without_id},
};

on_both_databases!(known_browsers, one_place, too_many_sessions);

fn sign_in(api: &ApiClient, username: &str, password: &str, cookies: Option<&str>) -> Call {
    let body = json!({"username": username, "password": password});
    let call = api.post("/api/v1/auth/login").json(&body);
    match cookies {
        Some(cookies) => call.header("cookie", cookies),
        None => call,
    }
}

async fn reasons(api: &ApiClient, admin: &Admin) -> Vec<Value> {
    let path = "/api/v1/audit/events?action=session.login&outcome=refused";
    let events = api.all(path, &admin.tokens).await.unwrap();
    events
        .iter()
        .map(|event| event["outcome"]["reason"].clone())
        .collect()
}

fn count(reasons: &[Value], reason: &str) -> usize {
    reasons.iter().filter(|known| *known == reason).count()
}

/// All refused, and nobody can tell why.
fn refused(answers: &[Answer]) {
    assert!(
        answers.iter().all(|answer| answer.status == 401),
        "{:?}",
        statuses(answers)
    );
    let bodies: std::collections::HashSet<_> = answers.iter().map(without_id).collect();
    assert_eq!(bodies.len(), 1);
}

async fn known_browsers(world: World) {
    let site = world
        .server()
        .env("VUTF__IDENTITY__HASH_CONCURRENCY", "32")
        .env("VUTF__IDENTITY__LOCKOUT__DELAYS", "10m");
    let mut server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let person = Person::new("ada");
    api.register(&person).expect(201).await.unwrap();
    let first = sign_in(&api, &person.username, &person.password, None);
    let device = first.expect(200).await.unwrap().cookies();
    assert!(
        device.starts_with("__Host-violentutf_device=vutf_dc_"),
        "{device}"
    );
    let guesses = (0..2 * PARALLEL).map(|number| {
        let known = number % 2 == 0;
        sign_in(
            &api,
            &person.username,
            "a wrong phrase, surely",
            known.then_some(device.as_str()),
        )
    });
    refused(&at_once(guesses).await);
    let seen = reasons(&api, &admin).await;
    assert_eq!(
        (count(&seen, "wrong_password"), count(&seen, "barred")),
        (10, 2 * PARALLEL - 10),
        "five from the known browser and five from anywhere: {seen:?}"
    );
    // A restart lifts neither.
    assert_eq!(server.terminate().unwrap(), Some(0));
    drop(server);
    let server = site.spawn().unwrap();
    let api = api.at(server.base_url());
    for cookies in [None, Some(device.as_str())] {
        let answer = sign_in(&api, &person.username, &person.password, cookies);
        answer.expect(401).await.unwrap();
    }
}

async fn one_place(world: World) {
    let site = world
        .server()
        .env("VUTF__IDENTITY__HASH_CONCURRENCY", "32")
        .env("VUTF__IDENTITY__LOCKOUT__ADDRESS_FAILURES", "7");
    let mut server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let person = Person::new("ada");
    api.register(&person).expect(201).await.unwrap();
    let first = sign_in(&api, &person.username, &person.password, None);
    let device = first.expect(200).await.unwrap().cookies();
    let names: Vec<String> = (0..PARALLEL).map(|number| format!("nobody{number}")).collect();
    let guesses = names
        .iter()
        .map(|name| sign_in(&api, name, "a wrong phrase, surely", None));
    refused(&at_once(guesses).await);
    let seen = reasons(&api, &admin).await;
    assert_eq!(
        (count(&seen, "unknown_account"), count(&seen, "network_barred")),
        (7, PARALLEL - 7),
        "{seen:?}"
    );
    assert_eq!(server.terminate().unwrap(), Some(0));
    drop(server);
    let server = site.spawn().unwrap();
    let api = api.at(server.base_url());
    let answer = sign_in(&api, &person.username, &person.password, None);
    answer.expect(401).await.unwrap();
    let known = sign_in(&api, &person.username, &person.password, Some(&device));
    known.expect(200).await.unwrap();
    let operators = ApiClient::new(server.management_url()).unwrap();
    let metrics = operators.get("/metrics").expect(200).await.unwrap().text();
    assert!(
        metrics.contains("vutf_sign_ins_network_barred_total 1"),
        "{metrics}"
    );
}

async fn too_many_sessions(world: World) {
    let site = world
        .server()
        .env("VUTF__IDENTITY__HASH_CONCURRENCY", "32")
        .env("VUTF__IDENTITY__LOCKOUT__ADDRESS_FAILURES", "100000")
        .env("VUTF__IDENTITY__LOCKOUT__NETWORK_FAILURES", "100000")
        .env("VUTF__IDENTITY__SESSIONS__MAX_PER_USER", "3");
    let server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let person = Person::new("ada");
    api.register(&person).expect(201).await.unwrap();
    // Each counts as a wrong one until it is proved right, so that of many at once some are refused, and try again.
    let sign_ins = (0..PARALLEL).map(|_| {
        let (api, person) = (api.clone(), person.clone());
        tokio::spawn(async move {
            loop {
                let answer = api.login(&person).send().await.unwrap();
                if answer.status == 200 {
                    break answer;
                }
                assert_eq!(answer.status, 401, "{answer:?}");
            }
        })
    });
    let answers: Vec<Answer> = join_all(sign_ins.collect::<Vec<_>>())
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let mut live = 0;
    for answer in &answers {
        let answer = api.me(&answer.tokens().unwrap()).send().await.unwrap();
        live += usize::from(answer.status == 200);
    }
    assert_eq!(live, 3);
    let ends = api.events("session.end", &admin.tokens).await.unwrap();
    assert_eq!(ends.len(), PARALLEL - 3);
}
