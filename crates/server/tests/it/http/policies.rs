//! Policies over HTTP: what the guard makes of them, and what the log says.

use actix_web::test::TestRequest;
use serde_json::{Value, json};
use vutf_kernel::{Detail, Outcome};
use vutf_server::http::{route::Access, table::ROUTES};

use super::world::{PASSWORD, World, bearer, call, get, post, world};

const ID: &str = "01937b6e-5b5c-7d3e-8f00-000000000009";

fn put(id: &str, rule: &Value) -> TestRequest {
    TestRequest::put()
        .uri(&format!("/api/v1/policies/{id}"))
        .set_json(json!({"name": "nobody locks", "rule": rule}))
}

async fn person(world: &World, admin: &str, name: &str, roles: &[&str]) -> (String, String) {
    let body = json!({
        "username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "roles": roles,
    });
    let made = world.send(bearer(post("/api/v1/users", &body), admin)).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    (id, world.login(name).await)
}

#[actix_web::test]
async fn a_policy_is_made_shown_changed_and_deleted() {
    let world = world(&[]).await;
    let admin = world.admin().await;
    let rule = json!({"effect": "forbid", "permissions": ["users:lock"], "roles": ["admin"]});
    let made = world.send(bearer(put(ID, &rule), &admin)).await;
    assert_eq!(
        (made.status, made.header("etag")),
        (201, "\"v1\""),
        "{}",
        made.json()
    );
    let path = format!("/api/v1/policies/{ID}");
    let seen = world.send(bearer(get(&path), &admin)).await;
    assert_eq!(seen.json(), made.json());
    assert_eq!(seen.json()["rule"]["permissions"], json!(["users:lock"]));
    let again = world.send(bearer(put(ID, &rule), &admin)).await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (428, "VUTF_PRECONDITION_REQUIRED")
    );
    let tagged = |tag: &'static str| bearer(put(ID, &rule), &admin).insert_header(("if-match", tag));
    assert_eq!(world.send(tagged("\"v7\"")).await.status, 412);
    assert_eq!(world.send(tagged("\"v1\"")).await.header("etag"), "\"v2\"");
    let list = world.send(bearer(get("/api/v1/policies"), &admin)).await;
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 1);
    let delete = bearer(TestRequest::delete().uri(&path), &admin).insert_header(("if-match", "\"v2\""));
    assert_eq!(world.send(delete).await.status, 204);
    assert_eq!(
        world.send(bearer(get(&path), &admin)).await.code(),
        "VUTF_POLICY_NOT_FOUND"
    );
}

#[actix_web::test]
async fn the_guard_refuses_what_a_policy_forbids_and_the_log_says_why() {
    let world = world(&[]).await;
    let admin = world.admin().await;
    let (_, boss) = person(&world, &admin, "boss", &["admin"]).await;
    let (target, _) = person(&world, &admin, "grace", &[]).await;
    let rule = json!({"effect": "forbid", "permissions": ["users:*"], "roles": ["admin"],
        "unless": [{"resource_own": true}]});
    assert_eq!(world.send(bearer(put(ID, &rule), &admin)).await.status, 201);
    let path = format!("/api/v1/users/{target}/lock");
    let refused = world.send(bearer(post(&path, &json!({})), &boss)).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "VUTF_FORBIDDEN_BY_POLICY")
    );
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("nobody locks")
    );
    let events = world.store.events();
    let event = events.iter().rfind(|event| event.action == "user.lock").unwrap();
    assert_eq!(event.outcome, Outcome::refused("forbidden_by_policy"));
    assert_eq!(event.details["policy"], Detail::Text(ID.to_owned()));
    assert_eq!(event.details["permission"], Detail::Text("users:lock".to_owned()));
    assert_eq!(
        event.details["granted_by"],
        Detail::List(vec!["admin".to_owned()])
    );
    // The super administrator holds no such role; one's own account is excepted.
    assert_eq!(
        world.send(bearer(post(&path, &json!({})), &admin)).await.status,
        200
    );
    let me = world.send(bearer(get("/api/v1/me"), &boss)).await;
    let own = format!("/api/v1/users/{}", me.json()["id"].as_str().unwrap());
    assert_eq!(world.send(bearer(get(&own), &boss)).await.status, 200);
    let others = world
        .send(bearer(get(&format!("/api/v1/users/{target}")), &boss))
        .await;
    assert_eq!(others.status, 403);
    // Whoever lacks the permission is told that, and the log which.
    let (_, plain) = person(&world, &admin, "plain", &[]).await;
    assert_eq!(
        world.send(bearer(get("/api/v1/users"), &plain)).await.code(),
        "VUTF_FORBIDDEN"
    );
    let events = world.store.events();
    let event = events.iter().rfind(|event| event.action == "user.list").unwrap();
    assert_eq!(event.details["missing"], Detail::Text("users:read".to_owned()));
}

