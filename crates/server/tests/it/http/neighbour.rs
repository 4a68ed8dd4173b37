//! What the administrator of another tenant gets to see: nothing, on every route of the table.

use actix_web::{http::Method as HttpMethod, test::TestRequest};
use serde_json::{Value, json};
use vutf_identity::{
    Email, Username,
    bootstrap::{CreateAdmin, create_admin},
    session::login::{Client, LoggedIn, Login, login},
};
use vutf_kernel::{Actor, Ctx, OrganizationId, RequestId, Secret};
use vutf_server::http::{
    route::{Access, Endpoint, Method},
    table::ROUTES,
};

use super::world::{PASSWORD, World, bearer, call, post, world};

const NEXT_DOOR: OrganizationId =
    OrganizationId::from_uuid(uuid::Uuid::from_u128(0x7000_8000_0000_0000_0002));

fn next_door() -> Ctx {
    Ctx::internal(NEXT_DOOR, Actor::Operator, RequestId::parse("test").unwrap())
}

/// Makes the first administrator of another tenant.
async fn move_in(world: &World) {
    let command = CreateAdmin {
        username: Username::parse("eve").unwrap(),
        email: Email::parse("eve@example.org").unwrap(),
        password: Secret::new(PASSWORD.to_owned()),
    };
    create_admin(&next_door(), &world.state.identity, command)
        .await
        .unwrap();
}

/// An access token of theirs. Signing in over HTTP is the default tenant's.
async fn sign_in(world: &World) -> String {
    let command = Login {
        username: Secret::new("eve".to_owned()),
        password: Secret::new(PASSWORD.to_owned()),
        client: Client::default(),
    };
    let LoggedIn::SignedIn(signed_in) = login(&next_door(), &world.state.identity, command).await.unwrap()
    else {
        panic!("there is no second factor");
    };
    signed_in.access_token.expose().clone()
}

/// Ends the caller's own session; erases in a unit of work of all domains, which the twin has not (`erasure.rs` of the store's tests does).
const NOT_HERE: [&str; 2] = ["/api/v1/auth/logout", "/api/v1/users/{id}/erase"];

/// A body that the route takes, so that it comes to looking for the user.
fn body(endpoint: &Endpoint) -> Option<Value> {
    match (endpoint.method, endpoint.path) {
        (Method::Patch, "/api/v1/users/{id}") => Some(json!({"display_name": "Mallory"})),
        (Method::Put, "/api/v1/users/{id}/roles") => Some(json!({"roles": ["user"]})),
        _ => None,
    }
}

fn request(endpoint: &Endpoint, id: &str) -> TestRequest {
    let method = HttpMethod::from_bytes(endpoint.method.as_str().as_bytes()).unwrap();
    let request = TestRequest::default()
        .method(method)
        .uri(
            &endpoint
                .path
                .replace("{id}", id)
                .replace("{purpose}", "field:users"),
        )
        .insert_header(("if-match", "\"1\""));
    match body(endpoint) {
        Some(body) => request.set_json(body),
        None => request,
    }
}

#[actix_web::test]
async fn the_administrator_next_door_sees_and_changes_nobody() {
    let world = world(&[]).await;
    let admin = world.admin().await;
    let app = world.app().await;
    let made =
        json!({"username": "grace", "email": "grace@example.org", "password": PASSWORD, "roles": ["user"]});
    let made = call(&app, bearer(post("/api/v1/users", &made), &admin)).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let session = world.login("grace").await;
    move_in(&world).await;
    let mut tried = 0;
    for route in ROUTES {
        let endpoint = &route.endpoint;
        if endpoint.access == Access::Anonymous || NOT_HERE.contains(&endpoint.path) {
            continue;
        }
        // A fresh one each time: a call may have ended the session.
        let token = sign_in(&world).await;
        let what = format!("{} {}", endpoint.method.as_str(), endpoint.path);
        let answer = call(&app, bearer(request(endpoint, &id), &token)).await;
        if endpoint.answers_any_id() {
            assert_eq!(answer.json()["items"], json!([]), "{what}");
        } else if endpoint.takes_id() {
            assert!(answer.status >= 400, "{what}: {}", answer.status);
            tried += 1;
        }
        if endpoint.path.starts_with("/api/v1/users/{id}") {
            assert_eq!(answer.status, 404, "{what}: {}", answer.json());
        }
        let text = String::from_utf8_lossy(&answer.body).replace(endpoint.path, "");
        let named = text.contains("grace") || text.contains("ada@example.org");
        assert!(!named, "{what}: {text}");
    }
    assert!(tried >= 15, "{tried} routes name a thing by its id");
    let still = call(
        &app,
        bearer(TestRequest::get().uri(&format!("/api/v1/users/{id}")), &admin),
    )
    .await;
    assert_eq!(
        (still.status, &still.json()["version"]),
        (200, &made.json()["version"])
    );
    let own = call(&app, bearer(TestRequest::get().uri("/api/v1/me"), &session)).await;
    assert_eq!(own.status, 200, "the session goes on");
}
