//! API keys over HTTP: what a key may call, how it is presented, how it ends, and what the log tells of it.

use std::time::Duration;

use actix_web::{http::Method as HttpMethod, test::TestRequest};
use serde_json::{Value, json};
use vutf_identity::{role::permission, session::Ends};
use vutf_kernel::{Actor, Detail, UserId};
use vutf_server::http::{route::Access, table::ROUTES};

use super::world::{Answer, PASSWORD, World, bearer, call, get, post, world};

const SOME_ID: &str = "01937b6e-5b5c-7d3e-8f00-000000000001";
const OWN: &str = "/api/v1/me/api-keys";

fn delete(path: &str) -> TestRequest {
    TestRequest::delete().uri(path)
}

fn keyed(request: TestRequest, secret: &str) -> TestRequest {
    request.insert_header(("x-api-key", secret))
}

fn plan(scopes: &[&str]) -> Value {
    json!({"name": "nightly export", "scopes": scopes})
}

/// Secret and id.
fn made(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 201, "{}", answer.json());
    let body = answer.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&body["secret"]), text(&body["api_key"]["id"]))
}

impl World {
    async fn key(&self, token: &str, scopes: &[&str]) -> (String, String) {
        made(&self.send(bearer(post(OWN, &plan(scopes)), token)).await)
    }
    async fn register(&self, name: &str) -> String {
        let account = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
        assert_eq!(
            self.send(post("/api/v1/auth/register", &account)).await.status,
            201
        );
        self.login(name).await
    }
    async fn by_key(&self, path: &str, secret: &str) -> u16 {
        self.send(keyed(get(path), secret)).await.status
    }
    /// Who acted in the last event, and on what it is.
    fn last(&self) -> vutf_kernel::Event {
        self.store.events().pop().unwrap()
    }
}

/// With every scope there is, of somebody who has every right.
#[actix_web::test]
async fn a_key_reaches_what_the_list_says_and_nothing_else() {
    let world = world(&[]).await;
    let admin = world.admin().await;
    let all: Vec<&str> = permission::ALL.iter().map(|(name, _)| *name).collect();
    let (secret, _) = world.key(&admin, &all).await;
    let app = world.app().await;
    for route in ROUTES {
        let endpoint = &route.endpoint;
        let method = HttpMethod::from_bytes(endpoint.method.as_str().as_bytes()).unwrap();
        let path = endpoint
            .path
            .replace("{id}", SOME_ID)
            .replace("{purpose}", "field:users");
        let request = TestRequest::default().method(method).uri(&path);
        let answer = call(&app, keyed(request, &secret)).await;
        let what = format!("{} {}", endpoint.method.as_str(), endpoint.path);
        if endpoint.is_open_to_keys() {
            assert!(
                ![401, 403].contains(&answer.status) || endpoint.access == Access::Anonymous,
                "{what}: {}",
                answer.status
            );
        } else {
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "VUTF_SESSION_NEEDED"),
                "{what}"
            );
            assert_eq!(world.last().actor.kind(), "api_key", "{what}");
        }
        // Whatever lets a person prove, change or keep who they are is closed.
        let closed = endpoint.demand().is_some()
            || (endpoint.access == Access::Session && endpoint.path != "/api/v1/me")
            || (endpoint.access == Access::Session && endpoint.method.as_str() != "GET");
        assert!(!closed || !endpoint.is_open_to_keys(), "{what}");
    }
}

#[actix_web::test]
async fn scopes_bound_what_the_owner_may_do() {
    let world = world(&[]).await;
    let admin = world.admin().await;
    let (secret, _) = world.key(&admin, &["users:read"]).await;
    assert_eq!(world.by_key("/api/v1/users", &secret).await, 200);
    let refused = world.send(keyed(get("/api/v1/roles"), &secret)).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "VUTF_FORBIDDEN"));
    let refused = world.send(keyed(get("/api/v1/me"), &secret)).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "VUTF_PERMISSION_DENIED")
    );
    let beyond = world
        .send(bearer(
            post(OWN, &plan(&["users:read"])),
            &world.register("eve").await,
        ))
        .await;
    assert_eq!(
        (beyond.status, beyond.code().as_str()),
        (403, "VUTF_SCOPES_EXCEED_OWNER")
    );
}

