//! Rotation, rewrapping, and keys whose life has gone on.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use vutf_app::KeyReloader;
use vutf_crypto_keys::{
    KeyRecord, KeyState, KeyWrapper, Keyring, KeysetPolicy, Purpose, ReasonCode, Registry, ServiceUse,
    plan_keyset, plan_transition,
};
use vutf_kernel::{Clock as _, Detail, SystemClock};

use super::{Setup, b64, setup};

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

impl Setup {
    /// Brings the first version of `encrypt:orders` into a state.
    async fn bring(&mut self, next: KeyState) {
        let keyring = &self.world.state.keyring;
        let purpose = Purpose::service(ServiceUse::Encrypt, "orders");
        let mut rows = self.rows.iter_mut();
        let row = rows
            .find(|row| row.purpose == purpose && row.version == 1)
            .unwrap();
        let reason = ReasonCode::Unspecified.into();
        *row = plan_transition(keyring, SystemClock.now(), row, next, reason)
            .unwrap()
            .record;
        self.load().await;
    }
}

#[actix_web::test]
async fn the_state_of_a_version_decides_what_becomes_of_its_ciphertexts() {
    let mut setup = setup().await;
    let old = setup.encrypted("secret", "c").await;
    for (state, code) in [
        (KeyState::Suspended, "key_suspended"),
        (KeyState::Deactivated, "ok"),
        (KeyState::Compromised, "ok"),
        (KeyState::Destroyed, "key_destroyed"),
    ] {
        setup.bring(state).await;
        let items = json!([{"ciphertext": old, "context": b64("c")}]);
        let opened = setup.results("decrypt", "orders", items).await;
        assert_eq!(
            opened[0]["error"]["code"].as_str().unwrap_or("ok"),
            code,
            "{state}"
        );
        let item = json!({"plaintext": b64("x"), "context": b64("c")});
        let answer = setup
            .send("encrypt", &json!({"key": "orders", "items": [item]}))
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (409, "VUTF_NO_ACTIVE_KEY"),
            "{state}"
        );
    }
}

#[actix_web::test]
async fn versions_below_the_minimum_are_refused_for_each_item() {
    let mut setup = setup().await;
    let old = setup.encrypted("secret", "c").await;
    setup.rotate(ServiceUse::Encrypt).await;
    let new = setup.encrypted("secret", "c").await;
    let tenant = setup
        .rows
        .iter()
        .find(|row| row.purpose == Purpose::Tenant)
        .unwrap();
    let state = &setup.world.state;
    let policy = KeysetPolicy {
        minimum_version: 2,
        ..KeysetPolicy::default()
    };
    let purpose = Purpose::service(ServiceUse::Encrypt, "orders");
    let keyset = plan_keyset(&state.keyring, SystemClock.now(), tenant, &purpose, None, policy).unwrap();
    let registry = Registry {
        keys: setup.rows.clone(),
        keysets: vec![keyset],
        ..Registry::default()
    };
    state
        .keyring
        .load_registry(&*state.wrapper, &registry)
        .await
        .unwrap();
    let items = json!([
        {"ciphertext": old, "context": b64("c")},
        {"ciphertext": new, "context": b64("c")},
    ]);
    for verb in ["decrypt", "rewrap"] {
        let results = setup.results(verb, "orders", items.clone()).await;
        assert_eq!(results[0]["error"]["code"], "key_version_below_minimum", "{verb}");
        assert!(results[1].get("error").is_none(), "{verb}: {}", results[1]);
    }
}
