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

#[tokio::test]
async fn a_policy_is_decided_in_the_revision_that_was_shown_and_recorded() {
    let site = Site::migrated();
    let policies = |arguments: &[&str]| site.run(&[&["keys", "policies"], arguments, &["--json"]].concat());
    let undecided = policies(&["show", "field:users"]).json();
    assert_eq!(
        (&undecided["revision"], &undecided["cryptoperiod_seconds"]),
        (&0.into(), &Value::Null)
    );
    let first = policies(&[
        "set",
        "field:users",
        "--cryptoperiod",
        "30d",
        "--messages",
        "5",
        "--bytes",
        "500",
        "--revision",
        "0",
    ])
    .json();
    assert_eq!(
        (
            &first["cryptoperiod_seconds"],
            &first["limit"]["bytes"],
            &first["revision"]
        ),
        (&(30 * 86_400).into(), &500.into(), &1.into())
    );
    let stale = ["set", "field:users", "--default-limit", "--revision", "0"];
    assert!(policies(&stale).failed(1).contains("changed"));
    let second = policies(&[
        "set",
        "field:users",
        "--default-limit",
        "--suspended-may-process",
        "true",
    ])
    .json();
    assert_eq!(
        (
            &second["limit"],
            &second["cryptoperiod_seconds"],
            &second["suspended_may_process"]
        ),
        (&Value::Null, &(30 * 86_400).into(), &true.into()),
        "what is left out stays"
    );
    let all = policies(&["list"]).json();
    let found = all["policies"].as_array().unwrap();
    assert!(found.contains(&second), "{all}");
    assert!(
        found.iter().any(|policy| policy["purpose"] == "token-signing"),
        "{all}"
    );
    assert!(site.run(&["keys", "policies", "list"]).ok().contains("30d"));
    let events = async |action: &str| {
        let query = format!("SELECT COUNT(*) FROM audit_intake WHERE action = '{action}'");
        sql::number(&site.database(), &query).await.unwrap()
    };
    let (updates, lists, reads) = (
        events("keyset.update").await,
        events("key.list").await,
        events("key.read").await,
    );
    assert_eq!(
        (updates, lists, reads),
        (2, 2, 3),
        "two decisions; two lists; three looks"
    );
}

#[test]
fn a_policy_that_cannot_be_is_refused() {
    let site = Site::new();
    for arguments in [
        &["set", "field:users"][..],
        &["set", "field:users", "--cryptoperiod", "1s"],
        &["set", "field:users", "--cryptoperiod", "4000d"],
        &["set", "field:users", "--messages", "1"],
        &["set", "field:users", "--messages", "0", "--bytes", "1"],
        &[
            "set",
            "field:users",
            "--cryptoperiod",
            "30d",
            "--default-cryptoperiod",
        ],
        &["set", "everything", "--minimum-version", "1"],
        &["show", "everything"],
    ] {
        let done = site.run(&[&["keys", "policies"], arguments].concat());
        assert_eq!(done.code, Some(2), "{arguments:?}: {}{}", done.out, done.err);
    }
    let site = Site::migrated();
    let line = site.run(&["keys", "policies", "show", "field:nothing"]).failed(1);
    assert!(line.contains("field:nothing"), "{line}");
    let raise = ["keys", "policies", "set", "field:users", "--minimum-version", "2"];
    assert!(site.run(&raise).failed(1).contains("minimum version"));
}