#[actix_web::test]
async fn either_header_does_and_both_do_not() {
    let world = world(&[]).await;
    let token = world.register("ada").await;
    let (secret, id) = world.key(&token, &["self:manage"]).await;
    for request in [
        keyed(get("/api/v1/me"), &secret),
        bearer(get("/api/v1/me"), &secret),
        keyed(get("/api/v1/me"), &format!(" {secret} ")),
    ] {
        assert_eq!(world.send(request).await.status, 200);
        let event = world.last();
        let Actor::ApiKey { user_id, key_id } = event.actor else {
            panic!("{:?}", event.actor);
        };
        assert_eq!((key_id.to_string(), event.subjects), (id.clone(), vec![user_id]));
    }
    for request in [
        keyed(bearer(get("/api/v1/me"), &token), &secret),
        keyed(bearer(get("/api/v1/me"), &secret), &secret),
        keyed(get("/api/v1/me"), &secret).append_header(("x-api-key", secret.as_str())),
    ] {
        let answer = world.send(request).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, "VUTF_SEVERAL_CREDENTIALS")
        );
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer realm="violentutf", error="invalid_request""#
        );
    }
}

/// What a caller sees of a refusal, without what differs with every request.
fn seen(answer: &Answer) -> (u16, String, Value) {
    let mut body = answer.json();
    body["request_id"] = Value::Null;
    (answer.status, answer.header("www-authenticate").to_owned(), body)
}

#[actix_web::test]
async fn every_bad_key_gets_the_same_answer_and_its_own_reason_in_the_log() {
    let world = world(&[]).await;
    let token = world.register("ada").await;
    let (good, _) = world.key(&token, &["self:manage"]).await;
    let (revoked, revoked_id) = world.key(&token, &["self:manage"]).await;
    let ended = world
        .send(bearer(delete(&format!("{OWN}/{revoked_id}")), &token))
        .await;
    assert_eq!(ended.status, 204);
    let mut elsewhere = plan(&["self:manage"]);
    elsewhere["networks"] = json!(["192.0.2.0/24"]);
    let (elsewhere, _) = made(&world.send(bearer(post(OWN, &elsewhere), &token)).await);
    let unknown = vutf_identity::api_key::Token::generate(&mut vutf_kernel::OsEntropy).to_text();
    let flipped = format!("{}{}", &good[..62], if good.ends_with('0') { '1' } else { '0' });
    let mut answers = Vec::new();
    for (secret, reason, told) in [
        ("", "api_key_malformed", false),
        ("vutf_", "api_key_malformed", false),
        ("a password in the wrong header", "api_key_malformed", false),
        (&good[..62], "api_key_malformed", false),
        (&flipped, "api_key_checksum", false),
        (unknown.expose(), "api_key_unknown", true),
        (&revoked, "api_key_revoked", true),
        (&elsewhere, "api_key_wrong_network", true),
    ] {
        let answer = world.send(keyed(get("/api/v1/me"), secret)).await;
        assert_eq!(answer.code(), "VUTF_INVALID_API_KEY");
        answers.push(seen(&answer));
        let event = world.last();
        assert_eq!(
            (event.action.as_ref(), event.outcome.reason()),
            ("user.read", Some(reason))
        );
        let lookup = told.then(|| Detail::Text(secret[5..13].to_owned()));
        assert_eq!(event.details.get("lookup"), lookup.as_ref(), "{reason}");
        assert_eq!(
            event.details.contains_key("api_key"),
            told && reason != "api_key_unknown"
        );
        assert!(!format!("{event:?}").contains(secret) || secret.is_empty() || secret == "vutf_");
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!(answers[0].0, 401);
    assert_eq!(
        answers[0].1,
        r#"Bearer realm="violentutf", error="invalid_token""#
    );
}

#[actix_web::test]
async fn a_key_is_made_shown_rotated_and_ended() {
    let world = world(&[]).await;
    let token = world.register("ada").await;
    let mut body = plan(&["self:manage"]);
    body["expires_in_seconds"] = json!(3_600);
    body["networks"] = json!(["10.0.0.0/8"]);
    let first = world.send(bearer(post(OWN, &body), &token)).await;
    let (secret, id) = made(&first);
    assert_eq!(first.header("cache-control"), "no-store");
    assert_eq!(first.header("location"), format!("{OWN}/{id}"));
    let key = first.json()["api_key"].clone();
    assert_eq!(key["lookup"], secret[5..13]);
    assert_eq!(
        (&key["networks"], &key["revoked_at"]),
        (&json!(["10.0.0.0/8"]), &Value::Null)
    );
    let shown = world.send(bearer(get(&format!("{OWN}/{id}")), &token)).await;
    assert_eq!((shown.status, shown.json()), (200, key.clone()));
    let listed = world.send(bearer(get(OWN), &token)).await.json();
    assert_eq!(listed, json!({"items": [key], "next_cursor": null}));
    assert!(!listed.to_string().contains(&secret));

    let rotate = format!("{OWN}/{id}/rotate");
    let next = world
        .send(bearer(post(&rotate, &json!({"overlap_seconds": 60})), &token))
        .await;
    let (_, next_id) = made(&next);
    let again = world.send(bearer(post(&rotate, &json!({})), &token)).await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (409, "VUTF_API_KEY_ROTATED")
    );
    let old = world
        .send(bearer(get(&format!("{OWN}/{id}")), &token))
        .await
        .json();
    assert_eq!(old["successor"], next_id.as_str());
    let gone = world
        .send(bearer(delete(&format!("{OWN}/{next_id}")), &token))
        .await;
    assert_eq!(gone.status, 204);
    for (body, pointer) in [
        (json!({"name": "", "scopes": ["self:manage"]}), "/name"),
        (
            json!({"name": "x", "scopes": ["self:manage"], "networks": ["::/0", "10.0.0.1/8"]}),
            "/networks/1",
        ),
    ] {
        let refused = world.send(bearer(post(OWN, &body), &token)).await;
        assert_eq!(
            (refused.status, refused.json()["errors"][0]["pointer"].clone()),
            (400, json!(pointer))
        );
    }
    let stranger = world.register("eve").await;
    let theirs = world.send(bearer(get(&format!("{OWN}/{id}")), &stranger)).await;
    assert_eq!(
        (theirs.status, theirs.code().as_str()),
        (404, "VUTF_API_KEY_NOT_FOUND")
    );
}

