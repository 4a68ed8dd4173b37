//! From registration to sign-out, and the administration beside it.

use actix_web::test::TestRequest;
use serde_json::json;

use super::world::{PASSWORD, bearer, call, get, post, world};

#[actix_web::test]
async fn a_person_registers_signs_in_changes_their_name_and_leaves() {
    let world = world(&[]).await;
    let app = world.app().await;
    let account = json!({"username": "grace", "email": "grace@example.org", "password": PASSWORD});
    let made = call(&app, post("/api/v1/auth/register", &account)).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), format!("/api/v1/users/{id}"));
    let again = call(&app, post("/api/v1/auth/register", &account)).await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (409, "VUTF_IDENTITY_TAKEN")
    );

    let login = json!({"username": "grace@example.org", "password": PASSWORD});
    let tokens = call(&app, post("/api/v1/auth/login", &login)).await.json();
    assert_eq!(
        (tokens["status"].as_str(), tokens["token_type"].as_str()),
        (Some("authenticated"), Some("Bearer"))
    );
    let token = tokens["access_token"].as_str().unwrap();

    let me = call(&app, bearer(get("/api/v1/me"), token)).await;
    assert_eq!(me.json()["roles"], json!(["user"]));
    let tag = me.header("etag").to_owned();
    let patch = |tag: Option<&str>| {
        let body = json!({"display_name": "Grace Hopper"});
        let change = bearer(TestRequest::patch().uri("/api/v1/me").set_json(body), token);
        match tag {
            Some(tag) => change.insert_header(("if-match", tag)),
            None => change,
        }
    };
    let missing = call(&app, patch(None)).await;
    assert_eq!(
        (missing.status, missing.code().as_str()),
        (428, "VUTF_PRECONDITION_REQUIRED")
    );
    let changed = call(&app, patch(Some(&tag))).await;
    assert_eq!(
        (changed.status, changed.json()["display_name"].as_str()),
        (200, Some("Grace Hopper"))
    );
    assert_ne!(changed.header("etag"), tag);
    let stale = call(&app, patch(Some(&tag))).await;
    assert_eq!((stale.status, stale.code().as_str()), (412, "VUTF_STALE_VERSION"));

    let refresh = json!({"refresh_token": tokens["refresh_token"]});
    let next = call(&app, post("/api/v1/auth/refresh", &refresh)).await;
    assert_eq!(next.status, 200);
    assert_ne!(next.json()["refresh_token"], tokens["refresh_token"]);

    let left = call(
        &app,
        bearer(TestRequest::post().uri("/api/v1/auth/logout"), token),
    )
    .await;
    assert_eq!((left.status, left.body.len()), (204, 0));
    let after = call(&app, bearer(get("/api/v1/me"), token)).await;
    assert_eq!((after.status, after.code().as_str()), (401, "VUTF_SESSION_ENDED"));
}

#[actix_web::test]
async fn every_refused_value_is_named_at_once() {
    let world = world(&[]).await;
    let account = json!({"username": "x", "email": "nowhere", "password": PASSWORD});
    let answer = world.send(post("/api/v1/auth/register", &account)).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "VUTF_INVALID_VALUE")
    );
    let document = answer.json();
    let pointers: Vec<_> = document["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/username", "/email"]);
    let weak = json!({"username": "grace", "email": "grace@example.org", "password": "short"});
    let answer = world.send(post("/api/v1/auth/register", &weak)).await;
    assert_eq!(answer.code(), "VUTF_INVALID_PASSWORD");
    assert_eq!(answer.json()["errors"][0]["pointer"], "/password");
    assert!(!answer.json().to_string().contains("\"short\""));
}

#[actix_web::test]
async fn lists_come_in_parts_whose_cursors_cannot_be_forged() {
    let world = world(&[]).await;
    let token = world.admin().await;
    let app = world.app().await;
    for name in ["grace", "edsger", "barbara"] {
        let body = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
        assert_eq!(
            call(&app, bearer(post("/api/v1/users", &body), &token))
                .await
                .status,
            201
        );
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/users?limit=3".to_owned();
    let mut cursor = String::new();
    loop {
        let part = call(&app, bearer(get(&path), &token)).await.json();
        let items = part["items"].as_array().unwrap().clone();
        seen.extend(
            items
                .into_iter()
                .map(|item| item["username"].as_str().unwrap().to_owned()),
        );
        let Some(next) = part["next_cursor"].as_str() else {
            break;
        };
        next.clone_into(&mut cursor);
        path = format!("/api/v1/users?limit=3&cursor={next}");
    }
    assert_eq!(seen, ["ada", "grace", "edsger", "barbara"]);
    let mut forged = cursor.clone().into_bytes();
    forged[3] = if forged[3] == b'A' { b'B' } else { b'A' };
    for (path, code) in [
        (
            format!("/api/v1/users?cursor={}", String::from_utf8(forged).unwrap()),
            "VUTF_INVALID_CURSOR",
        ),
        ("/api/v1/users?cursor=x".to_owned(), "VUTF_INVALID_CURSOR"),
        (
            format!("/api/v1/audit/events?cursor={cursor}"),
            "VUTF_INVALID_CURSOR",
        ),
        ("/api/v1/users?limit=0".to_owned(), "VUTF_INVALID_QUERY"),
        ("/api/v1/users?limit=101".to_owned(), "VUTF_INVALID_QUERY"),
        ("/api/v1/users?status=weird".to_owned(), "VUTF_INVALID_QUERY"),
        (
            "/api/v1/users?admin=true".to_owned(),
            "VUTF_UNKNOWN_QUERY_PARAMETER",
        ),
        ("/api/v1/users/1".to_owned(), "VUTF_INVALID_PARAMETER"),
    ] {
        let answer = call(&app, bearer(get(&path), &token)).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{path}");
    }
}

#[actix_web::test]
async fn a_locked_user_is_out_at_once() {
    let world = world(&[]).await;
    let admin = world.admin().await;
    let account = json!({"username": "grace", "email": "grace@example.org", "password": PASSWORD});
    let id = world.send(post("/api/v1/auth/register", &account)).await.json()["id"].clone();
    let id = id.as_str().unwrap();
    let token = world.login("grace").await;
    let lock = |verb: &str| {
        bearer(
            TestRequest::post().uri(&format!("/api/v1/users/{id}/{verb}")),
            &admin,
        )
    };
    let locked = world.send(lock("lock")).await;
    assert_eq!(
        (locked.status, locked.json()["status"].as_str()),
        (200, Some("locked"))
    );
    assert_eq!(world.send(bearer(get("/api/v1/me"), &token)).await.status, 401);
    let again = world.send(lock("lock")).await;
    assert_eq!((again.status, again.code().as_str()), (409, "VUTF_ACCOUNT_STATE"));
    assert_eq!(world.send(lock("unlock")).await.status, 200);
    world.login("grace").await;
}
