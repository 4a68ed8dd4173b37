//! What is given back, item by item.

use serde_json::{Value, json};

use super::{b64, setup};
use crate::http::world::{bearer, get};

#[actix_web::test]
async fn what_is_encrypted_is_decrypted_in_the_order_of_the_items() {
    let setup = setup().await;
    let texts: Vec<String> = (0..100).map(|number| format!("4111 1111 {number:04}")).collect();
    let items: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(row, text)| json!({"plaintext": b64(text), "context": b64(&format!("orders/{row}"))}))
        .collect();
    let sealed = setup.results("encrypt", "orders", json!(items)).await;
    assert_eq!(sealed.len(), 100);
    let items: Vec<Value> = sealed
        .iter()
        .enumerate()
        .map(|(row, result)| {
            let ciphertext = result["ciphertext"].as_str().unwrap();
            assert!(ciphertext.starts_with("vutf:v1:"), "{ciphertext}");
            json!({"ciphertext": ciphertext, "context": b64(&format!("orders/{row}"))})
        })
        .collect();
    let opened = setup.results("decrypt", "orders", json!(items)).await;
    for (text, result) in texts.iter().zip(opened) {
        assert_eq!(result, json!({"plaintext": b64(text)}));
    }
}

#[actix_web::test]
async fn an_empty_plaintext_is_one() {
    let setup = setup().await;
    let ciphertext = setup.encrypted("", "c").await;
    let items = json!([{"ciphertext": ciphertext, "context": b64("c")}]);
    assert_eq!(
        setup.results("decrypt", "orders", items).await,
        [json!({"plaintext": ""})]
    );
}

#[actix_web::test]
async fn each_item_has_a_result_or_an_error_of_its_own() {
    let setup = setup().await;
    let long = "x".repeat(4_097);
    let items = json!([
        {"plaintext": b64("good"), "context": b64("c")},
        {"plaintext": "not base64", "context": b64("c")},
        {"plaintext": b64("x"), "context": "c"},
        {"plaintext": b64("x"), "context": ""},
        {"plaintext": b64("x"), "context": b64(&long)},
        {"plaintext": b64("good"), "context": b64(&long[1..])},
    ]);
    let results = setup.results("encrypt", "orders", items).await;
    let codes: Vec<_> = results
        .iter()
        .map(|result| result["error"]["code"].as_str().unwrap_or("ok"))
        .collect();
    assert_eq!(
        codes,
        [
            "ok",
            "invalid_base64",
            "invalid_base64",
            "empty_context",
            "context_too_long",
            "ok"
        ]
    );
    assert!(
        results[1]["error"]["detail"]
            .as_str()
            .unwrap()
            .contains("`plaintext`")
    );
    assert!(
        results[2]["error"]["detail"]
            .as_str()
            .unwrap()
            .contains("`context`")
    );
    assert!(results[1].get("ciphertext").is_none() && results[0].get("error").is_none());
}

