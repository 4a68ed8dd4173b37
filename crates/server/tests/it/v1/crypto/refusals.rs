//! Requests that are refused as a whole: nothing is done, and the audit log says so once.

use actix_web::test::TestRequest;
use serde_json::{Value, json};
use vutf_kernel::{Detail, Outcome};

use super::{b64, setup, setup_with};
use crate::http::world::{bearer, get, post};

type Case<'a> = (&'a str, Value, u16, &'a str);

/// Each is refused with status and code, and is one event with the same reason.
async fn refused(cases: &[Case<'_>]) {
    let setup = setup().await;
    for (verb, body, status, code) in cases {
        let before = setup.world.events().len();
        let answer = setup.send(verb, body).await;
        let expected = (*status, format!("VUTF_{code}"));
        assert_eq!((answer.status, answer.code()), expected, "{verb} {body}");
        let event = (
            format!("crypto.{verb}"),
            "refused".to_owned(),
            code.to_lowercase(),
        );
        assert_eq!(setup.world.events()[before..], [event], "{verb} {body}");
    }
}

fn item() -> Value {
    json!({"plaintext": b64("x"), "context": b64("c")})
}

fn of_key(key: &str, items: &[Value]) -> Value {
    json!({"key": key, "items": items})
}

#[actix_web::test]
async fn one_to_a_hundred_items_are_a_request() {
    refused(&[
        (
            "encrypt",
            of_key("orders", &vec![item(); 101]),
            400,
            "NUMBER_OF_ITEMS",
        ),
        ("encrypt", of_key("orders", &[]), 400, "NUMBER_OF_ITEMS"),
    ])
    .await;
}

#[actix_web::test]
async fn a_key_has_a_name_and_one_use() {
    let input = json!({"input": b64("x")});
    refused(&[
        ("encrypt", of_key("Orders", &[item()]), 400, "INVALID_KEY_NAME"),
        ("encrypt", of_key("", &[item()]), 400, "INVALID_KEY_NAME"),
        ("encrypt", of_key("nothing", &[item()]), 404, "KEY_NOT_FOUND"),
        (
            "hmac",
            of_key("invoices", std::slice::from_ref(&input)),
            404,
            "KEY_NOT_FOUND",
        ),
        ("sign", of_key("invoices", &[input]), 404, "KEY_NOT_FOUND"),
    ])
    .await;
}

#[actix_web::test]
async fn a_body_has_the_documented_form() {
    let bare = json!({"plaintext": ""});
    let number = json!({"plaintext": 7, "context": "YQ=="});
    refused(&[
        ("encrypt", json!({"key": "orders"}), 400, "MISSING_FIELD"),
        ("encrypt", json!({"items": [item()]}), 400, "MISSING_FIELD"),
        ("encrypt", of_key("orders", &[bare]), 400, "MISSING_FIELD"),
        (
            "encrypt",
            json!({"key": "orders", "items": [item()], "nonce": "AAAA"}),
            400,
            "UNKNOWN_FIELD",
        ),
        ("encrypt", of_key("orders", &[json!(7)]), 400, "WRONG_TYPE"),
        ("encrypt", of_key("orders", &[number]), 400, "WRONG_TYPE"),
        ("encrypt", json!(["orders", [item()]]), 400, "WRONG_TYPE"),
    ])
    .await;
}

#[actix_web::test]
async fn what_is_verified_is_of_one_kind() {
    let claim = json!({"input": b64("x"), "hmac": "vutf:v1:AAAA"});
    let signed = json!({"input": b64("x"), "signature": "vutf:v1:AAAA"});
    let both = json!({"input": b64("x"), "hmac": "vutf:v1:AAAA", "signature": "vutf:v1:AAAA"});
    let neither = json!({"input": b64("x")});
    refused(&[
        ("verify", of_key("orders", &[both]), 400, "INVALID_VALUE"),
        ("verify", of_key("orders", &[neither]), 400, "INVALID_VALUE"),
        ("verify", of_key("orders", &[claim, signed]), 400, "INVALID_VALUE"),
    ])
    .await;
}

#[actix_web::test]
async fn a_member_that_occurs_twice_is_refused() {
    let setup = setup().await;
    for body in [
        r#"{"key":"orders","key":"orders","items":[{"plaintext":"","context":"YQ=="}]}"#,
        r#"{"key":"orders","items":[{"plaintext":"","context":"YQ==","context":"YQ=="}]}"#,
    ] {
        let request = TestRequest::post()
            .uri("/api/v1/crypto/encrypt")
            .insert_header(("content-type", "application/json"))
            .set_payload(body);
        let answer = setup.world.send(bearer(request, &setup.token)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "VUTF_DUPLICATE_KEY"),
            "{body}"
        );
    }
}

