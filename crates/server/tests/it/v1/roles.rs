//! Roles that an organization makes, against the real binary.

use serde_json::{Value, json};
use vutf_testkit::{
    client::{Answer, ApiClient, Person},
    process::ServerProcess,
};

use crate::e2e::world::{Admin, World};

struct Site {
    // Kept for as long as the server runs.
    _world: World,
    _server: ServerProcess,
    api: ApiClient,
    root: Admin,
}

impl Site {
    async fn new() -> Self {
        let world = World::sqlite().with("VUTF__RATE_LIMIT__ENABLED", "false");
        let server = world.server().spawn().unwrap();
        let api = ApiClient::new(server.base_url()).unwrap();
        let root = Admin::bootstrap(&server, &api).await;
        Self {
            _world: world,
            _server: server,
            api,
            root,
        }
    }

    async fn make(&self, by: &Admin, name: &str, permissions: &[&str]) -> Answer {
        let call = self.api.post("/api/v1/roles").bearer(&by.tokens.access);
        let body = json!({"name": name, "permissions": permissions});
        call.json(&body).send().await.unwrap()
    }

    async fn person(&self, name: &str, roles: &[&str]) -> (Admin, String) {
        let person = Person::new(name);
        let body = json!({
            "username": person.username, "email": person.email, "password": person.password, "roles": roles,
        });
        let call = self.api.post("/api/v1/users").bearer(&self.root.tokens.access);
        let made = call.json(&body).expect(201).await.unwrap().json().unwrap();
        let id = made["id"].as_str().unwrap().to_owned();
        (Admin::login(&self.api, person).await, id)
    }

    async fn give(&self, user: &str, roles: &[&str]) -> Answer {
        let path = format!("/api/v1/users/{user}");
        let seen = self.api.get(&path).bearer(&self.root.tokens.access);
        let seen = seen.expect(200).await.unwrap();
        let call = self
            .api
            .put(&format!("{path}/roles"))
            .bearer(&self.root.tokens.access);
        let call = call.header("if-match", seen.header("etag").unwrap());
        call.json(&json!({"roles": roles})).send().await.unwrap()
    }

    async fn delete(&self, role: &str, tag: &str) -> Answer {
        let call = self
            .api
            .delete(&format!("/api/v1/roles/{role}"))
            .bearer(&self.root.tokens.access);
        call.header("if-match", tag).send().await.unwrap()
    }

    async fn lists_users(&self, by: &Admin) -> u16 {
        let call = self.api.get("/api/v1/users").bearer(&by.tokens.access);
        call.send().await.unwrap().status
    }
}

#[tokio::test]
async fn a_role_of_ones_own_grants_and_stops_granting_at_once() {
    let site = Site::new().await;
    assert_eq!(site.make(&site.root, "clerk", &["users:read"]).await.status, 201);
    let (ada, id) = site.person("ada", &["clerk"]).await;
    assert_eq!(site.lists_users(&ada).await, 200);
    let held: Value = site.delete("clerk", "\"v1\"").await.json().unwrap();
    assert_eq!(held["status"], 409, "{held}");
    assert!(
        held["detail"].as_str().unwrap().starts_with("1 accounts"),
        "{held}"
    );
    let path = "/api/v1/roles/clerk";
    let call = site
        .api
        .patch(path)
        .bearer(&site.root.tokens.access)
        .header("if-match", "\"v1\"");
    call.json(&json!({"permissions": ["self:manage"]}))
        .expect(200)
        .await
        .unwrap();
    assert_eq!(site.lists_users(&ada).await, 403);
    assert_eq!(site.make(&ada, "other", &["self:manage"]).await.status, 403);
    let kept: Value = site
        .make(&site.root, "other", &["roles:manage"])
        .await
        .json()
        .unwrap();
    assert_eq!(kept["errors"][0]["pointer"], "/permissions", "{kept}");
    assert_eq!(site.give(&id, &[]).await.status, 200);
    assert_eq!(site.delete("clerk", "\"v2\"").await.status, 204);
    assert_eq!(site.give(&id, &["clerk"]).await.status, 400);
}

#[tokio::test]
async fn of_32_who_give_and_delete_a_role_none_leaves_it_dangling() {
    let site = Site::new().await;
    assert_eq!(site.make(&site.root, "clerk", &["users:read"]).await.status, 201);
    let mut people = Vec::new();
    for number in 0..4 {
        people.push(site.person(&format!("racer{number}"), &[]).await.1);
    }
    let all = (0..32).map(|racer| {
        let (site, user) = (&site, &people[racer % 4]);
        async move {
            match racer % 2 {
                0 => site.give(user, &["clerk"]).await.status,
                _ => site.delete("clerk", "\"v1\"").await.status,
            }
        }
    });
    let statuses = futures_util::future::join_all(all).await;
    assert!(statuses.iter().all(|status| *status < 500), "{statuses:?}");
    let deleted = statuses.contains(&204);
    for user in &people {
        let seen = site
            .api
            .get(&format!("/api/v1/users/{user}"))
            .bearer(&site.root.tokens.access);
        let seen = seen.expect(200).await.unwrap().json().unwrap();
        let holds = seen["roles"].as_array().unwrap().contains(&json!("clerk"));
        assert!(!(deleted && holds), "{seen}");
    }
}