#[actix_web::test]
async fn what_does_not_open_says_no_more_than_that() {
    let setup = setup().await;
    let good = setup.encrypted("secret", "row 1").await;
    let body = good.strip_prefix("vutf:v1:").unwrap();
    let other_key = json!([{"plaintext": b64("secret"), "context": b64("row 1")}]);
    let other_key = setup.results("encrypt", "invoices", other_key).await[0]["ciphertext"].clone();
    // One bit in the header, the commitment, the ciphertext and the tag.
    let flipped = |at: usize| {
        let mut text: Vec<char> = body.chars().collect();
        text[at] = if text[at] == 'A' { 'B' } else { 'A' };
        format!("vutf:v1:{}", text.into_iter().collect::<String>())
    };
    let cases = [
        (json!(good), "row 1", "ok"),
        (json!(good), "row 2", "not_authentic"),
        (other_key, "row 1", "not_authentic"),
        (json!(flipped(50)), "row 1", "not_authentic"),
        (json!(flipped(100)), "row 1", "not_authentic"),
        (json!(flipped(130)), "row 1", "not_authentic"),
        (json!(flipped(body.len() - 3)), "row 1", "not_authentic"),
        (json!(flipped(10)), "row 1", "unknown_key_version"),
        (json!(flipped(0)), "row 1", "malformed"),
        (json!(format!("vutf:v2:{body}")), "row 1", "malformed"),
        (json!(format!("vutf:v0:{body}")), "row 1", "malformed"),
        (json!(format!("vutf:v01:{body}")), "row 1", "malformed"),
        (json!(format!("vutf:v99999999999:{body}")), "row 1", "malformed"),
        (json!(format!("vault:v1:{body}")), "row 1", "malformed"),
        (json!(body), "row 1", "malformed"),
        (json!(&good[..60]), "row 1", "malformed"),
        (json!(format!("{good}=")), "row 1", "malformed"),
        (json!(""), "row 1", "malformed"),
        (json!(good), "", "empty_context"),
    ];
    let items: Vec<Value> = cases
        .iter()
        .map(|(ciphertext, context, _)| json!({"ciphertext": ciphertext, "context": b64(context)}))
        .collect();
    for verb in ["decrypt", "rewrap"] {
        let results = setup.results(verb, "orders", json!(items)).await;
        for (result, (ciphertext, context, expected)) in results.iter().zip(&cases) {
            let code = result["error"]["code"].as_str().unwrap_or("ok");
            assert_eq!(code, *expected, "{verb} of {ciphertext} for {context}");
        }
    }
}

#[actix_web::test]
async fn macs_are_verified() {
    let setup = setup().await;
    let items = json!([{"input": b64("a")}, {"input": "?"}, {"input": b64("b")}]);
    let made = setup.results("hmac", "orders", items).await;
    assert_eq!(made[1]["error"]["code"], "invalid_base64");
    let (a, b) = (&made[0]["hmac"], &made[2]["hmac"]);
    let claims = json!([
        {"input": b64("a"), "hmac": a},
        {"input": b64("b"), "hmac": b},
        {"input": b64("a"), "hmac": b},
        {"input": b64("a"), "hmac": "vutf:v1:AAAA"},
        {"input": b64("a"), "hmac": "vutf:v7:AAAA"},
        {"input": b64("a"), "hmac": "a"},
        {"input": "?", "hmac": a},
    ]);
    let verified = setup.results("verify", "orders", claims).await;
    assert_eq!(verified[..2], [json!({"valid": true}), json!({"valid": true})]);
    assert_eq!(verified[2], json!({"valid": false}));
    let codes: Vec<_> = verified[3..]
        .iter()
        .map(|result| &result["error"]["code"])
        .collect();
    assert_eq!(
        codes,
        ["malformed", "unknown_key_version", "malformed", "invalid_base64"]
    );
}

#[actix_web::test]
async fn signatures_are_verified_here_and_by_anybody_with_the_public_key() {
    let setup = setup().await;
    let made = setup
        .results("sign", "orders", json!([{"input": b64("release")}]))
        .await;
    let signature = made[0]["signature"].as_str().unwrap();
    let claims = json!([
        {"input": b64("release"), "signature": signature},
        {"input": b64("other"), "signature": signature},
    ]);
    let verified = setup.results("verify", "orders", claims).await;
    assert_eq!(verified, [json!({"valid": true}), json!({"valid": false})]);
    let request = get("/api/v1/crypto/public-keys?key=orders");
    let answer = setup.world.send(bearer(request, &setup.token)).await;
    let keys = answer.json();
    assert_eq!(keys["items"][0]["version"], 1, "{keys}");
    let row = setup
        .rows
        .iter()
        .find(|row| row.purpose.to_string() == "sign:orders");
    let stored = row.unwrap().public_key.clone().unwrap();
    let shown = keys["items"][0]["public_key"]
        .as_str()
        .unwrap()
        .replace('-', "+")
        .replace('_', "/");
    let binary: String = stored.iter().map(|byte| *byte as char).collect();
    assert_eq!(shown.len(), 43);
    assert_eq!(binary.chars().count(), 32);
    assert_eq!(
        setup.last_event("crypto.public_keys").details["count"],
        vutf_kernel::Detail::Number(1)
    );
}
