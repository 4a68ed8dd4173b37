//! The transit engine, on OpenBao.

use std::{fs, os::unix::fs::PermissionsExt as _, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Value, json};
use vutf_crypto_keys::KeyWrapper;
use vutf_kernel::{Fault, Secret};
use vutf_kms::{VaultAuth, VaultCredential, VaultError, VaultOptions, VaultWrapper};
use vutf_testkit::servers::{OpenBao, OpenBaoAccess, require_openbao};

use crate::{
    conformance::{Candidates, Outage, an_outage_is_told_and_survived, away, conforms, unique},
    script::Script,
};

conforms!(openbao, candidates());

async fn candidates() -> Option<Candidates> {
    let bao = require_openbao()?;
    let (key, other) = (make_key(&bao), make_key(&bao));
    let open = |key: &str| Arc::new(VaultWrapper::new(&options(&bao, key)).unwrap());
    let provider = open(&key);
    provider.check().await.unwrap();
    Some(Candidates {
        provider,
        again: open(&key),
        other: open(&other),
        keep: Box::new(()),
    })
}

fn make_key(bao: &OpenBaoAccess) -> String {
    let key = unique("kek");
    bao.write(&format!("transit/keys/{key}"), &json!({"type": "aes256-gcm96"}))
        .unwrap();
    key
}

fn options(bao: &OpenBaoAccess, key: &str) -> VaultOptions {
    at(&bao.address, key, text(&bao.root_token))
}

fn at(address: &str, key: &str, token: VaultCredential) -> VaultOptions {
    VaultOptions {
        address: address.into(),
        namespace: None,
        mount: "transit".into(),
        key: key.into(),
        auth: VaultAuth::Token(token),
        ca_file: None,
        timeout: Duration::from_secs(30),
    }
}

fn text(secret: &str) -> VaultCredential {
    VaultCredential::Text(Secret::new(secret.into()))
}

