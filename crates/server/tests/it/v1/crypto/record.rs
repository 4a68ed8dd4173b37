//! What the audit log says, and what happens when it cannot.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use vutf_crypto_keys::ServiceUse;
use vutf_kernel::{Detail, Event, EventRecorder, Fault, Outcome, PortError};

use super::{b64, setup};

fn text(text: &str) -> Detail {
    Detail::Text(text.to_owned())
}

fn list(texts: &[&str]) -> Detail {
    Detail::List(texts.iter().map(|text| (*text).to_owned()).collect())
}

#[actix_web::test]
async fn a_request_is_one_event_with_key_versions_and_numbers_and_without_data() {
    let mut setup = setup().await;
    let old = setup.encrypted("very secret", "alice@example.org").await;
    let event = setup.last_event("crypto.encrypt");
    assert_eq!(event.outcome, Outcome::Success);
    assert_eq!(event.details["key"], text("encrypt:orders"));
    assert_eq!(event.details["items"], Detail::Number(1));
    assert_eq!(event.details["failed"], Detail::Number(0));
    assert_eq!(event.details["versions"], list(&["1"]));
    let key = setup
        .rows
        .iter()
        .find(|row| row.purpose.to_string() == "encrypt:orders");
    assert_eq!(event.resource.id, Some(key.unwrap().id.as_uuid()));
    let shown = format!("{event:?}");
    for needle in [
        "very secret",
        "alice",
        &b64("very secret"),
        &b64("alice@example.org"),
        &old,
    ] {
        assert!(!shown.contains(needle), "{needle} in {shown}");
    }
    setup.rotate(ServiceUse::Encrypt).await;
    let new = setup.encrypted("x", "c").await;
    let before = setup.world.events().len();
    let items = json!([
        {"ciphertext": old, "context": b64("alice@example.org")},
        {"ciphertext": new, "context": b64("c")},
        {"ciphertext": new, "context": b64("other")},
        {"ciphertext": "x", "context": b64("c")},
        {"ciphertext": "y", "context": b64("c")},
    ]);
    setup.results("decrypt", "orders", items).await;
    assert_eq!(setup.world.events().len(), before + 1);
    let event = setup.last_event("crypto.decrypt");
    assert_eq!(event.outcome, Outcome::Success);
    assert_eq!(event.resource.id, None);
    assert_eq!(event.details["items"], Detail::Number(5));
    assert_eq!(event.details["failed"], Detail::Number(3));
    assert_eq!(event.details["versions"], list(&["1", "2"]));
    assert_eq!(
        event.details["failures"],
        list(&["malformed=2", "not_authentic=1"])
    );
}

#[actix_web::test]
async fn equal_contexts_are_told_as_equal_and_as_nothing_else() {
    let setup = setup().await;
    let mut seen = Vec::new();
    for context in ["alice", "bob", "alice"] {
        setup.encrypted("x", context).await;
        let Detail::List(digests) = setup.last_event("crypto.encrypt").details["contexts"].clone() else {
            panic!("no list");
        };
        assert_eq!(digests.len(), 1);
        assert_eq!(digests[0].len(), 22);
        seen.extend(digests);
    }
    assert_eq!(seen[0], seen[2]);
    assert_ne!(seen[0], seen[1]);
}

#[actix_web::test]
async fn a_request_of_which_nothing_succeeds_is_a_refusal() {
    let setup = setup().await;
    let items = json!([{"ciphertext": "x", "context": b64("c")}]);
    setup.results("decrypt", "orders", items).await;
    let event = setup.last_event("crypto.decrypt");
    assert_eq!(event.outcome, Outcome::refused("malformed"));
}

/// A log that takes nothing.
struct Full;

#[async_trait]
impl EventRecorder for Full {
    async fn record(&self, _: Event) -> Result<(), PortError> {
        Err(PortError::new("audit.record", Fault::Unreachable, "planted"))
    }
}

#[actix_web::test]
async fn what_cannot_be_recorded_is_not_given_out() {
    let mut setup = setup().await;
    let ciphertext = setup.encrypted("secret", "c").await;
    let state = Arc::get_mut(&mut setup.world.state).unwrap();
    state.identity.recorder = Arc::new(Full);
    for (verb, item) in [
        ("encrypt", json!({"plaintext": b64("x"), "context": b64("c")})),
        ("decrypt", json!({"ciphertext": ciphertext, "context": b64("c")})),
        ("rewrap", json!({"ciphertext": ciphertext, "context": b64("c")})),
        ("hmac", json!({"input": b64("x")})),
        ("sign", json!({"input": b64("x")})),
        ("verify", json!({"input": b64("x"), "hmac": "vutf:v1:AAAA"})),
    ] {
        let answer = setup.send(verb, &json!({"key": "orders", "items": [item]})).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (503, "VUTF_UNAVAILABLE"),
            "{verb}"
        );
        assert!(answer.header("retry-after").parse::<u64>().is_ok());
        assert!(!answer.json().to_string().contains("results"), "{verb}");
    }
}
