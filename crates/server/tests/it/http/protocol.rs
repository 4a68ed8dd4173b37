//! What HTTP itself may go wrong with: each is a problem document, and each answer has its headers.

use actix_web::{http::Method, test::TestRequest};
use serde_json::json;

use super::world::{PASSWORD, bearer, call, get, post, world};

fn raw(path: &str, kind: &str, body: impl Into<Vec<u8>>) -> TestRequest {
    TestRequest::post()
        .uri(path)
        .insert_header(("content-type", kind))
        .set_payload(body.into())
}

#[actix_web::test]
async fn bad_bodies() {
    let world = world(&[]).await;
    let app = world.app().await;
    let deep = format!(r#"{{"username":{}{}}}"#, "[".repeat(11), "]".repeat(11));
    let large = format!(r#"{{"username":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    let long = format!(r#"{{"username":"{}"}}"#, "x".repeat(10_001));
    let json = "application/json";
    for (kind, body, status, code) in [
        (json, b"{".to_vec(), 400, "VUTF_INVALID_JSON"),
        (json, b"\xff\xfe".to_vec(), 400, "VUTF_INVALID_UTF8"),
        (json, b"".to_vec(), 400, "VUTF_INVALID_JSON"),
        (json, b"[]".to_vec(), 400, "VUTF_WRONG_TYPE"),
        (
            json,
            br#"{"username":1,"password":"x"}"#.to_vec(),
            400,
            "VUTF_WRONG_TYPE",
        ),
        (json, br#"{"username":"a"}"#.to_vec(), 400, "VUTF_MISSING_FIELD"),
        (
            json,
            br#"{"username":"a","password":"b","admin":true}"#.to_vec(),
            400,
            "VUTF_UNKNOWN_FIELD",
        ),
        (
            json,
            br#"{"username":"a","username":"b"}"#.to_vec(),
            400,
            "VUTF_DUPLICATE_KEY",
        ),
        (json, deep.into_bytes(), 400, "VUTF_JSON_TOO_DEEP"),
        (json, long.into_bytes(), 400, "VUTF_JSON_STRING_TOO_LONG"),
        (json, large.into_bytes(), 413, "VUTF_BODY_TOO_LARGE"),
        ("text/plain", b"{}".to_vec(), 415, "VUTF_UNSUPPORTED_MEDIA_TYPE"),
        (
            "application/x-www-form-urlencoded",
            b"a=b".to_vec(),
            415,
            "VUTF_UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "application/json; charset=utf-16",
            b"{}".to_vec(),
            415,
            "VUTF_UNSUPPORTED_MEDIA_TYPE",
        ),
    ] {
        let answer = call(&app, raw("/api/v1/auth/login", kind, body)).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    let packed = raw("/api/v1/auth/login", json, "{}").insert_header(("content-encoding", "gzip"));
    assert_eq!(call(&app, packed).await.code(), "VUTF_UNSUPPORTED_ENCODING");
}

#[actix_web::test]
async fn bad_targets() {
    let world = world(&[]).await;
    let app = world.app().await;
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/nope",
        "/api/v1/users/",
        "//api/v1/me",
        "/.env",
        "/api/v1/me%00",
    ] {
        let answer = call(&app, get(path)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "VUTF_UNKNOWN_ROUTE"),
            "{path}"
        );
    }
    let other = call(&app, get("/api/v2/users")).await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (400, "VUTF_UNSUPPORTED_VERSION")
    );
    assert_eq!(other.json()["supported_versions"], json!(["v1"]));
    let long = call(&app, get(&format!("/api/v1/users?x={}", "y".repeat(9_000)))).await;
    assert_eq!((long.status, long.code().as_str()), (414, "VUTF_URI_TOO_LONG"));
    let big = call(
        &app,
        get("/api/v1/me").insert_header(("x-big", "y".repeat(9_000))),
    )
    .await;
    assert_eq!((big.status, big.code().as_str()), (431, "VUTF_HEADERS_TOO_LARGE"));
}

#[actix_web::test]
async fn wrong_methods_name_the_right_ones() {
    let world = world(&[]).await;
    let app = world.app().await;
    for (method, path, allow) in [
        (Method::GET, "/api/v1/auth/login", "POST"),
        (Method::DELETE, "/api/v1/me", "GET, HEAD, PATCH"),
        (Method::OPTIONS, "/api/v1/users", "GET, HEAD, POST"),
        (Method::TRACE, "/health/live", "GET, HEAD"),
        (Method::from_bytes(b"BREW").unwrap(), "/docs", "GET, HEAD"),
    ] {
        let answer = call(&app, TestRequest::default().method(method).uri(path)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (405, "VUTF_METHOD_NOT_ALLOWED"),
            "{path}"
        );
        assert_eq!(answer.header("allow"), allow);
    }
    let head = TestRequest::default().method(Method::HEAD).uri("/health/live");
    assert_eq!(call(&app, head).await.status, 200);
}

#[actix_web::test]
async fn versions_and_types_are_negotiated() {
    let world = world(&[]).await;
    let token = world.admin().await;
    let app = world.app().await;
    let ask = |accept: &'static str| bearer(get("/api/v1/me"), &token).insert_header(("accept", accept));
    for accept in ["*/*", "application/json", "text/html, application/*;q=0.1"] {
        assert_eq!(
            call(&app, ask(accept)).await.header("content-type"),
            "application/json"
        );
    }
    let vendor = "application/vnd.violentutf.v1+json";
    assert_eq!(call(&app, ask(vendor)).await.header("content-type"), vendor);
    for accept in ["application/vnd.violentutf.v9+json", "text/html"] {
        let answer = call(&app, ask(accept)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (406, "VUTF_NOT_ACCEPTABLE"),
            "{accept}"
        );
        assert_eq!(answer.json()["supported_versions"], json!(["v1"]));
    }
}

#[actix_web::test]
async fn answers_are_compressed_on_request() {
    let world = world(&[]).await;
    let app = world.app().await;
    let plain = call(&app, get("/api/v1/openapi.json")).await;
    let packed = call(
        &app,
        get("/api/v1/openapi.json").insert_header(("accept-encoding", "gzip")),
    )
    .await;
    assert_eq!((plain.status, plain.header("content-encoding")), (200, ""));
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.body.len() * 3 < plain.body.len());
    let nothing = get("/api/v1/openapi.json").insert_header(("accept-encoding", "br, identity;q=0"));
    let answer = call(&app, nothing).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (406, "VUTF_NOT_ACCEPTABLE")
    );
}