#[actix_web::test]
async fn a_body_is_as_long_as_the_limit_and_no_longer() {
    let setup = setup_with(&[("server.body_limit", "64KiB")]).await;
    let body = |length: usize| json!({"key": "orders", "items": [{"plaintext": b64(&"x".repeat(length)), "context": b64("c")}]});
    // Longer than a string of any other route may be.
    let answer = setup.send("encrypt", &body(40_000)).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let answer = setup.send("encrypt", &body(60_000)).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "VUTF_BODY_TOO_LARGE")
    );
}

#[actix_web::test]
async fn what_was_sent_in_a_wrong_place_is_neither_repeated_nor_recorded() {
    let setup = setup().await;
    let secret = "hunter2 is the secret";
    let body = json!({"key": secret, "items": [{"plaintext": b64("x"), "context": b64("c")}]});
    let answer = setup.send("encrypt", &body).await;
    assert_eq!(answer.status, 400);
    assert!(!answer.json().to_string().contains("hunter2"));
    let event = setup.last_event("crypto.encrypt");
    assert!(!format!("{event:?}").contains("hunter2"));
    assert!(!event.details.contains_key("key"));
}

#[actix_web::test]
async fn a_refusal_names_the_key_that_was_asked_for() {
    let setup = setup().await;
    setup
        .send(
            "decrypt",
            &json!({"key": "nothing", "items": [{"ciphertext": "", "context": ""}]}),
        )
        .await;
    let event = setup.last_event("crypto.decrypt");
    assert_eq!(event.outcome, Outcome::refused("key_not_found"));
    assert_eq!(event.details["key"], Detail::Text("encrypt:nothing".into()));
}

#[actix_web::test]
async fn who_has_no_permission_uses_no_key() {
    let setup = setup().await;
    let body = json!({
        "username": "eve", "email": "eve@example.org", "password": crate::http::world::PASSWORD, "roles": [],
    });
    let made = setup
        .world
        .send(bearer(post("/api/v1/users", &body), &setup.token))
        .await;
    assert_eq!(made.status, 201, "{}", made.json());
    let token = setup.world.login("eve").await;
    let requests: [(&str, Value); 6] = [
        ("encrypt", json!({"plaintext": "", "context": "YQ=="})),
        ("decrypt", json!({"ciphertext": "", "context": "YQ=="})),
        ("rewrap", json!({"ciphertext": "", "context": "YQ=="})),
        ("hmac", json!({"input": ""})),
        ("sign", json!({"input": ""})),
        ("verify", json!({"input": "", "hmac": ""})),
    ];
    for (verb, item) in requests {
        let request = post(
            &format!("/api/v1/crypto/{verb}"),
            &json!({"key": "orders", "items": [item]}),
        );
        let answer = setup.world.send(bearer(request, &token)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "VUTF_FORBIDDEN"),
            "{verb}"
        );
        let event = setup.last_event(&format!("crypto.{verb}"));
        assert_eq!(event.outcome, Outcome::refused("forbidden"));
    }
    let request = get("/api/v1/crypto/public-keys?key=orders");
    assert_eq!(setup.world.send(bearer(request, &token)).await.status, 403);
}

#[actix_web::test]
async fn the_public_keys_of_what_does_not_sign_are_not_there() {
    let setup = setup().await;
    for (query, status) in [
        ("?key=invoices", 404),
        ("", 400),
        ("?key=%00", 400),
        ("?key=A", 400),
    ] {
        let request = get(&format!("/api/v1/crypto/public-keys{query}"));
        let answer = setup.world.send(bearer(request, &setup.token)).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.json());
    }
}