#[actix_web::test]
async fn an_administrator_makes_a_program_and_its_keys() {
    let world = world(&[]).await;
    let admin = world.admin().await;
    let body = json!({"username": "nightly-export", "display_name": "Exports", "roles": ["auditor"]});
    let account = world
        .send(bearer(post("/api/v1/service-accounts", &body), &admin))
        .await;
    assert_eq!(account.status, 201, "{}", account.json());
    assert_eq!(account.json()["kind"], "service");
    let owner = account.json()["id"].as_str().unwrap().to_owned();
    let listed = world
        .send(bearer(get("/api/v1/service-accounts"), &admin))
        .await
        .json();
    assert_eq!(listed["items"][0]["id"], owner.as_str());
    let persons = world
        .send(bearer(get("/api/v1/users?kind=person"), &admin))
        .await
        .json();
    assert_eq!(persons["items"].as_array().unwrap().len(), 1);

    let body = json!({"owner": owner, "api_key": plan(&["users:read"])});
    let answer = world.send(bearer(post("/api/v1/api-keys", &body), &admin)).await;
    assert!(answer.header("location").starts_with("/api/v1/api-keys/"));
    let (secret, id) = made(&answer);
    assert_eq!(world.by_key("/api/v1/users", &secret).await, 200);
    let of_owner = world
        .send(bearer(get(&format!("/api/v1/api-keys?owner={owner}")), &admin))
        .await
        .json();
    assert_eq!(of_owner["items"][0]["id"], id.as_str());
    let one = world
        .send(bearer(get(&format!("/api/v1/api-keys/{id}")), &admin))
        .await;
    assert_eq!(
        (one.status, one.json()["owner"].as_str()),
        (200, Some(owner.as_str()))
    );
    let rotate = format!("/api/v1/api-keys/{id}/rotate");
    let next = world
        .send(bearer(post(&rotate, &json!({"overlap_seconds": 0})), &admin))
        .await;
    let (next, next_id) = made(&next);
    assert_eq!(world.by_key("/api/v1/users", &secret).await, 401);
    assert_eq!(world.by_key("/api/v1/users", &next).await, 200);
    // A lock bars it at once, and lifting the lock gives it back.
    for (verb, status) in [("lock", 401), ("unlock", 200), ("disable", 401), ("enable", 200)] {
        let path = format!("/api/v1/users/{owner}/{verb}");
        assert_eq!(
            world.send(bearer(post(&path, &json!({})), &admin)).await.status,
            200
        );
        assert_eq!(world.by_key("/api/v1/users", &next).await, status, "{verb}");
    }
    let ended = world
        .send(bearer(delete(&format!("/api/v1/api-keys/{next_id}")), &admin))
        .await;
    assert_eq!(ended.status, 204);
    assert_eq!(world.by_key("/api/v1/users", &next).await, 401);
    // Nobody signs in as a program.
    let login = json!({"username": "nightly-export", "password": PASSWORD});
    assert_eq!(world.send(post("/api/v1/auth/login", &login)).await.status, 401);
    // Nobody makes a key in a person's name.
    world.register("eve").await;
    let eve = world
        .send(bearer(get("/api/v1/users?kind=person"), &admin))
        .await
        .json();
    let body = json!({"owner": eve["items"][1]["id"], "api_key": plan(&["self:manage"])});
    let refused = world.send(bearer(post("/api/v1/api-keys", &body), &admin)).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "VUTF_OWNER_IS_A_PERSON")
    );
}

