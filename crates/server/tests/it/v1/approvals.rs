//! What takes two persons, against the real binary.

use serde_json::{Value, json};
use vutf_testkit::{
    client::{Answer, ApiClient, Person},
    process::{ServerBuilder, ServerProcess},
};

use crate::e2e::world::{Admin, World, eventually};

/// A server where it takes two persons, with a super administrator and somebody without a role.
struct Site {
    // Kept for as long as the server runs.
    _world: World,
    builder: ServerBuilder,
    _server: ServerProcess,
    api: ApiClient,
    root: Admin,
}

impl Site {
    async fn new() -> Self {
        let world = World::sqlite()
            .with("VUTF__RATE_LIMIT__ENABLED", "false")
            .with("VUTF__AUTHORIZATION__TWO_PERSON", "on");
        let builder = world.server();
        let server = builder.spawn().unwrap();
        let api = ApiClient::new(server.base_url()).unwrap();
        let root = Admin::bootstrap(&server, &api).await;
        Self {
            _world: world,
            builder,
            _server: server,
            api,
            root,
        }
    }

    async fn made(&self, name: &str, roles: &[&str]) -> (Admin, String) {
        let person = Person::new(name);
        let body = json!({
            "username": person.username, "email": person.email, "password": person.password, "roles": roles,
        });
        let made = self
            .api
            .post("/api/v1/users")
            .bearer(&self.root.tokens.access)
            .json(&body);
        let made = made.expect(201).await.unwrap().json().unwrap();
        let id = text(&made["id"]);
        (Admin::login(&self.api, person).await, id)
    }

    async fn put_roles(&self, by: &Admin, user: &str, roles: &[&str]) -> Answer {
        let path = format!("/api/v1/users/{user}");
        let seen = self.api.get(&path).bearer(&self.root.tokens.access);
        let seen = seen.expect(200).await.unwrap();
        let call = self.api.put(&format!("{path}/roles")).bearer(&by.tokens.access);
        let call = call.header("if-match", seen.header("etag").unwrap());
        call.json(&json!({"roles": roles})).send().await.unwrap()
    }

    async fn roles(&self, user: &str) -> Value {
        let seen = self
            .api
            .get(&format!("/api/v1/users/{user}"))
            .bearer(&self.root.tokens.access);
        seen.expect(200).await.unwrap().json().unwrap()["roles"].clone()
    }

    async fn decide(&self, by: &Admin, request: &str, verb: &str) -> Answer {
        let call = self.api.post(&format!("/api/v1/approvals/{request}/{verb}"));
        call.bearer(&by.tokens.access)
            .json(&json!({}))
            .send()
            .await
            .unwrap()
    }

    /// Runs a command beside the server; exit code and what it said.
    fn command(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let done = self.builder.command(arguments).unwrap();
        let said = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8(said).unwrap())
    }

    /// Makes somebody a super administrator, with the operator as the second person.
    async fn crowned(&self, name: &str) -> (Admin, String) {
        let (person, id) = self.made(name, &[]).await;
        let asked = pending(&self.put_roles(&self.root, &id, &["super_admin"]).await);
        let (code, said) = self.command(&["approvals", "approve", &text(&asked["id"])]);
        assert_eq!(code, Some(0), "{said}");
        (Admin::login(&self.api, person.person).await, id)
    }

    async fn events(&self, action: &str) -> Vec<Value> {
        let path = format!("/api/v1/audit/events?action={action}");
        self.api.all(&path, &self.root.tokens).await.unwrap()
    }
}

#[track_caller]
fn pending(answer: &Answer) -> Value {
    assert_eq!(answer.status, 202, "{}", answer.text());
    let body = answer.json().unwrap();
    assert_eq!(body["state"], "open");
    assert_eq!(body["decided_under"], answer.header("location").unwrap());
    body
}

