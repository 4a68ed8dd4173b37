//! A person asks to be erased: it is done when its time has come, by whichever process is there then, and its receipt tells of it.

use serde_json::{Value, json};
use vutf_app::statement::{Subject, read};
use vutf_audit::tlog::VerifierKey;
use vutf_testkit::client::{ApiClient, Person, Tokens};

use crate::e2e::world::{Admin, World, eventually, signed_in};

async fn asked(api: &ApiClient, tokens: &Tokens) -> String {
    let call = api.post("/api/v1/me/erasure").bearer(&tokens.access);
    let answer = call.expect(202).await.unwrap().json().unwrap();
    answer["receipt"].as_str().unwrap().to_owned()
}

async fn outcome(api: &ApiClient, receipt: &str) -> Value {
    let call = api.post("/api/v1/erasure-certificate");
    let call = call.json(&json!({"receipt": receipt}));
    call.expect(200).await.unwrap().json().unwrap()
}

async fn state(api: &ApiClient, tokens: &Tokens) -> Value {
    let call = api.get("/api/v1/me/erasure").bearer(&tokens.access);
    call.expect(200).await.unwrap().json().unwrap()
}

/// The process that was asked is killed; the next one finds the request, and does it once.
async fn whoever_asks_is_erased_by_the_next_process(world: World) {
    let world = world
        .with("VUTF__ERASURE__DELAY", "2s")
        .with("VUTF__RATE_LIMIT__ENABLED", "false");
    let mut server = world.server().spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let person = Person::new("grace");
    let tokens = signed_in(&api, &person).await;
    let id = api.me(&tokens).expect(200).await.unwrap().id().unwrap();
    assert_eq!(state(&api, &tokens).await["status"], "none");
    let receipt = asked(&api, &tokens).await;
    server.kill9().unwrap();

    let server = world.server().spawn().unwrap();
    let api = api.at(server.base_url());
    eventually("the person is erased", async || {
        outcome(&api, &receipt).await["status"] == "done"
    })
    .await;
    let done = outcome(&api, &receipt).await;
    let certificate = &done["certificate"];
    assert_eq!(certificate["subject_id"], id.as_str());
    assert_eq!(certificate["reason"], "request");
    assert_eq!(certificate["erased_by"]["type"], "system");
    assert_eq!(certificate["rows"]["erasure_requests"], 1);
    assert!(!certificate["keys"].as_array().unwrap().is_empty());

    let admin = Admin::login(&api, admin.person).await;
    let keys = api.get("/api/v1/audit/log/keys").bearer(&admin.tokens.access);
    let keys = keys.expect(200).await.unwrap().text();
    let key = keys
        .split_whitespace()
        .find_map(|text| VerifierKey::parse(text).ok())
        .expect("a verifier key");
    let lines = read(done["statement"].as_str().unwrap(), Subject::Erasure, &key).unwrap();
    let event = format!("event {}", certificate["event_id"].as_str().unwrap());
    assert!(lines.contains(&event), "{lines:?}");
    let known = api
        .get(&format!("/api/v1/users/{id}/erasure"))
        .bearer(&admin.tokens.access);
    let known = known.expect(200).await.unwrap().json().unwrap();
    assert_eq!(known["event_id"], certificate["event_id"]);
    api.login(&person).expect(401).await.unwrap();
    assert_eq!(api.events("subject.erase", &admin.tokens).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_is_erased_by_the_next_process_on_sqlite() {
    whoever_asks_is_erased_by_the_next_process(World::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_is_erased_by_the_next_process_on_postgres() {
    if let Some(world) = World::postgres().await {
        whoever_asks_is_erased_by_the_next_process(world).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_legal_hold_puts_it_off_and_the_person_may_take_it_back() {
    let world = World::sqlite().with("VUTF__ERASURE__DELAY", "0s");
    let server = world.server().spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let person = Person::new("grace");
    let tokens = signed_in(&api, &person).await;
    let id = api.me(&tokens).expect(200).await.unwrap().id().unwrap();
    let hold = api.post("/api/v1/audit/holds").bearer(&admin.tokens.access);
    let hold = hold.json(&json!({"reason": "case 7", "scope": {"subject": id}}));
    hold.expect(201).await.unwrap();
    asked(&api, &tokens).await;
    let asked_for = state(&api, &tokens).await;
    eventually("it is put off", async || {
        state(&api, &tokens).await["due_at"] != asked_for["due_at"]
    })
    .await;
    let events = api.events("erasure.postpone", &admin.tokens).await.unwrap();
    assert!(events[0].to_string().contains("legal_hold"), "{}", events[0]);
    let cancel = api.delete("/api/v1/me/erasure").bearer(&tokens.access);
    cancel.expect(204).await.unwrap();
    assert_eq!(state(&api, &tokens).await["status"], "none");
}