#[actix_web::test]
async fn each_key_has_a_budget_of_its_own() {
    let world = world(&[("rate_limit.enabled", "true"), ("rate_limit.default", "3")]).await;
    let token = world.register("ada").await;
    let (one, _) = world.key(&token, &["self:manage"]).await;
    let (two, _) = world.key(&token, &["self:manage"]).await;
    for _ in 0..3 {
        assert_eq!(world.by_key("/api/v1/me", &one).await, 200);
    }
    assert_eq!(world.by_key("/api/v1/me", &one).await, 429);
    assert_eq!(world.by_key("/api/v1/me", &two).await, 200);
    assert_eq!(world.send(bearer(get("/api/v1/me"), &token)).await.status, 200);
    let policy = world.send(bearer(post(OWN, &json!({})), &token)).await;
    assert_eq!(policy.header("ratelimit-policy"), "\"key-create\";q=5;w=60");
}

#[actix_web::test]
async fn a_use_is_noted_beside_the_request() {
    let world = world(&[]).await;
    let token = world.register("ada").await;
    let (secret, id) = world.key(&token, &["self:manage"]).await;
    for _ in 0..3 {
        assert_eq!(world.by_key("/api/v1/me", &secret).await, 200);
    }
    for _ in 0..200 {
        let shown = world
            .send(bearer(get(&format!("{OWN}/{id}")), &token))
            .await
            .json();
        if shown["last_used_at"].is_string() {
            return;
        }
        actix_web::rt::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the use was never noted");
}

#[actix_web::test]
async fn an_old_session_makes_no_key() {
    let world = world(&[]).await;
    let token = world.register("ada").await;
    let me = world.send(bearer(get("/api/v1/me"), &token)).await.json();
    let user: UserId = me["id"].as_str().unwrap().parse().unwrap();
    let identity = &world.state.identity;
    let now = identity.ambient.now();
    let mut unit = vutf_kernel::Units::begin(&*identity.store).await.unwrap();
    let organization = vutf_kernel::OrganizationId::DEFAULT;
    let sessions = unit.sessions().live_of(organization, user, now).await.unwrap();
    let mut assurance = sessions[0].assurance.clone();
    assurance.auth_time = now.minus(Duration::from_secs(301));
    let ends = Ends {
        expires_at: sessions[0].expires_at,
        idle_expires_at: sessions[0].idle_expires_at,
    };
    let aged = unit
        .sessions()
        .reauthenticate(organization, sessions[0].id, &assurance, ends, now)
        .await;
    assert!(aged.unwrap());
    unit.commit().await.unwrap();
    identity.sessions.forget_user(user);
    let refused = world
        .send(bearer(post(OWN, &plan(&["self:manage"])), &token))
        .await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (401, "VUTF_INSUFFICIENT_USER_AUTHENTICATION")
    );
}