#[actix_web::test]
async fn every_answer_has_its_headers() {
    let world = world(&[]).await;
    let app = world.app().await;
    for request in [
        get("/health/live"),
        get("/docs"),
        get("/nowhere"),
        get("/api/v1/me"),
        post(
            "/api/v1/auth/login",
            &json!({"username": "a", "password": PASSWORD}),
        ),
    ] {
        let answer = call(&app, request).await;
        for (name, value) in [
            ("api-version", "1"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
        assert!(
            answer
                .header("content-security-policy")
                .contains("default-src 'none'")
        );
        assert!(!answer.header("permissions-policy").is_empty());
        assert!(!answer.header("cache-control").is_empty());
        assert!(answer.header("server-timing").starts_with("total;dur="));
        assert_eq!(answer.header("x-request-id").len(), 36);
        assert_eq!(
            answer.header("strict-transport-security"),
            "",
            "no TLS, no promise"
        );
    }
}

#[actix_web::test]
async fn request_ids_are_echoed_when_they_have_the_form() {
    let world = world(&[]).await;
    for (sent, kept) in [("abc.DEF-1_2", true), ("with space", false), ("<b>", false)] {
        let answer = world
            .send(get("/nowhere").insert_header(("x-request-id", sent)))
            .await;
        assert_eq!(answer.header("x-request-id") == sent, kept, "{sent}");
        answer.code();
    }
    let long = "x".repeat(65);
    let answer = world
        .send(get("/nowhere").insert_header(("x-request-id", long.clone())))
        .await;
    assert_ne!(answer.header("x-request-id"), long);
}

#[actix_web::test]
async fn browsers_of_named_origins_only_may_read_answers() {
    let world = world(&[("server.cors_origins", "https://app.example")]).await;
    let app = world.app().await;
    let asked = |origin: &'static str| {
        TestRequest::default()
            .method(Method::OPTIONS)
            .uri("/api/v1/me")
            .insert_header(("origin", origin))
            .insert_header(("access-control-request-method", "GET"))
    };
    let friend = call(&app, asked("https://app.example")).await;
    assert_eq!(
        (friend.status, friend.header("access-control-allow-origin")),
        (204, "https://app.example")
    );
    let stranger = call(&app, asked("https://evil.example")).await;
    assert_eq!(
        (stranger.status, stranger.header("access-control-allow-origin")),
        (405, "")
    );
}

#[actix_web::test]
async fn a_failing_handler_hurts_nobody_and_tells_nothing() {
    let world = world(&[("server.request_timeout", "1s")]).await;
    let token = world.admin().await;
    let app = world.app().await;
    let keys = || bearer(get("/api/v1/keys"), &token);
    let down = call(&app, keys()).await;
    assert_eq!((down.status, down.code().as_str()), (503, "VUTF_UNAVAILABLE"));
    assert!(!String::from_utf8_lossy(&down.body).contains("10.1.2.3"));
    assert_eq!(down.header("retry-after"), "1");
    world.units.panics();
    let panicked = call(&app, keys()).await;
    assert_eq!(
        (panicked.status, panicked.code().as_str()),
        (500, "VUTF_INTERNAL")
    );
    assert!(!String::from_utf8_lossy(&panicked.body).contains("planted"));
    world.units.hangs();
    let late = call(&app, keys()).await;
    assert_eq!((late.status, late.code().as_str()), (503, "VUTF_TIMEOUT"));
    let outcomes: Vec<_> = world
        .events()
        .into_iter()
        .filter(|event| event.0 == "key.list")
        .collect();
    let failed = |reason: &str| ("key.list".to_owned(), "failed".to_owned(), reason.to_owned());
    assert_eq!(
        outcomes,
        [failed("unavailable"), failed("internal"), failed("timeout")]
    );
    assert_eq!(call(&app, bearer(get("/api/v1/me"), &token)).await.status, 200);
}
