//! Who must have a second factor and has proved none may do nothing but enrol one.

use std::{sync::Arc, time::Duration};

use actix_web::{http::Method as HttpMethod, test::TestRequest};
use serde_json::{Value, json};
use vutf_identity::{Settings, mfa::EnrolmentPolicy};
use vutf_server::http::{
    route::{Access, Endpoint},
    table::ROUTES,
};
use vutf_testkit::passkey::SoftPasskey;

use super::world::{PASSWORD, World, bearer, get, post, world};

const PAGE: &str = "http://localhost:8080";

/// Where the grace period is over as soon as a role is given.
async fn strict() -> World {
    let mut world = world(&[]).await;
    let state = Arc::get_mut(&mut world.state).unwrap();
    let enrolment = EnrolmentPolicy {
        grace: Duration::ZERO,
        ..EnrolmentPolicy::default()
    };
    state.identity.settings = Arc::new(Settings {
        enrolment,
        ..(*state.identity.settings).clone()
    });
    world
}

fn request(endpoint: &Endpoint) -> TestRequest {
    let method = HttpMethod::from_bytes(endpoint.method.as_str().as_bytes()).unwrap();
    let path = endpoint
        .path
        .replace("{id}", "01937b6e-5b5c-7d3e-8f00-000000000001");
    let path = path
        .replace("{purpose}", "field:users")
        .replace("{rule}", "mass-read")
        .replace("{role}", "auditor");
    TestRequest::default().method(method).uri(&path)
}

async fn add_passkey(world: &World, access: &str) -> SoftPasskey {
    let call = post("/api/v1/me/mfa/passkeys/register/begin", &Value::Null);
    let begun = world.send(bearer(call, access)).await;
    let (passkey, credential) = SoftPasskey::create(PAGE, &begun.json()["public_key"]).unwrap();
    let body = json!({"name": "phone", "credential": credential});
    let finish = post("/api/v1/me/mfa/passkeys/register/finish", &body);
    let added = world.send(bearer(finish, access)).await;
    assert_eq!(added.status, 201, "{}", added.json());
    passkey
}

#[actix_web::test]
async fn after_the_grace_period_a_session_of_one_factor_reaches_nothing_but_enrolment() {
    let world = strict().await;
    let access = world.admin().await;
    let mut refused = 0;
    for endpoint in ROUTES.iter().map(|route| &route.endpoint) {
        if endpoint.access == Access::Anonymous || endpoint.is_for_enrolment() {
            continue;
        }
        let answer = world.send(bearer(request(endpoint), &access)).await;
        let what = format!("{} {}", endpoint.method.as_str(), endpoint.path);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "VUTF_SECOND_FACTOR_NEEDED"),
            "{what}"
        );
        refused += 1;
    }
    assert!(refused > 80, "{refused} routes");
    let events = world.events();
    let recorded = events
        .iter()
        .filter(|(.., reason)| reason == "second_factor_needed");
    assert!(recorded.count() >= refused, "each is in the log");
    for path in ["/api/v1/me", "/api/v1/me/mfa", "/api/v1/me/mfa/passkeys"] {
        assert_eq!(world.send(bearer(get(path), &access)).await.status, 200, "{path}");
    }
}

#[actix_web::test]
async fn whoever_enrols_goes_on_at_once_and_other_sessions_prove_it_first() {
    let world = strict().await;
    let (access, before) = (world.admin().await, world.login("ada").await);
    let users = |access: &str| bearer(get("/api/v1/users"), access);
    assert_eq!(world.send(users(&access)).await.status, 403);
    let mut passkey = add_passkey(&world, &access).await;
    assert_eq!(world.send(users(&access)).await.status, 200);
    assert_eq!(
        world.send(users(&before)).await.code(),
        "VUTF_SECOND_FACTOR_NEEDED"
    );
    let asked = post("/api/v1/auth/step-up/passkey", &Value::Null);
    let asked = world.send(bearer(asked, &before)).await.json();
    let body = json!({"method": "passkey", "credential": passkey.answer(&asked["public_key"]).unwrap()});
    let done = world
        .send(bearer(post("/api/v1/auth/step-up", &body), &before))
        .await;
    assert_eq!(done.status, 200, "{}", done.json());
    assert_eq!(world.send(users(&before)).await.status, 200);
}

#[actix_web::test]
async fn whose_roles_reach_nobody_else_is_asked_for_nothing() {
    let world = strict().await;
    let account = json!({"username": "grace", "email": "grace@example.org", "password": PASSWORD});
    let made = world.send(post("/api/v1/auth/register", &account)).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let access = world.login("grace").await;
    let sessions = world.send(bearer(get("/api/v1/me/sessions"), &access)).await;
    assert_eq!(sessions.status, 200, "{}", sessions.json());
}

#[actix_web::test]
async fn within_the_grace_period_the_first_administrator_starts() {
    let world = world(&[]).await;
    let access = world.admin().await;
    assert_eq!(
        world.send(bearer(get("/api/v1/users"), &access)).await.status,
        200
    );
}
