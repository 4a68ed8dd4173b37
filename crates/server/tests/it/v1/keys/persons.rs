//! Whoever has a shell is one person.

use serde_json::{Value, json};

use super::{Site, json_of, refused, text};

/// A key that is not in use any more.
async fn retired(site: &Site) -> Value {
    let made = site.create(&json!({"purpose": "encrypt:orders"})).await;
    json_of(&site.act(&made, "deactivate").await, 200)
}

/// A request for its destruction by somebody with a shell.
fn asked_by_command(site: &Site, key: &Value) -> Value {
    let (code, out, err) = site.command(&["keys", "destroy", &text(&key["id"]), "--note", "INC-1", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    serde_json::from_str(&out).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_commands_are_not_two_persons() {
    let site = Site::sqlite().await;
    let key = retired(&site).await;
    let request = asked_by_command(&site, &key);
    assert_eq!(
        (text(&request["requested_by"]), text(&request["note"])),
        ("operator".into(), "INC-1".into())
    );
    let id = text(&request["id"]);
    let (code, out, err) = site.command(&["keys", "approve", &id]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("another person"), "{err}");
    let view = json_of(
        &site
            .get(&site.first, &format!("/api/v1/keys/{}", text(&key["id"])))
            .await,
        200,
    );
    assert_eq!(text(&view["state"]), "deactivated");
    assert_eq!(view["request"]["id"], request["id"]);
    // Somebody else may.
    assert_eq!(text(&site.approved(&request).await["state"]), "destroyed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_is_another_person_than_a_custodian() {
    let site = Site::sqlite().await;
    let key = retired(&site).await;
    let id = text(&json_of(&site.act(&key, "destroy").await, 202)["id"]);
    let (code, listed, _) = site.command(&["keys", "requests"]);
    assert_eq!(code, Some(0));
    assert!(listed.contains(&id) && listed.contains("open"), "{listed}");
    let out = loop {
        match site.command(&["keys", "approve", &id, "--json"]) {
            (Some(0), out, _) => break out,
            (_, _, err) => assert!(err.contains("until a moment ago"), "{err}"),
        }
    };
    let done: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(text(&done["state"]), "destroyed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asked_may_take_it_back_and_others_without_the_right_may_nothing() {
    let site = Site::sqlite().await;
    let key = retired(&site).await;
    let request = asked_by_command(&site, &key);
    let id = text(&request["id"]);
    let auditor = super::custodian(&site.api, &site.admin, "late").await;
    let roles = json!({"roles": ["auditor"]});
    let me = json_of(&site.get(&auditor, "/api/v1/me").await, 200);
    let put = site.api.put(&format!("/api/v1/users/{}/roles", text(&me["id"])));
    let put = put
        .bearer(&site.admin.tokens.access)
        .header("if-match", &format!("\"v{}\"", me["version"]));
    put.json(&roles).expect(200).await.unwrap();
    for verb in ["approve", "reject"] {
        let answer = site
            .post(
                &auditor,
                &format!("/api/v1/keys/requests/{id}/{verb}"),
                &json!({}),
            )
            .await;
        assert_eq!(
            refused(&answer, 403),
            "VUTF_FORBIDDEN",
            "the right must be there now"
        );
    }
    let (code, out, err) = site.command(&["keys", "reject", &id]);
    assert_eq!(code, Some(0), "{out}{err}");
    let approve = format!("/api/v1/keys/requests/{id}/approve");
    let late = site.post(&site.second, &approve, &json!({})).await;
    assert_eq!(refused(&late, 409), "VUTF_REQUEST_DECIDED");
}
