//! Rotation, rewrapping, and keys whose life has gone on.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use vutf_app::KeyReloader;
use vutf_crypto_keys::{KeyRecord, KeyWrapper, Keyring, ServiceUse};
use vutf_kernel::Detail;

use super::{b64, setup};

#[actix_web::test]
async fn the_newest_version_protects_and_rewrap_brings_older_ones_up() {
    let mut setup = setup().await;
    let old = setup.encrypted("secret", "row 1").await;
    setup.rotate(ServiceUse::Encrypt).await;
    let new = setup.encrypted("secret", "row 1").await;
    assert!(old.starts_with("vutf:v1:") && new.starts_with("vutf:v2:"));
    let items = json!([
        {"ciphertext": old, "context": b64("row 1")},
        {"ciphertext": new, "context": b64("row 1")},
        {"ciphertext": old, "context": b64("row 2")},
    ]);
    let rewrapped = setup.results("rewrap", "orders", items).await;
    assert_eq!(rewrapped[2]["error"]["code"], "not_authentic");
    for result in &rewrapped[..2] {
        assert_eq!(result.as_object().unwrap().len(), 1, "no plaintext: {result}");
        let ciphertext = result["ciphertext"].as_str().unwrap();
        assert!(ciphertext.starts_with("vutf:v2:") && ciphertext != new);
        let items = json!([{"ciphertext": ciphertext, "context": b64("row 1")}]);
        let opened = setup.results("decrypt", "orders", items).await;
        assert_eq!(opened, [json!({"plaintext": b64("secret")})]);
    }
}

#[actix_web::test]
async fn each_mac_and_signature_is_verified_by_its_own_version() {
    let mut setup = setup().await;
    for (verb, member, service) in [
        ("hmac", "hmac", ServiceUse::Mac),
        ("sign", "signature", ServiceUse::Sign),
    ] {
        let input = json!([{"input": b64("x")}]);
        let old = setup.results(verb, "orders", input.clone()).await[0][member].clone();
        setup.rotate(service).await;
        let new = setup.results(verb, "orders", input).await[0][member].clone();
        let relabelled = old.as_str().unwrap().replace("vutf:v1:", "vutf:v2:");
        let claim = |proof: &serde_json::Value| json!({"input": b64("x"), member: proof});
        let claims = json!([claim(&old), claim(&new), claim(&json!(relabelled))]);
        let verified = setup.results("verify", "orders", claims).await;
        let valid: Vec<_> = verified.iter().map(|result| result["valid"].as_bool()).collect();
        assert_eq!(valid, [Some(true), Some(true), Some(false)], "{verb}");
    }
}

/// What another replica made is found when it is met.
struct Elsewhere {
    keyring: Arc<Keyring>,
    wrapper: Arc<dyn KeyWrapper>,
    rows: Vec<KeyRecord>,
}

#[async_trait]
impl KeyReloader for Elsewhere {
    async fn reload(&self) -> bool {
        self.keyring.load(&*self.wrapper, self.rows.clone()).await.is_ok()
    }
}

#[actix_web::test]
async fn a_version_that_another_replica_made_is_loaded_when_it_is_met() {
    let mut setup = setup().await;
    let before = setup.rows.clone();
    setup.rotate(ServiceUse::Encrypt).await;
    let new = setup.encrypted("secret", "row 1").await;
    let (keyring, wrapper) = {
        let state = &setup.world.state;
        let fresh = Arc::new(Keyring::new());
        fresh.load(&*state.wrapper, before).await.unwrap();
        (fresh, Arc::clone(&state.wrapper))
    };
    let elsewhere = Elsewhere {
        keyring: Arc::clone(&keyring),
        wrapper,
        rows: setup.rows.clone(),
    };
    let state = Arc::get_mut(&mut setup.world.state).unwrap();
    state.keyring = keyring;
    state.reloader = Arc::new(elsewhere);
    let items = json!([{"ciphertext": new, "context": b64("row 1")}]);
    let opened = setup.results("decrypt", "orders", items).await;
    assert_eq!(opened, [json!({"plaintext": b64("secret")})]);
    let event = setup.last_event("crypto.decrypt");
    assert_eq!(event.details["versions"], Detail::List(vec!["2".into()]));
    assert_eq!(event.details["failed"], Detail::Number(0));
}
