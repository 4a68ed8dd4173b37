//! The audit log over HTTP, against the real binary.

mod analysis;
mod own;
mod search;

use serde_json::{Value, json};
use vutf_testkit::{
    client::{Answer, ApiClient, Person, Tokens},
    process::ServerProcess,
};

use crate::e2e::world::{Admin, World, signed_in};

/// A server with an administrator who may see the log, and two people.
struct Site {
    // Kept for as long as the server runs.
    _world: World,
    _server: ServerProcess,
    api: ApiClient,
    admin: Admin,
    ada: Someone,
    bob: Someone,
}

struct Someone {
    person: Person,
    tokens: Tokens,
    id: String,
}

impl Someone {
    async fn new(api: &ApiClient, name: &str) -> Self {
        let person = Person::new(name);
        let tokens = signed_in(api, &person).await;
        let id = api.me(&tokens).expect(200).await.unwrap().id().unwrap();
        Self { person, tokens, id }
    }
}

impl Site {
    async fn new() -> Self {
        let world = World::sqlite().with("VUTF__RATE_LIMIT__ENABLED", "false");
        let server = world.server().spawn().unwrap();
        let api = ApiClient::new(server.base_url()).unwrap();
        let admin = Admin::bootstrap(&server, &api).await;
        let ada = Someone::new(&api, "ada").await;
        let bob = Someone::new(&api, "bob").await;
        Self {
            _world: world,
            _server: server,
            api,
            admin,
            ada,
            bob,
        }
    }

    async fn get(&self, by: &Tokens, path: &str) -> Answer {
        self.api.get(path).bearer(&by.access).send().await.unwrap()
    }

    /// The items of a part of a list, and where the next one begins.
    async fn part(&self, by: &Tokens, path: &str) -> (Vec<Value>, Option<String>) {
        let answer = self.get(by, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let body = answer.json().unwrap();
        let next = body["next_cursor"].as_str().map(str::to_owned);
        (body["items"].as_array().unwrap().clone(), next)
    }

    async fn events(&self, query: &str) -> Vec<Value> {
        let path = format!("/api/v1/audit/events?{query}");
        self.api.all(&path, &self.admin.tokens).await.unwrap()
    }

    /// The administrator's id.
    async fn admin_id(&self) -> String {
        let me = self.api.me(&self.admin.tokens).expect(200).await.unwrap();
        me.id().unwrap()
    }

    /// The administrator locks somebody for a moment, under a request of a name.
    async fn lock_and_unlock(&self, id: &str, request: &str) {
        for verb in ["lock", "unlock"] {
            let version = self.get(&self.admin.tokens, &format!("/api/v1/users/{id}")).await;
            let call = self.api.post(&format!("/api/v1/users/{id}/{verb}"));
            let call = call
                .bearer(&self.admin.tokens.access)
                .header("x-request-id", request)
                .header("if-match", version.header("etag").unwrap())
                .json(&json!({}));
            call.expect(200).await.unwrap();
        }
    }
}

fn actions(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .map(|item| item["action"].as_str().unwrap())
        .collect()
}
