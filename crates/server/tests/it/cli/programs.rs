//! `service-account` and `api-key`.

use super::Site;

#[test]
fn a_program_gets_an_account_and_keys_from_the_machine() {
    let site = Site::migrated();
    let made = site
        .run(&[
            "service-account",
            "create",
            "--name",
            "backup",
            "--role",
            "auditor",
            "--json",
        ])
        .json();
    assert_eq!(
        (&made["name"], &made["status"]),
        (&"backup".into(), &"active".into())
    );
    let create = [
        "api-key",
        "create",
        "--account",
        "backup",
        "--name",
        "nightly",
        "--scope",
        "audit:read",
        "--network",
        "192.0.2.0/24",
        "--life",
        "30d",
        "--json",
    ];
    let key = site.run(&create).json();
    let secret = key["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("vutf_"));
    assert_eq!(key["api_key"]["owner"], made["id"]);
    assert_eq!(key["api_key"]["networks"][0], "192.0.2.0/24");
    let id = key["api_key"]["id"].as_str().unwrap().to_owned();

    let rotated = site
        .run(&["api-key", "rotate", &id, "--overlap", "0s", "--json"])
        .json();
    assert_ne!(rotated["secret"], secret.as_str());
    let next = rotated["api_key"]["id"].as_str().unwrap().to_owned();
    site.run(&["api-key", "revoke", &next]).ok();
    let listed = site
        .run(&["api-key", "list", "--account", "backup", "--json"])
        .ok();
    assert_eq!(listed.lines().count(), 2);
    for line in listed.lines() {
        let key: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(key["revoked_at"].is_string(), "{key}");
    }
    assert!(!listed.contains(&secret), "a secret is shown once");
    let text = site.run(&["api-key", "list"]).ok();
    assert_eq!(text.lines().count(), 3, "a title and two keys: {text}");

    assert_eq!(
        site.run(&["service-account", "list", "--json"])
            .ok()
            .lines()
            .count(),
        1
    );
    site.run(&["service-account", "disable", "backup"]).ok();
    let line = site.run(&create).failed(1);
    assert!(line.contains("may not be used"), "{line}");
}

#[test]
fn what_is_wrong_with_the_call_is_told_before_anything_is_touched() {
    let site = Site::migrated();
    site.admin("ada").json();
    let line = site.run(&["service-account", "create", "--name", "!"]).failed(2);
    assert!(line.contains("--name"), "{line}");
    assert_eq!(site.run(&["api-key", "revoke", "nothing"]).code, Some(2));
    let unscoped = ["api-key", "create", "--account", "ada", "--name", "x"];
    assert_eq!(site.run(&unscoped).code, Some(2));
    let of_a_person = [
        "api-key",
        "create",
        "--account",
        "ada",
        "--name",
        "x",
        "--scope",
        "users:read",
    ];
    let line = site.run(&of_a_person).failed(1);
    assert!(line.contains("a person"), "{line}");
    let beyond = [
        "service-account",
        "create",
        "--name",
        "robot",
        "--role",
        "emperor",
    ];
    let line = site.run(&beyond).failed(1);
    assert!(line.contains("role"), "{line}");
}
