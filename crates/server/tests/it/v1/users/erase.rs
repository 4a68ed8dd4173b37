//! Erasing a person over HTTP: who may, under which conditions, and what is answered.

use serde_json::{Value, json};
use vutf_testkit::{
    client::{Answer, ApiClient, Person},
    process::ServerProcess,
};

use crate::e2e::world::{Admin, World, signed_in};

struct Site {
    // Kept for as long as the server runs.
    _world: World,
    _server: ServerProcess,
    api: ApiClient,
    admin: Admin,
    officer: Admin,
}

impl Site {
    async fn new() -> Self {
        let world = World::sqlite();
        let server = world.server().spawn().unwrap();
        let api = ApiClient::new(server.base_url()).unwrap();
        let admin = Admin::bootstrap(&server, &api).await;
        let person = Person::new("officer");
        let body = json!({
            "username": person.username, "email": person.email, "password": person.password, "roles": ["privacy_officer"],
        });
        let made = api.post("/api/v1/users").bearer(&admin.tokens.access).json(&body);
        made.expect(201).await.unwrap();
        let officer = Admin::login(&api, person).await;
        Self {
            _world: world,
            _server: server,
            api,
            admin,
            officer,
        }
    }

    /// Somebody, and their id.
    async fn person(&self) -> (Person, String) {
        let person = Person::new("gone");
        let tokens = signed_in(&self.api, &person).await;
        let me = self.api.me(&tokens).expect(200).await.unwrap();
        (person, me.id().unwrap())
    }

    async fn version(&self, id: &str) -> String {
        let call = self.api.get(&format!("/api/v1/users/{id}"));
        let answer = call
            .bearer(&self.officer.tokens.access)
            .expect(200)
            .await
            .unwrap();
        answer.header("etag").unwrap().to_owned()
    }

    async fn erase(&self, by: &Admin, id: &str, version: Option<&str>, body: &Value) -> Answer {
        let call = self.api.post(&format!("/api/v1/users/{id}/erase"));
        let call = call.bearer(&by.tokens.access).json(body);
        let call = match version {
            Some(version) => call.header("if-match", version),
            None => call,
        };
        call.send().await.unwrap()
    }

    async fn certificate(&self, by: &Admin, id: &str) -> Answer {
        let call = self.api.get(&format!("/api/v1/users/{id}/erasure"));
        call.bearer(&by.tokens.access).send().await.unwrap()
    }
}

#[track_caller]
fn refused(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.is_problem(), "{}", answer.text());
    answer.json().unwrap()["code"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_of_an_erasure_has_its_code() {
    let site = Site::new().await;
    let (person, id) = site.person().await;
    let version = site.version(&id).await;
    let why = json!({"reason": "request"});
    let officer = &site.officer;
    let member = Admin::login(&site.api, person.clone()).await;
    let answer = site.erase(&member, &id, Some(&version), &why).await;
    assert_eq!(refused(&answer, 403), "VUTF_FORBIDDEN");
    assert_eq!(
        refused(&site.certificate(&member, &id).await, 403),
        "VUTF_FORBIDDEN"
    );
    let answer = site.erase(officer, &id, None, &why).await;
    assert_eq!(refused(&answer, 428), "VUTF_PRECONDITION_REQUIRED");
    let answer = site.erase(officer, &id, Some("\"v99\""), &why).await;
    assert_eq!(refused(&answer, 412), "VUTF_STALE_VERSION");
    for (body, code) in [
        (json!({"reason": "whim"}), "VUTF_INVALID_VALUE"),
        (
            json!({"reason": "request", "reference": "Ada Lovelace"}),
            "VUTF_INVALID_VALUE",
        ),
        (json!({"reason": "request", "who": "ada"}), "VUTF_UNKNOWN_FIELD"),
    ] {
        let answer = site.erase(officer, &id, Some(&version), &body).await;
        assert_eq!(refused(&answer, 400), code, "{body}");
        assert!(!answer.text().contains("Lovelace"), "{}", answer.text());
    }
    let nobody = "01937b6e-5b5c-7d3e-8f00-000000000001";
    let answer = site.erase(officer, nobody, Some(&version), &why).await;
    assert_eq!(refused(&answer, 404), "VUTF_USER_NOT_FOUND");
    // Nobody was erased: not by any of these, and not the administrator, who may do more than the officer.
    assert_eq!(
        refused(&site.certificate(officer, &id).await, 404),
        "VUTF_ERASURE_NOT_FOUND"
    );
    let admin = site.api.me(&site.admin.tokens).expect(200).await.unwrap();
    let admin_id = admin.id().unwrap();
    let answer = site.erase(officer, &admin_id, admin.header("etag"), &why).await;
    assert_eq!(refused(&answer, 403), "VUTF_EXCEEDS_OWN_RIGHTS");
    site.api.login(&person).expect(200).await.unwrap();
    let events = site
        .api
        .events("subject.erase", &site.admin.tokens)
        .await
        .unwrap();
    assert!(events.iter().all(|event| event["outcome"]["result"] == "refused"));
    assert!(events.len() >= 8, "each refusal is recorded: {}", events.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_answers_its_certificate_each_time_it_is_asked() {
    let site = Site::new().await;
    let (person, id) = site.person().await;
    let version = site.version(&id).await;
    let why = json!({"reason": "request", "reference": "DSR-2026-17"});
    let answer = site.erase(&site.officer, &id, Some(&version), &why).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let certificate = answer.json().unwrap();
    assert_eq!(certificate["subject_id"], *id);
    assert_eq!(certificate["reference"], "DSR-2026-17");
    assert_eq!(certificate["keys"].as_array().unwrap().len(), 1);
    assert_eq!(certificate["rows"]["users"], 1);
    assert_eq!(certificate["replay_of"], Value::Null);

    site.api.login(&person).expect(401).await.unwrap();
    let gone = site.api.get(&format!("/api/v1/users/{id}"));
    gone.bearer(&site.admin.tokens.access).expect(404).await.unwrap();
    let again = site.erase(&site.officer, &id, Some(&version), &why).await;
    assert_eq!((again.status, again.json().unwrap()), (200, certificate.clone()));
    let seen = site.certificate(&site.officer, &id).await;
    assert_eq!((seen.status, seen.json().unwrap()), (200, certificate.clone()));

    let erased = site
        .api
        .events("subject.erase", &site.admin.tokens)
        .await
        .unwrap();
    assert_eq!(erased.len(), 1);
    assert_eq!(erased[0]["id"], certificate["event_id"]);
    assert_eq!(
        erased[0]["details"]["fingerprints"][0],
        certificate["keys"][0]["fingerprint"]
    );
    let looks = site
        .api
        .events("subject.erasure_read", &site.admin.tokens)
        .await
        .unwrap();
    assert_eq!(looks.len(), 2, "the second answer and the look");
    assert!(looks.iter().all(|look| look["subjects"][0] == *id));
}
