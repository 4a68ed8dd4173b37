//! Who may call what, tried on every route of the table.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{http::Method as HttpMethod, test::TestRequest};
use serde_json::json;
use vutf_identity::role::BUILT_IN;
use vutf_server::http::{
    route::{Access, Endpoint},
    table::ROUTES,
};

use super::world::{PASSWORD, bearer, call, post, world};

const SOME_ID: &str = "01937b6e-5b5c-7d3e-8f00-000000000001";

fn request(endpoint: &Endpoint) -> TestRequest {
    let method = HttpMethod::from_bytes(endpoint.method.as_str().as_bytes()).unwrap();
    TestRequest::default().method(method).uri(
        &endpoint
            .path
            .replace("{id}", SOME_ID)
            .replace("{purpose}", "field:users"),
    )
}

#[actix_web::test]
async fn strangers_reach_the_open_routes_and_no_other() {
    let world = world(&[]).await;
    let app = world.app().await;
    for route in ROUTES {
        let endpoint = &route.endpoint;
        let answer = call(&app, request(endpoint)).await;
        let what = format!("{} {}", endpoint.method.as_str(), endpoint.path);
        if endpoint.access == Access::Anonymous {
            assert_ne!(answer.status, 401, "{what}");
        } else {
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (401, "VUTF_UNAUTHENTICATED"),
                "{what}"
            );
            assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="violentutf""#);
        }
    }
}

#[actix_web::test]
async fn every_role_is_held_to_the_matrix() {
    let world = world(&[]).await;
    let admin = world.admin().await;
    let app = world.app().await;
    for role in BUILT_IN {
        let name = format!("holder-{}", role.name);
        let body = json!({
            "username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "roles": [role.name],
        });
        let made = call(&app, bearer(post("/api/v1/users", &body), &admin)).await;
        assert_eq!(made.status, 201, "{}", made.json());
        for route in ROUTES {
            let endpoint = &route.endpoint;
            let Access::Permission(needed) = &endpoint.access else {
                continue;
            };
            // A fresh token each time: a call may have ended the session.
            let token = world.login(&name).await;
            let answer = call(&app, bearer(request(endpoint), &token)).await;
            let what = format!("{} {} by {}", endpoint.method.as_str(), endpoint.path, role.name);
            let refused = answer.status == 403;
            assert_eq!(
                refused,
                !role.permissions().contains(needed),
                "{what}: {}",
                answer.status
            );
        }
    }
}

#[actix_web::test]
async fn a_token_must_be_one() {
    let world = world(&[]).await;
    let token = world.admin().await;
    let flipped = format!("{}x", &token[..token.len() - 1]);
    for (header, code) in [
        (format!("Bearer {flipped}"), "VUTF_INVALID_TOKEN"),
        ("Bearer v4.public.".to_owned(), "VUTF_INVALID_TOKEN"),
        ("Bearer ".to_owned(), "VUTF_INVALID_TOKEN"),
        ("Basic YTpi".to_owned(), "VUTF_UNAUTHENTICATED"),
        (token.clone(), "VUTF_UNAUTHENTICATED"),
    ] {
        let request = TestRequest::get()
            .uri("/api/v1/me")
            .insert_header(("authorization", header.clone()));
        let answer = world.send(request).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, code), "{header}");
    }
    let twice = bearer(TestRequest::get().uri("/api/v1/me"), &token)
        .append_header(("authorization", format!("Bearer {token}")));
    assert_eq!(world.send(twice).await.status, 401);
}

/// Whoever refuses or does it, the guard or the use case, an action is on one kind of thing.
#[actix_web::test]
async fn an_action_names_one_kind_of_resource_whoever_records_it() {
    let world = world(&[]).await;
    let app = world.app().await;
    let mut kinds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    world.admin().await;
    for role in ["super_admin", "user"] {
        let name = format!("holder-{role}");
        let body = json!({
            "username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "roles": [role],
        });
        let made = call(
            &app,
            bearer(post("/api/v1/users", &body), &world.login("ada").await),
        )
        .await;
        assert_eq!(made.status, 201, "{}", made.json());
        for route in ROUTES {
            // Once by nobody, once by somebody; a fresh token each time, as a call may have ended the session.
            call(&app, request(&route.endpoint)).await;
            call(&app, bearer(request(&route.endpoint), &world.login(&name).await)).await;
        }
    }
    for event in world.store.events() {
        let seen = kinds.entry(event.action.into_owned()).or_default();
        seen.insert(event.resource.kind.into_owned());
    }
    for route in ROUTES {
        let endpoint = &route.endpoint;
        if endpoint.unaudited().is_none() {
            let expected = BTreeSet::from([endpoint.action.resource.to_owned()]);
            assert_eq!(
                kinds.get(endpoint.action.name),
                Some(&expected),
                "{}",
                endpoint.action.name
            );
        }
    }
}

#[actix_web::test]
async fn refusals_are_in_the_audit_log_once() {
    let world = world(&[]).await;
    world.admin().await;
    let before = world.events().len();
    world.send(TestRequest::get().uri("/api/v1/users")).await;
    let body = json!({"username": "ada", "password": "not the right pass phrase"});
    world.send(post("/api/v1/auth/login", &body)).await;
    world
        .send(post("/api/v1/auth/login", &json!({"username": "ada"})))
        .await;
    world.send(TestRequest::get().uri("/api/v1/nowhere")).await;
    let refused = |action: &str, reason: &str| (action.to_owned(), "refused".to_owned(), reason.to_owned());
    assert_eq!(
        world.events()[before..],
        [
            refused("user.list", "unauthenticated"),
            refused("session.login", "wrong_password"),
            refused("session.login", "missing_field"),
        ]
    );
}
