//! `keys`.

use serde_json::Value;
use vutf_testkit::sql;

use super::Site;

fn versions(keys: &Value, purpose: &str) -> Vec<(u64, String)> {
    let all = keys["keys"].as_array().unwrap();
    let own = all.iter().filter(|key| key["purpose"] == purpose);
    own.map(|key| {
        let state = key["state"].as_str().unwrap().to_owned();
        (key["version"].as_u64().unwrap(), state)
    })
    .collect()
}

#[test]
fn a_rotation_makes_a_version_and_keeps_the_old_one_readable() {
    let site = Site::migrated();
    site.admin("ada").json();
    for purpose in ["token-signing", "field:users", "tenant"] {
        let made = site.run(&["keys", "rotate", purpose, "--json"]).json();
        assert_eq!((&made["version"], &made["state"]), (&2.into(), &"active".into()));
        let keys = site.run(&["keys", "list", "--json"]).json();
        let expected = [(1, "deactivated".to_owned()), (2, "active".to_owned())];
        assert_eq!(versions(&keys, purpose), expected);
    }
    let list = site.run(&["user", "list"]).ok();
    assert!(
        list.contains("ada@example.org"),
        "what the old key sealed is read"
    );
    let status = site.run(&["keys", "status", "--json"]).json();
    assert_eq!(versions(&status, "token-signing"), [(2, "active".to_owned())]);
    assert!(
        status["keys"]
            .as_array()
            .unwrap()
            .iter()
            .all(|key| key["overdue"] == false)
    );
}

#[test]
fn a_key_that_cannot_be_rotated_alone_is_refused_before_anything_happens() {
    let site = Site::new();
    for purpose in ["index:users.email", "mac:cursor"] {
        let line = site.run(&["keys", "rotate", purpose]).failed(2);
        assert!(line.contains(purpose) && line.contains("activate"), "{line}");
    }
    let site = Site::migrated();
    let line = site.run(&["keys", "rotate", "field:nothing"]).failed(1);
    assert!(line.contains("field:nothing"), "{line}");
}

#[tokio::test]
async fn whoever_looks_at_keys_is_recorded() {
    let site = Site::migrated();
    let looks = "SELECT COUNT(*) FROM audit_intake WHERE action = 'key.list'";
    site.run(&["keys", "list"]).ok();
    site.run(&["keys", "status"]).ok();
    assert_eq!(sql::number(&site.database(), looks).await.unwrap(), 2);
}

#[test]
fn no_answer_holds_a_key() {
    let site = Site::migrated();
    site.admin("ada").json();
    let key = std::fs::read_to_string(site.server.data().join("kek.vutf")).unwrap();
    for arguments in [
        &["keys", "list"][..],
        &["keys", "list", "--json"],
        &["keys", "status", "--json"],
    ] {
        let shown = site.run(arguments).ok();
        assert!(
            !shown.contains("wrapped\":") && !shown.contains("\"key\""),
            "{shown}"
        );
        let words = key.split('"').filter(|word| word.len() > 40);
        assert!(words.into_iter().all(|word| !shown.contains(word)));
    }
}