#[track_caller]
fn refused(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    text(&answer.json().unwrap()["code"])
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_super_administrator_is_made_and_unmade_by_two_persons() {
    let site = Site::new().await;
    let (_, ada) = site.made("ada", &["auditor"]).await;
    // No way around it: neither with the account, nor with an invitation, nor for a program.
    let all = json!(["super_admin"]);
    for (path, body) in [
        (
            "/api/v1/users",
            json!({"username": "eve", "email": "eve@example.org", "roles": all}),
        ),
        (
            "/api/v1/service-accounts",
            json!({"username": "robot", "roles": all}),
        ),
        (
            "/api/v1/invitations",
            json!({"email": "eve@example.org", "roles": all}),
        ),
    ] {
        let call = site.api.post(path).bearer(&site.root.tokens.access).json(&body);
        let answer = call.send().await.unwrap();
        if answer.status != 403 {
            assert_eq!(refused(&answer, 409), "VUTF_SECOND_PERSON_NEEDED", "{path}");
        }
    }
    let both = site.put_roles(&site.root, &ada, &["super_admin"]).await;
    assert_eq!(
        refused(&both, 409),
        "VUTF_SECOND_PERSON_ALONE",
        "the auditor's role would go as well"
    );

    let asked = pending(
        &site
            .put_roles(&site.root, &ada, &["super_admin", "auditor"])
            .await,
    );
    let request = text(&asked["id"]);
    assert_eq!(asked["proposal"], "role.grant:super_admin");
    assert_eq!(site.roles(&ada).await, json!(["auditor", "user"]));
    let again = site
        .put_roles(&site.root, &ada, &["super_admin", "auditor"])
        .await;
    assert_eq!(refused(&again, 409), "VUTF_REQUEST_OPEN");
    let own = site.decide(&site.root, &request, "approve").await;
    assert_eq!(refused(&own, 403), "VUTF_SAME_PERSON");
    let (boss, _) = site.made("boss", &["admin"]).await;
    let less = site.decide(&boss, &request, "approve").await;
    assert_eq!(refused(&less, 403), "VUTF_EXCEEDS_OWN_RIGHTS");

    // With one super administrator the operator is the second person.
    let (code, listed) = site.command(&["approvals", "list"]);
    assert!(code == Some(0) && listed.contains(&request), "{listed}");
    let (code, said) = site.command(&["approvals", "approve", &request]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(site.roles(&ada).await, json!(["auditor", "super_admin", "user"]));
    let twice = site.decide(&boss, &request, "approve").await;
    assert_eq!(twice.status, 409, "{}", twice.text());

    // Once there are two, they do without.
    let (second, _) = site.crowned("second").await;
    let asked = pending(&site.put_roles(&second, &ada, &["auditor"]).await);
    assert_eq!(asked["proposal"], "role.take:super_admin");
    let done = site.decide(&site.root, &text(&asked["id"]), "approve").await;
    assert_eq!(
        (done.status, &done.json().unwrap()["state"]),
        (200, &json!("approved"))
    );
    assert_eq!(site.roles(&ada).await, json!(["auditor", "user"]));
    eventually("the log tells of all three", async || {
        site.events("role.assign").await.len() == 3 && site.events("approval.approve").await.len() >= 3
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_hold_the_right_when_it_is_done() {
    let site = Site::new().await;
    let (second, second_id) = site.crowned("second").await;
    let (third, _) = site.crowned("third").await;
    let (_, ada) = site.made("ada", &[]).await;
    let asked = pending(&site.put_roles(&second, &ada, &["super_admin"]).await);
    let request = text(&asked["id"]);
    // Whoever asked loses the role before anybody approves.
    let taken = pending(&site.put_roles(&site.root, &second_id, &[]).await);
    assert_eq!(
        site.decide(&third, &text(&taken["id"]), "approve").await.status,
        200
    );
    let late = site.decide(&third, &request, "approve").await;
    assert_eq!(refused(&late, 409), "VUTF_REQUESTER_BARRED");
    assert_eq!(site.roles(&ada).await, json!(["user"]));
    // Whoever has not the right any more sees nothing of it.
    let own = site.decide(&second, &request, "reject").await;
    assert!([401, 403].contains(&own.status), "{}", own.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_about_what_there_was_and_good_once() {
    let site = Site::new().await;
    let (second, _) = site.crowned("second").await;
    let (_, ada) = site.made("ada", &[]).await;
    let asked = pending(&site.put_roles(&second, &ada, &["super_admin"]).await);
    let request = text(&asked["id"]);
    // Somebody changes the account meanwhile.
    let done = site.put_roles(&site.root, &ada, &["auditor"]).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let void = site.decide(&site.root, &request, "approve").await;
    assert_eq!(refused(&void, 409), "VUTF_REQUEST_VOID");
    // It does not stand in the way of the next one, which 32 approve at once.
    let asked = pending(&site.put_roles(&second, &ada, &["super_admin", "auditor"]).await);
    let request = text(&asked["id"]);
    let mut answers = Vec::new();
    let all = (0..32).map(|_| site.decide(&site.root, &request, "approve"));
    for answer in futures_util::future::join_all(all).await {
        answers.push(answer.status);
    }
    assert_eq!(
        answers.iter().filter(|status| **status == 200).count(),
        1,
        "{answers:?}"
    );
    assert!(
        answers.iter().all(|status| [200, 409].contains(status)),
        "{answers:?}"
    );
    let rejected = pending(&site.put_roles(&second, &ada, &["auditor"]).await);
    let request = text(&rejected["id"]);
    assert_eq!(
        site.decide(&second, &request, "reject").await.status,
        200,
        "one's own"
    );
    let late = site.decide(&site.root, &request, "approve").await;
    assert_eq!(refused(&late, 409), "VUTF_REQUEST_DECIDED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watching_rule_is_switched_off_and_silenced_by_two_persons() {
    let site = Site::new().await;
    let (auditor, _) = site.made("auditor", &["auditor"]).await;
    let (other, _) = site.made("other", &["auditor"]).await;
    let rule = "/api/v1/audit/rules/mass-read";
    let see = async || {
        let seen = site.api.get(rule).bearer(&auditor.tokens.access);
        seen.expect(200).await.unwrap()
    };
    let patch = async |body: Value| {
        let tag = see().await.header("etag").unwrap().to_owned();
        let call = site
            .api
            .patch(rule)
            .bearer(&auditor.tokens.access)
            .header("if-match", &tag);
        call.json(&body).send().await.unwrap()
    };
    let tuned = patch(json!({"parameters": {"threshold": 500}})).await;
    assert_eq!(tuned.status, 200, "to tune it takes one: {}", tuned.text());
    let both = patch(json!({"enabled": false, "parameters": {"threshold": 900}})).await;
    assert_eq!(refused(&both, 409), "VUTF_SECOND_PERSON_ALONE");
    let asked = pending(&patch(json!({"enabled": false})).await);
    assert_eq!(see().await.json().unwrap()["enabled"], true);
    let done = site.decide(&other, &text(&asked["id"]), "approve").await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(see().await.json().unwrap()["enabled"], false);
    eventually("the log tells of it", async || {
        site.events("audit.rule.disable").await.len() == 1
    })
    .await;
    assert_eq!(
        patch(json!({"enabled": true})).await.status,
        200,
        "to switch it on takes one"
    );

    let until = vutf_kernel::Ambient::system()
        .now()
        .plus(std::time::Duration::from_hours(1));
    let body = json!({"until": until.rfc3339(), "reason": "a drill"});
    let silence = async |by: &Admin| {
        let call = site
            .api
            .post(&format!("{rule}/silence"))
            .bearer(&by.tokens.access);
        call.json(&body).send().await.unwrap()
    };
    let asked = pending(&silence(&auditor).await);
    assert_eq!(asked["note"], "a drill");
    let list = site.api.get("/api/v1/approvals").bearer(&other.tokens.access);
    let list = list.expect(200).await.unwrap().json().unwrap();
    assert_eq!(list["items"][0]["id"], asked["id"], "those who may decide see it");
    let done = site.decide(&other, &text(&asked["id"]), "approve").await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(see().await.json().unwrap()["silence"]["reason"], "a drill");
    let (plain, _) = site.made("plain", &[]).await;
    let list = site.api.get("/api/v1/approvals").bearer(&plain.tokens.access);
    assert_eq!(
        list.expect(200).await.unwrap().json().unwrap()["items"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_broke_the_glass_is_no_second_person() {
    let site = Site::new().await;
    let (_, ada) = site.made("ada", &[]).await;
    let asked = pending(&site.put_roles(&site.root, &ada, &["super_admin"]).await);
    let sealed = site
        .builder
        .command(&["user", "break-glass", "glass", "--json"])
        .unwrap();
    let sealed: Value = serde_json::from_slice(&sealed.stdout).unwrap();
    let body = json!({"username": "glass", "secret": sealed["secret"], "reason": "nobody is there"});
    let opened = site
        .api
        .post("/api/v1/auth/break-glass")
        .json(&body)
        .expect(200)
        .await
        .unwrap();
    let token = text(&opened.json().unwrap()["access_token"]);
    let approve = format!("/api/v1/approvals/{}/approve", text(&asked["id"]));
    let call = site.api.post(&approve).bearer(&token).json(&json!({}));
    let answer = call.send().await.unwrap();
    assert_eq!(refused(&answer, 403), "VUTF_NOT_A_PERSON");
    // It does everything else, once.
    let users = site.api.get("/api/v1/users").bearer(&token).send().await.unwrap();
    assert_eq!(users.status, 200);
    let again = site
        .api
        .post("/api/v1/auth/break-glass")
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(refused(&again, 401), "VUTF_BREAK_GLASS_REFUSED");
    let found = async || {
        let list = site
            .api
            .get("/api/v1/audit/findings")
            .bearer(&site.root.tokens.access);
        let list = list.expect(200).await.unwrap().json().unwrap();
        let items = list["items"].as_array().unwrap().clone();
        items
            .into_iter()
            .any(|item| item["rule"] == "break-glass" && item["severity"] == "critical")
    };
    eventually("the analysis raises a critical finding", found).await;
}
