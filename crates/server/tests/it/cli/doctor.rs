//! `doctor` and `healthcheck`.

use std::{net::TcpListener, os::unix::fs::PermissionsExt as _};

use serde_json::Value;
use vutf_testkit::sql;

use super::{Done, Site};

fn level<'v>(report: &'v Value, name: &str) -> &'v str {
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name);
    check.unwrap_or_else(|| panic!("no check `{name}` in {report}"))["level"]
        .as_str()
        .unwrap()
}

fn report(done: &Done, code: i32) -> Value {
    assert_eq!(done.code, Some(code), "{}{}", done.out, done.err);
    serde_json::from_str(&done.out).unwrap()
}

#[test]
fn before_the_first_start_all_is_well_and_nothing_is_made() {
    let site = Site::new();
    let found = report(&site.run(&["doctor", "--json"]), 0);
    assert_eq!(found["ok"], true);
    for name in [
        "configuration",
        "data directory",
        "disk",
        "key-encryption",
        "database",
        "cache",
    ] {
        assert_eq!(level(&found, name), "ok", "{name}");
    }
    assert_eq!(std::fs::read_dir(site.home()).unwrap().count(), 0);
}

#[test]
fn a_running_service_is_recognised_at_its_port() {
    let site = Site::new();
    let server = site.server.spawn().unwrap();
    let port = |url: &str| url.rsplit_once(':').unwrap().1.to_owned();
    let public = format!("server.port={}", port(server.base_url()));
    let management = format!("management.port={}", port(server.management_url()));
    let at = ["--set", public.as_str(), "--set", management.as_str()];
    let found = report(&site.run(&[&at[..], &["doctor", "--json"]].concat()), 0);
    for name in [
        "database",
        "clock",
        "migrations",
        "keys",
        "controls",
        "public port",
        "management port",
    ] {
        assert_eq!(level(&found, name), "ok", "{name}");
    }
    let health = site.run(&[&at[..2], &["healthcheck", "--json"]].concat()).json();
    assert_eq!(health["ready"], true);
}

#[test]
fn each_failure_is_named_with_its_mend_and_exit_1() {
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = stranger.local_addr().unwrap().port();
    let answering = std::thread::spawn(move || {
        // One for `doctor`, one for `healthcheck`: whoever asks is hung up on.
        for connection in stranger.incoming().take(2) {
            drop(connection);
        }
    });
    let site = Site::migrated()
        .env("VUTF__SERVER__PORT", &port.to_string())
        .env("VUTF__CACHE__URL", "redis://127.0.0.1:1/");
    site.run(&["keys", "status"]).ok();
    let key = site.server.data().join("kek.vutf");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::set_permissions(site.server.data(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let found = report(&site.run(&["doctor", "--json"]), 1);
    for (name, expected) in [
        ("key-encryption", "fail"),
        ("cache", "fail"),
        ("public port", "fail"),
        ("data directory", "warn"),
        ("database", "ok"),
    ] {
        assert_eq!(level(&found, name), expected, "{name}");
    }
    let text = site.run(&["healthcheck"]).failed(1);
    assert!(text.contains(&port.to_string()), "{text}");
    answering.join().unwrap();
}

#[test]
fn another_key_is_recognised() {
    let site = Site::migrated();
    site.admin("ada").json();
    let other = Site {
        server: site.server.clone().env("VUTF__KEYS__KEK_KEY", &"5a".repeat(32)),
        home: site.home,
    };
    let found = report(&other.run(&["doctor", "--json"]), 1);
    assert_eq!(
        (level(&found, "key-encryption"), level(&found, "keys")),
        ("ok", "fail")
    );
}

#[tokio::test]
async fn a_log_that_its_database_does_not_protect_fails_a_control() {
    const EVENTS: &str = "SELECT COUNT(*) FROM audit_intake";
    let site = Site::migrated();
    site.admin("ada").json();
    let before = sql::number(&site.database(), EVENTS).await.unwrap();
    let found = report(&site.run(&["doctor", "--json"]), 0);
    assert_eq!(level(&found, "controls"), "ok");
    let unprotected = "DROP TRIGGER audit_intake_no_update";
    sql::execute(&site.database(), unprotected).await.unwrap();
    let found = report(&site.run(&["doctor", "--json"]), 1);
    assert_eq!(level(&found, "controls"), "fail");
    let text = found.to_string();
    assert!(
        text.contains("AU-9") && text.contains("update accepted"),
        "{text}"
    );
    let after = sql::number(&site.database(), EVENTS).await.unwrap();
    assert_eq!(after, before, "to look changes nothing");
}

#[tokio::test]
async fn a_registry_that_is_older_than_the_log_tells_is_a_finding_as_it_ends_a_start() {
    let site = Site::migrated();
    site.admin("ada").json();
    let found = report(&site.run(&["doctor", "--json"]), 0);
    assert_eq!(level(&found, "key history"), "ok");
    let gone = "DELETE FROM crypto_keys WHERE purpose = 'mac:cursor'";
    sql::execute(&site.database(), gone).await.unwrap();
    let found = report(&site.run(&["doctor", "--json"]), 1);
    assert_eq!(level(&found, "key history"), "fail");
    assert!(found.to_string().contains("mac:cursor"), "{found}");
}

#[test]
fn mistakes_in_the_configuration_are_findings() {
    let site = Site::new().env("VUTF__SERVER__GRACE", "soon");
    let done = site.run(&["doctor"]);
    assert_eq!(done.code, Some(2));
    assert!(
        done.out.contains("FAIL  configuration      server.grace: "),
        "{}",
        done.out
    );
}

#[test]
fn nobody_at_the_port_is_exit_1_and_an_unknown_port_is_exit_2() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let site = Site::new().env("VUTF__SERVER__PORT", &free.to_string());
    let line = site.run(&["healthcheck"]).failed(1);
    assert!(line.contains("nothing answers"), "{line}");
    Site::new().run(&["healthcheck"]).failed(2);
}
