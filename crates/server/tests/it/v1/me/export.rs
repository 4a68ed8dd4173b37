//! All that is held about oneself: whole, as its statement says, and without a secret.

use serde_json::{Value, json};
use vutf_app::statement::{Subject, read};
use vutf_audit::{canonical::Value as Canonical, tlog::VerifierKey};
use vutf_testkit::client::{ApiClient, Person, Tokens};

use crate::e2e::{
    passkeys::registered,
    world::{Admin, World, signed_in},
};

/// As RFC 8785 has it, for what an export holds: text and whole numbers.
fn canonical(value: &Value) -> Canonical<'_> {
    match value {
        Value::String(text) => Canonical::text(text.as_str()),
        Value::Number(number) => Canonical::Number(number.as_i64().unwrap()),
        Value::Bool(yes) => Canonical::Bool(*yes),
        Value::Array(items) => Canonical::List(items.iter().map(canonical).collect()),
        Value::Object(members) => Canonical::object(
            members
                .iter()
                .map(|(name, value)| (name.as_str(), canonical(value))),
        ),
        Value::Null => panic!("what is absent is left out"),
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _written = write!(text, "{byte:02x}");
            text
        })
}

async fn exported(api: &ApiClient, tokens: &Tokens) -> Value {
    let call = api.post("/api/v1/me/export").bearer(&tokens.access);
    call.expect(200).await.unwrap().json().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_whole_on_sqlite() {
    an_export_is_whole(World::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_whole_on_postgres() {
    if let Some(world) = World::postgres().await {
        an_export_is_whole(world).await;
    }
}

async fn an_export_is_whole(world: World) {
    let server = world.server().spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let person = Person::new("grace");
    let tokens = signed_in(&api, &person).await;
    let id = api.me(&tokens).expect(200).await.unwrap().id().unwrap();
    let key = json!({"name": "nightly export", "scopes": ["self:manage"], "networks": ["192.0.2.0/24"]});
    let made = api.post("/api/v1/me/api-keys").bearer(&tokens.access).json(&key);
    let secret = made.expect(201).await.unwrap().json().unwrap()["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let seen = api
        .get(&format!("/api/v1/users/{id}"))
        .bearer(&admin.tokens.access);
    seen.expect(200).await.unwrap();

    registered(&api, &tokens).await;

    let export = exported(&api, &tokens).await;
    let parts = &export["parts"];
    assert_eq!(parts["users"][0]["username_ct"], person.username.as_str());
    assert_eq!(parts["users"][0]["email_ct"], person.email.as_str());
    assert_eq!(parts["sessions"][0]["ip_ct"], "127.0.0.1");
    assert_eq!(parts["api_keys"][0]["name_ct"], "nightly export");
    assert_eq!(parts["api_keys"][0]["networks_ct"], "192.0.2.0/24");
    assert_eq!(parts["user_roles"][0]["role"], "user");
    let passkey = &parts["passkeys"][0];
    assert_eq!(passkey["name_ct"], "phone");
    assert!(["true", "false"].contains(&passkey["backup_eligible"].as_str().unwrap()));
    assert!(
        !passkey["credential_id"].as_str().unwrap().is_empty(),
        "{passkey}"
    );
    assert!(
        parts["audit_subject_ref"].as_array().unwrap().len() >= 3,
        "{parts}"
    );

    // No secret, of whatever form.
    let text = export.to_string();
    for needle in [&secret, &person.password, &tokens.refresh, "$argon2"] {
        assert!(!text.contains(needle), "{needle}");
    }
    assert!(parts["passwords"][0].get("phc_ct").is_none());
    assert!(!text.contains(&admin.person.email), "nobody else is in it");

    // The statement is signed by the key of the checkpoints, and says the same.
    let keys = api.get("/api/v1/audit/log/keys").bearer(&admin.tokens.access);
    let keys = keys.expect(200).await.unwrap().text();
    let key = keys
        .split_whitespace()
        .find_map(|text| VerifierKey::parse(text).ok())
        .expect("a verifier key");
    let statement = export["statement"].as_str().unwrap();
    let lines = read(statement, Subject::Export, &key).unwrap();
    assert!(lines.contains(&format!("person {id}")), "{lines:?}");
    for part in export["manifest"]["parts"].as_array().unwrap() {
        let table = part["table"].as_str().unwrap();
        let digest = sha256(&canonical(&parts[table]).to_bytes());
        assert_eq!(part["sha256"], digest.as_str(), "{table}");
        let (rows, total) = (&part["rows"], &part["total"]);
        let line = format!("part {table} rows {rows} of {total} sha256 {digest}");
        assert!(lines.contains(&line), "{line}: {lines:?}");
    }
    let checkpoint = export["checkpoint"].as_str().unwrap();
    let line = format!("checkpoint sha256 {}", sha256(checkpoint.as_bytes()));
    assert!(lines.contains(&line));
    let changed = statement.replacen("rows 1 ", "rows 2 ", 1);
    assert!(read(&changed, Subject::Export, &key).is_err());
    assert!(read(statement, Subject::Erasure, &key).is_err());

    // Where else they are named: they made their own account, their key, and nobody else's.
    for mention in export["manifest"]["mentions"].as_array().unwrap() {
        assert_eq!(mention["rows"], 0, "{mention}");
    }
    let events = api.events("subject.export", &admin.tokens).await.unwrap();
    assert_eq!(events.len(), 1);
    let digest = sha256(statement.as_bytes());
    assert!(events[0].to_string().contains(&digest), "{}", events[0]);
}