#[actix_web::test]
async fn no_policy_bars_the_ways_by_which_one_meets_it() {
    let world = world(&[]).await;
    let admin = world.admin().await;
    let (_, plain) = person(&world, &admin, "plain", &[]).await;
    let rule = json!({"effect": "forbid", "permissions": ["self:manage"], "roles": ["user"],
        "unless": [{"acr_at_least": "aal2"}]});
    // It takes `self:manage` away from its writer, too; policies they may go on changing.
    assert_eq!(world.send(bearer(put(ID, &rule), &admin)).await.status, 201);
    let app = world.app().await;
    let refused = call(&app, bearer(get("/api/v1/me"), &plain)).await;
    assert_eq!(refused.code(), "VUTF_FORBIDDEN_BY_POLICY");
    let enrol = call(&app, bearer(post("/api/v1/me/mfa/totp", &json!({})), &plain)).await;
    assert_eq!(enrol.status, 201, "{}", enrol.json());
    let why = json!({"permission": "self:manage"});
    let why = call(&app, bearer(post("/api/v1/authz/explain", &why), &plain)).await;
    assert_eq!((why.status, &why.json()["decision"]), (200, &json!("deny")));
    assert_eq!(why.json()["policies"][0]["id"], ID);
    let out = call(
        &app,
        bearer(TestRequest::post().uri("/api/v1/auth/logout"), &plain),
    )
    .await;
    assert_eq!(out.status, 204);
    let open = ROUTES.iter().map(|route| &route.endpoint);
    let open = open.filter(|endpoint| endpoint.access == Access::Session && endpoint.leads_back());
    for endpoint in open {
        assert!(
            ["/api/v1/auth/", "/api/v1/me/mfa"]
                .iter()
                .any(|prefix| endpoint.path.starts_with(prefix)),
            "{}",
            endpoint.path
        );
    }
}

#[actix_web::test]
async fn a_mistake_is_named_where_it_stands() {
    let world = world(&[]).await;
    let admin = world.admin().await;
    for (rule, code) in [
        (json!("forbid"), "policy_form"),
        (json!({"effect": "permit", "permissions": ["*"]}), "policy_form"),
        (
            json!({"effect": "forbid", "permissions": []}),
            "policy_permission",
        ),
        (
            json!({"effect": "forbid", "permissions": ["*"], "roles": ["root"]}),
            "policy_role",
        ),
        (
            json!({"effect": "forbid", "permissions": ["*"], "when": [{"all": []}]}),
            "policy_condition",
        ),
    ] {
        let answer = world.send(bearer(put(ID, &rule), &admin)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "VUTF_INVALID_VALUE"),
            "{rule}"
        );
        let error = &answer.json()["errors"][0];
        assert_eq!(
            (&error["pointer"], &error["code"]),
            (&json!("/rule"), &json!(code)),
            "{rule}"
        );
        let trial = post("/api/v1/policies/validate", &json!({"rule": rule}));
        assert_eq!(world.send(bearer(trial, &admin)).await.status, 400, "{rule}");
    }
    let out = json!({"effect": "forbid", "permissions": ["*"]});
    let refused = world.send(bearer(put(ID, &out), &admin)).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "VUTF_POLICY_LOCKS_OUT")
    );
    let trial = post("/api/v1/policies/validate", &json!({"rule": out}));
    let trial = world.send(bearer(trial, &admin)).await;
    assert_eq!(trial.json()["locks_out"], true);
    assert_eq!(
        trial.json()["takes"].as_array().unwrap().len(),
        vutf_identity::role::permission::ALL.len()
    );
}

/// Every example of the guide is a policy, and none locks out whoever writes it at a desk in the office on a Monday.
#[test]
fn the_examples_of_the_guide_are_policies() {
    let guide = include_str!("../../../../../docs/guides/write-a-policy.md");
    let blocks = guide.split("```json\n").skip(1);
    let rules: Vec<&str> = blocks.map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(rules.len() >= 6, "{} examples", rules.len());
    for text in rules {
        if let Err(error) = vutf_identity::policy::Rule::parse(text) {
            panic!("{text}: {error}");
        }
    }
}
