//! The life of keys over HTTP, against the real binary on both databases.

mod life;
mod persons;
mod policies;
mod reads;
mod refusals;
mod rows;
mod scheduler;
mod work;

use std::time::Duration;

use serde_json::{Value, json};
use vutf_testkit::{
    client::{Answer, ApiClient, Person},
    process::{ServerBuilder, ServerProcess},
};

use crate::e2e::world::{Admin, World};

/// A server with a super administrator and two custodians, none of whom has done anything yet.
struct Site {
    world: World,
    builder: ServerBuilder,
    server: ServerProcess,
    api: ApiClient,
    admin: Admin,
    first: Admin,
    second: Admin,
}

impl Site {
    async fn sqlite() -> Self {
        Self::on(World::sqlite()).await
    }

    /// `None`: no PostgreSQL here, counted as skipped.
    async fn postgres() -> Option<Self> {
        Some(Self::on(World::postgres().await?).await)
    }

    async fn on(world: World) -> Self {
        let world = world
            .with("VUTF__RATE_LIMIT__ENABLED", "false")
            .with("VUTF__KEYS__SCHEDULER_INTERVAL", "1s")
            .with("VUTF__KEYS__RELOAD_INTERVAL", "1s");
        let builder = world.server();
        let server = builder.spawn().unwrap();
        let api = ApiClient::new(server.base_url()).unwrap();
        let admin = Admin::bootstrap(&server, &api).await;
        let first = custodian(&api, &admin, "first").await;
        let second = custodian(&api, &admin, "second").await;
        Self {
            world,
            builder,
            server,
            api,
            admin,
            first,
            second,
        }
    }

    async fn get(&self, by: &Admin, path: &str) -> Answer {
        self.api.get(path).bearer(&by.tokens.access).send().await.unwrap()
    }

    async fn post(&self, by: &Admin, path: &str, body: &Value) -> Answer {
        let call = self.api.post(path).bearer(&by.tokens.access).json(body);
        call.send().await.unwrap()
    }

    /// Makes a key for a purpose by the first custodian.
    async fn create(&self, body: &Value) -> Value {
        json_of(&self.post(&self.first, "/api/v1/keys", body).await, 201)
    }

    /// A verb on a key by the first custodian.
    async fn act(&self, key: &Value, verb: &str) -> Answer {
        let path = format!("/api/v1/keys/{}/{verb}", text(&key["id"]));
        self.post(&self.first, &path, &json!({"reason": "superseded"}))
            .await
    }

    /// What comes of the second custodian's approval, once no replica can be using the key any more.
    async fn approved(&self, request: &Value) -> Value {
        let path = format!("/api/v1/keys/requests/{}/approve", text(&request["id"]));
        loop {
            let answer = self.post(&self.second, &path, &json!({})).await;
            if answer.status == 200 {
                return answer.json().unwrap();
            }
            assert_eq!(refused(&answer, 409), "VUTF_KEY_SETTLING");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The versions of a purpose, oldest first.
    async fn versions(&self, purpose: &str) -> Vec<(u64, String)> {
        let list = json_of(&self.get(&self.first, "/api/v1/keys").await, 200);
        let own = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|key| key["purpose"] == purpose);
        own.map(|key| (key["version"].as_u64().unwrap(), text(&key["state"])))
            .collect()
    }

    /// The active key of a purpose.
    async fn active(&self, purpose: &str) -> Value {
        let list = json_of(&self.get(&self.first, "/api/v1/keys").await, 200);
        let mut all = list["items"].as_array().unwrap().iter();
        let found = all.find(|key| key["purpose"] == purpose && key["state"] == "active");
        found.unwrap().clone()
    }

    /// Runs a command beside the server; exit code, standard output and standard error.
    fn command(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let done = self.builder.command(arguments).unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (done.status.code(), text(done.stdout), text(done.stderr))
    }
}

async fn custodian(api: &ApiClient, admin: &Admin, name: &str) -> Admin {
    let person = Person::new(name);
    let body = json!({
        "username": person.username, "email": person.email, "password": person.password, "roles": ["key_custodian"],
    });
    let made = api.post("/api/v1/users").bearer(&admin.tokens.access).json(&body);
    made.expect(201).await.unwrap();
    Admin::login(api, person).await
}

/// The body of an answer that must have this status.
#[track_caller]
fn json_of(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.json().unwrap()
}

/// The code of a refusal, once it was found to be a whole problem document with this status.
#[track_caller]
fn refused(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.is_problem(), "{}", answer.text());
    text(&answer.json().unwrap()["code"])
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
