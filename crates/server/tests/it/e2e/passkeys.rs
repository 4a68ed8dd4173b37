//! Thirty-two callers with the same answer of a passkey at the same moment: one of them is signed in.

use serde_json::{Value, json};
use vutf_testkit::{
    client::{ApiClient, Person, Tokens},
    passkey::SoftPasskey,
    sql,
};

use super::{
    Admin, World,
    races::{PARALLEL, at_once, on_both_databases, statuses},
    world::signed_in,
};

on_both_databases!(one_answer, one_registration, guesses_beside_a_passkey);

const PAGE: &str = "http://localhost:8080";

async fn asked(api: &ApiClient, path: &str, tokens: Option<&Tokens>) -> Value {
    let mut call = api.post(path);
    if let Some(tokens) = tokens {
        call = call.bearer(&tokens.access);
    }
    call.expect(200).await.unwrap().json().unwrap()["public_key"].clone()
}

pub(crate) async fn registered(api: &ApiClient, tokens: &Tokens) -> SoftPasskey {
    let options = asked(api, "/api/v1/me/mfa/passkeys/register/begin", Some(tokens)).await;
    let (passkey, credential) = SoftPasskey::create(PAGE, &options).unwrap();
    let body = json!({"name": "phone", "credential": credential});
    let call = api.post("/api/v1/me/mfa/passkeys/register/finish");
    call.bearer(&tokens.access).json(&body).expect(201).await.unwrap();
    passkey
}

async fn one_answer(world: World) {
    let server = world.server().spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let tokens = signed_in(&api, &Person::new("ada")).await;
    let mut passkey = registered(&api, &tokens).await;
    // With a counter, and with one that does not count: there the challenge alone decides.
    for count in [passkey.count, None] {
        passkey.count = count;
        let question = asked(&api, "/api/v1/auth/passkey/begin", None).await;
        let body = json!({"credential": passkey.answer(&question).unwrap()});
        let calls = (0..PARALLEL).map(|_| api.post("/api/v1/auth/passkey/finish").json(&body));
        let answers = at_once(calls).await;
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        let lost = answers.iter().filter(|answer| answer.status == 401).count();
        // A counter of nothing after one that counted is the sign of a copy.
        let expected = usize::from(count.is_some());
        assert_eq!(
            (won, lost),
            (expected, PARALLEL - expected),
            "{:?}",
            statuses(&answers)
        );
    }
    let path = "/api/v1/audit/events?action=session.login&outcome=refused";
    let events = api.all(path, &admin.tokens).await.unwrap();
    let count = |reason: &str| {
        let of = events.iter().filter(|event| event["outcome"]["reason"] == reason);
        of.count()
    };
    assert_eq!(
        (count("unknown_challenge"), count("counter_regressed")),
        (2 * (PARALLEL - 1), 1)
    );
    let moved = "SELECT sign_count FROM passkeys";
    assert_eq!(sql::number(&world.database_url(), moved).await.unwrap(), 1);
}

async fn one_registration(world: World) {
    let server = world.server().spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    Admin::bootstrap(&server, &api).await;
    let tokens = signed_in(&api, &Person::new("ada")).await;
    let options = asked(&api, "/api/v1/me/mfa/passkeys/register/begin", Some(&tokens)).await;
    let (_, credential) = SoftPasskey::create(PAGE, &options).unwrap();
    let body = json!({"name": "phone", "credential": credential});
    let call = || {
        let call = api.post("/api/v1/me/mfa/passkeys/register/finish");
        call.bearer(&tokens.access).json(&body)
    };
    let answers = at_once((0..PARALLEL).map(|_| call())).await;
    let won = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(won, 1, "{:?}", statuses(&answers));
    let kept = "SELECT count(*) FROM passkeys";
    assert_eq!(sql::number(&world.database_url(), kept).await.unwrap(), 1);
}

/// Strangers guess at the password until nobody may try any more, and go on; the owner signs in meanwhile.
async fn guesses_beside_a_passkey(world: World) {
    let site = world
        .server()
        .env("VUTF__IDENTITY__HASH_CONCURRENCY", "32")
        .env("VUTF__IDENTITY__LOCKOUT__FREE_ATTEMPTS", "1")
        .env("VUTF__IDENTITY__LOCKOUT__DELAYS", "10m");
    let server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    Admin::bootstrap(&server, &api).await;
    let person = Person::new("ada");
    let tokens = signed_in(&api, &person).await;
    let mut passkey = registered(&api, &tokens).await;
    let guess = json!({"username": person.username, "password": "a wrong phrase, surely"});
    let guesses = (0..PARALLEL).map(|_| api.post("/api/v1/auth/login").json(&guess));
    assert!(at_once(guesses).await.iter().all(|answer| answer.status == 401));
    api.login(&person).expect(401).await.unwrap();
    let question = asked(&api, "/api/v1/auth/passkey/begin", None).await;
    let body = json!({"credential": passkey.answer(&question).unwrap()});
    let mut calls: Vec<_> = (0..PARALLEL)
        .map(|_| api.post("/api/v1/auth/login").json(&guess))
        .collect();
    calls.insert(PARALLEL / 2, api.post("/api/v1/auth/passkey/finish").json(&body));
    let answers = at_once(calls).await;
    let through: Vec<_> = answers.iter().map(|answer| answer.status == 200).collect();
    assert_eq!(through.iter().filter(|through| **through).count(), 1);
    assert!(through[PARALLEL / 2], "it is the owner");
}