/// A token that may do with `key` what `operations` say, and its time to live.
fn token_for(bao: &OpenBaoAccess, key: &str, operations: &[&str], ttl: &str) -> String {
    let policy = unique("policy");
    let rules: Vec<String> = operations
        .iter()
        .map(|operation| {
            format!(r#"path "transit/{operation}/{key}" {{ capabilities = ["read", "update"] }}"#)
        })
        .collect();
    bao.write(
        &format!("sys/policies/acl/{policy}"),
        &json!({"policy": rules.join("\n")}),
    )
    .unwrap();
    let request = json!({"policies": [policy], "ttl": ttl});
    let answer = bao
        .ask("POST", "auth/token/create", &bao.root_token, Some(&request))
        .unwrap();
    answer["auth"]["client_token"].as_str().unwrap().to_owned()
}

fn revoke(bao: &OpenBaoAccess, token: &str) {
    bao.write("auth/token/revoke", &json!({"token": token})).unwrap();
}

async fn refusal(options: &VaultOptions) -> VaultError {
    let error = VaultWrapper::new(options).unwrap().check().await.unwrap_err();
    let text = error.to_string();
    assert!(!text.contains("planted"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    error
}

struct Restart(OpenBao);

#[async_trait]
impl Outage for Restart {
    async fn stop(&mut self) {
        self.0.stop();
    }
    async fn start(&mut self) {
        self.0.restart().unwrap();
        self.0.unseal().unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_gone_and_comes_back() {
    if require_openbao().is_none() {
        return;
    }
    let server = OpenBao::start().unwrap();
    let key = make_key(&server.access());
    let provider = VaultWrapper::new(&options(&server.access(), &key)).unwrap();
    an_outage_is_told_and_survived(&provider, &mut Restart(server)).await;
}

#[tokio::test]
async fn a_sealed_server_is_unreachable_until_somebody_unseals_it() {
    if require_openbao().is_none() {
        return;
    }
    let server = OpenBao::start().unwrap();
    let key = make_key(&server.access());
    let provider = VaultWrapper::new(&options(&server.access(), &key)).unwrap();
    let wrapped = provider.wrap(&Secret::new([5; 32]), b"c").await.unwrap();
    server.seal().unwrap();
    let error = provider.unwrap(&wrapped, b"c").await.unwrap_err();
    assert_eq!(error.fault, Fault::Unreachable);
    assert!(error.chain().contains("unseal it"), "{}", error.chain());
    server.unseal().unwrap();
    assert!(provider.unwrap(&wrapped, b"c").await.unwrap() == Secret::new([5; 32]));
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    if require_openbao().is_none() {
        return;
    }
    let mut server = OpenBao::start().unwrap();
    let key = make_key(&server.access());
    let mut hurried = options(&server.access(), &key);
    hurried.timeout = Duration::from_millis(200);
    server.pause().unwrap();
    assert!(matches!(refusal(&hurried).await, VaultError::TimedOut { .. }));
    server.resume().unwrap();
    VaultWrapper::new(&options(&server.access(), &key))
        .unwrap()
        .check()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_listener_that_never_answers_is_a_time_out() {
    let (url, _listener) = Script::silent();
    let mut silent = at(&url, "kek", text("planted-token"));
    silent.timeout = Duration::from_millis(200);
    assert!(matches!(refusal(&silent).await, VaultError::TimedOut { .. }));
    away(VaultWrapper::new(&silent).unwrap().ping().await, "silence");
}

#[tokio::test]
async fn a_missing_key_or_mount_is_told_and_no_key_is_made() {
    let Some(bao) = require_openbao() else { return };
    let missing = unique("missing");
    let error = refusal(&options(&bao, &missing)).await;
    assert!(matches!(error, VaultError::KeyMissing { .. }), "{error}");
    assert!(
        bao.ask("GET", &format!("transit/keys/{missing}"), &bao.root_token, None)
            .is_err()
    );

    let mut elsewhere = options(&bao, &make_key(&bao));
    elsewhere.mount = "no-such-mount".into();
    let error = refusal(&elsewhere).await;
    assert!(matches!(error, VaultError::MountMissing { .. }), "{error}");
    assert!(
        error.to_string().contains("secrets enable -path=no-such-mount"),
        "{error}"
    );
}

#[tokio::test]
async fn a_key_that_cannot_bind_or_can_be_exported_is_refused() {
    let Some(bao) = require_openbao() else { return };
    for (properties, says) in [
        (json!({"type": "rsa-2048"}), "rsa-2048"),
        (json!({"type": "aes128-gcm96"}), "weaker"),
        (json!({"type": "aes256-gcm96", "derived": true}), "derived"),
        (json!({"type": "aes256-gcm96", "exportable": true}), "exported"),
    ] {
        let key = unique("kek");
        bao.write(&format!("transit/keys/{key}"), &properties).unwrap();
        let error = refusal(&options(&bao, &key)).await;
        assert!(matches!(error, VaultError::KeyUnfit { .. }), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_token_that_was_revoked_is_told_from_one_that_may_not() {
    let Some(bao) = require_openbao() else { return };
    let key = make_key(&bao);
    let both = token_for(&bao, &key, &["encrypt", "decrypt"], "1h");
    let provider = VaultWrapper::new(&at(&bao.address, &key, text(&both))).unwrap();
    // Without the right to look at the key: fewer rights do.
    provider.check().await.unwrap();
    let wrapped = provider.wrap(&Secret::new([1; 32]), b"c").await.unwrap();

    let one = token_for(&bao, &key, &["encrypt"], "1h");
    let error = refusal(&at(&bao.address, &key, text(&one))).await;
    assert!(
        matches!(&error, VaultError::Denied { path } if path.contains("/decrypt/")),
        "{error}"
    );

    revoke(&bao, &both);
    let error = provider.unwrap(&wrapped, b"c").await.unwrap_err();
    assert_eq!(error.fault, Fault::Other);
    assert!(
        error.chain().contains("has expired, was revoked"),
        "{}",
        error.chain()
    );
    assert!(!error.chain().contains(&both));
}

#[tokio::test]
async fn a_token_file_is_read_again_when_its_token_is_refused() {
    let Some(bao) = require_openbao() else { return };
    let key = make_key(&bao);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    let provider = VaultWrapper::new(&at(&bao.address, &key, VaultCredential::File(file.clone()))).unwrap();
    assert!(matches!(provider.check().await, Err(VaultError::File { .. })));
    let first = token_for(&bao, &key, &["encrypt", "decrypt"], "1h");
    fs::write(&file, format!("{first}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    provider.check().await.unwrap();
    revoke(&bao, &first);
    assert!(matches!(provider.check().await, Err(VaultError::TokenRefused)));
    fs::write(&file, token_for(&bao, &key, &["encrypt", "decrypt"], "1h")).unwrap();
    provider.check().await.unwrap();
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let Some(bao) = require_openbao() else { return };
    let key = make_key(&bao);
    let token = token_for(&bao, &key, &["encrypt", "decrypt"], "30s");
    let looked = || -> Value {
        let request = json!({"token": token});
        bao.ask("POST", "auth/token/lookup", &bao.root_token, Some(&request))
            .unwrap()["data"]
            .clone()
    };
    // Two thirds of what is left when it is looked at first: shorten that by renewing it to a few seconds.
    let request = json!({"token": token, "increment": "3s"});
    bao.write("auth/token/renew", &request).unwrap();
    let before = looked()["last_renewal_time"].as_i64().unwrap();
    let provider = VaultWrapper::new(&at(&bao.address, &key, text(&token))).unwrap();
    provider.ping().await.unwrap();
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    provider.ping().await.unwrap();
    assert!(looked()["last_renewal_time"].as_i64().unwrap() > before);
}

/// An AppRole at a mount of its own, so that all of its tokens can be revoked at once.
fn app_role(bao: &OpenBaoAccess, key: &str) -> (String, VaultAuth, String) {
    let (mount, policy) = (unique("approle"), unique("policy"));
    let rules = ["encrypt", "decrypt"]
        .map(|operation| format!(r#"path "transit/{operation}/{key}" {{ capabilities = ["update"] }}"#));
    bao.write(
        &format!("sys/policies/acl/{policy}"),
        &json!({"policy": rules.join("\n")}),
    )
    .unwrap();
    bao.write(&format!("sys/auth/{mount}"), &json!({"type": "approle"}))
        .unwrap();
    let role = format!("auth/{mount}/role/kek");
    bao.write(&role, &json!({"token_policies": policy, "token_ttl": "1h"}))
        .unwrap();
    let ask = |method, path: &str| bao.ask(method, path, &bao.root_token, None).unwrap()["data"].clone();
    let role_id = ask("GET", &format!("{role}/role-id"))["role_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let made = ask("POST", &format!("{role}/secret-id"));
    let secret_id = made["secret_id"].as_str().unwrap().to_owned();
    let auth = VaultAuth::AppRole {
        mount: mount.clone(),
        role_id,
        secret_id: text(&secret_id),
    };
    (mount, auth, secret_id)
}

#[tokio::test]
async fn an_app_role_signs_in_and_signs_in_again() {
    let Some(bao) = require_openbao() else { return };
    let key = make_key(&bao);
    let (mount, auth, secret_id) = app_role(&bao, &key);
    let options = VaultOptions {
        auth,
        ..options(&bao, &key)
    };
    let provider = VaultWrapper::new(&options).unwrap();
    provider.check().await.unwrap();
    bao.write(
        &format!("sys/leases/revoke-prefix/auth/{mount}/login"),
        &json!({}),
    )
    .unwrap();
    provider.check().await.unwrap();

    let path = format!("auth/{mount}/role/kek/secret-id/destroy");
    bao.write(&path, &json!({"secret_id": secret_id})).unwrap();
    bao.write(
        &format!("sys/leases/revoke-prefix/auth/{mount}/login"),
        &json!({}),
    )
    .unwrap();
    let error = provider.wrap(&Secret::new([1; 32]), b"c").await.unwrap_err();
    assert_eq!(error.fault, Fault::Other);
    assert!(error.chain().contains("AppRole"), "{}", error.chain());
    assert!(!error.chain().contains(&secret_id));
}

#[tokio::test]
async fn what_an_older_version_of_the_key_wrapped_still_opens() {
    let Some(bao) = require_openbao() else { return };
    let key = make_key(&bao);
    let provider = VaultWrapper::new(&options(&bao, &key)).unwrap();
    let old = provider.wrap(&Secret::new([1; 32]), b"c").await.unwrap();
    bao.write(&format!("transit/keys/{key}/rotate"), &json!({}))
        .unwrap();
    let new = provider.wrap(&Secret::new([2; 32]), b"c").await.unwrap();
    assert!(old.starts_with(b"vault:v1:") && new.starts_with(b"vault:v2:"));
    assert!(provider.unwrap(&old, b"c").await.unwrap() == Secret::new([1; 32]));
    bao.write(
        &format!("transit/keys/{key}/config"),
        &json!({"min_decryption_version": 2}),
    )
    .unwrap();
    assert_eq!(provider.unwrap(&old, b"c").await.unwrap_err().fault, Fault::Other);
}

#[tokio::test]
async fn throttling_is_tried_again_and_told_when_it_lasts() {
    let throttled = (
        429,
        "",
        r#"{"errors":["request path rate limit quota exceeded"]}"#,
    );
    let looked = (200, "", r#"{"data":{"ttl":0}}"#);
    let passing = Script::start(&[throttled, throttled, looked]);
    let provider = |script: &Script| VaultWrapper::new(&at(&script.url, "kek", text("t"))).unwrap();
    provider(&passing).ping().await.unwrap();
    let lasting = Script::start(&[throttled]);
    let error = provider(&lasting).ping().await.unwrap_err();
    assert_eq!(error.fault, Fault::Unreachable);
    assert!(error.chain().contains("429"), "{}", error.chain());
    assert_eq!(lasting.requests().len(), 3);
}

#[tokio::test]
async fn a_redirect_does_not_take_the_token_elsewhere() {
    let elsewhere = Script::start(&[(200, "", "{}")]);
    let location = format!("Location: {}/v1/x\r\n", elsewhere.url);
    let standby = Script::start(&[(307, &location, "")]);
    let provider = VaultWrapper::new(&at(&standby.url, "kek", text("planted-token"))).unwrap();
    let error = provider.ping().await.unwrap_err();
    assert_eq!(error.fault, Fault::Unreachable);
    assert!(
        error.chain().contains("standby that redirects"),
        "{}",
        error.chain()
    );
    assert!(elsewhere.requests().is_empty());
    assert!(
        standby.requests()[0]
            .to_lowercase()
            .contains("x-vault-token: planted-token")
    );
}

#[tokio::test]
async fn a_server_that_ignores_the_context_is_found_out_at_the_start() {
    let looked = (200, "", r#"{"data":{"ttl":0,"type":"aes256-gcm96"}}"#);
    let wrapped = (200, "", r#"{"data":{"ciphertext":"vault:v1:AAAA"}}"#);
    let opened = (
        200,
        "",
        r#"{"data":{"plaintext":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}"#,
    );
    let script = Script::start(&[looked, looked, wrapped, opened]);
    let error = refusal(&at(&script.url, "kek", text("t"))).await;
    assert!(matches!(error, VaultError::NotBound), "{error}");
}

#[test]
fn files_and_addresses_that_cannot_be_used_are_told() {
    let mut wrong = at("ftp://vault", "kek", text("t"));
    assert!(matches!(VaultWrapper::new(&wrong), Err(VaultError::Options(_))));
    wrong.address = "https://vault.example.com".into();
    wrong.ca_file = Some("/nonexistent/ca.pem".into());
    assert!(matches!(VaultWrapper::new(&wrong), Err(VaultError::File { .. })));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    fs::write(&file, "no certificate").unwrap();
    wrong.ca_file = Some(file);
    assert!(matches!(VaultWrapper::new(&wrong), Err(VaultError::File { .. })));
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let options = at("http://127.0.0.1:9", "kek", text("planted-token"));
    let provider = VaultWrapper::new(&options).unwrap();
    let error = provider.ping().await.unwrap_err();
    let printed = format!("{options:?}{provider:?}{}", error.chain());
    assert!(!printed.contains("planted-token"), "{printed}");
}
