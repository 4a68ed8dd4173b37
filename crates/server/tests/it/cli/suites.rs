//! `keys.suites`: an installation of approved algorithms from its first start, and one that turns to them.

use serde_json::Value;

use super::{Done, Site};

const OLD: &str = "xchacha20-poly1305";
const NEW: &str = "xaes-256-gcm";

impl Site {
    /// The program under this policy. Jobs trust that other replicas have heard of a rotation after twice the interval.
    fn under(&self, policy: &str, arguments: &[&str]) -> Done {
        let suites = format!("keys.suites={policy}");
        let settings = ["--set", &suites, "--set", "keys.reload_interval=1s"];
        self.run(&[&settings[..], arguments].concat())
    }
}

/// The purposes whose active key is of `algorithm`.
fn purposes_of(list: &Value, algorithm: &str) -> Vec<String> {
    let keys = list["keys"].as_array().unwrap().iter();
    keys.filter(|key| key["algorithm"] == algorithm && key["state"] == "active")
        .map(|key| key["purpose"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_first_start_under_fips_makes_nothing_of_another_suite() {
    let site = Site::new().env("VUTF__KEYS__SUITES", "fips");
    site.run(&["migrate", "up"]).ok();
    site.admin("ada").json();
    let list = site.run(&["keys", "list", "--json"]).json();
    assert_eq!(purposes_of(&list, OLD), [""; 0]);
    assert!(purposes_of(&list, NEW).contains(&"tenant".to_owned()), "{list}");
    assert!(site.run(&["user", "list"]).ok().contains("ada@example.org"));
    let report = site.run(&["doctor", "--json"]).json();
    let checks = report["checks"].as_array().unwrap();
    let suites = checks.iter().find(|check| check["name"] == "suites").unwrap();
    assert_eq!(
        suites["found"],
        "fips: xaes-256-gcm admitted, new keys get xaes-256-gcm"
    );
}

#[test]
fn the_start_refuses_what_the_policy_does_not_admit_and_each_refusal_names_the_next_step() {
    let site = Site::migrated();
    site.run(&["keys", "status"]).ok();
    let kek = site.under("fips", &["keys", "status"]).failed(1);
    assert!(kek.contains(OLD) && kek.contains("keys rotate-kek"), "{kek}");
    assert!(kek.contains("keys.suites = fips_transition"), "{kek}");

    let transition = |arguments: &[&str]| site.under("fips_transition", arguments).ok();
    transition(&["keys", "rotate-kek"]);
    let kept = site.under("fips", &["keys", "status"]).failed(1);
    assert!(kept.contains("--forget-previous"), "{kept}");
    transition(&["keys", "rotate-kek", "--forget-previous"]);

    let tenant = site.under("fips", &["keys", "status"]).failed(1);
    assert!(
        tenant.contains(OLD) && tenant.contains("rotate tenant"),
        "{tenant}"
    );
    let doctor = site.under("fips", &["doctor"]);
    assert_eq!(doctor.code, Some(1), "{}", doctor.out);
    assert!(doctor.out.contains("rotate tenant"), "{}", doctor.out);
    transition(&["keys", "rotate", "tenant"]);
    transition(&["keys", "reencrypt", "tenant", "--wait"]);

    let listed = || serde_json::from_str::<Value>(&transition(&["keys", "list", "--json"])).unwrap();
    let old = purposes_of(&listed(), OLD);
    assert!(old.contains(&"field:audit_intake".to_owned()), "{old:?}");
    for purpose in &old {
        transition(&["keys", "rotate", purpose]);
    }
    transition(&["keys", "reencrypt", "field:passwords", "--wait"]);
    assert_eq!(
        purposes_of(&listed(), OLD),
        [""; 0],
        "everything new is of the other suite"
    );
    // What older versions protect, the append-only audit log above all, is not written anew.
    let audit = site.under("fips", &["keys", "status"]).failed(1);
    assert!(audit.contains(OLD) && audit.contains("rotate field:"), "{audit}");
}

#[test]
fn persons_of_another_suite_keep_fips_from_starting() {
    let site = Site::migrated();
    site.admin("ada").json();
    site.under("fips_transition", &["keys", "rotate-kek"]).ok();
    site.under("fips_transition", &["keys", "rotate-kek", "--forget-previous"])
        .ok();
    let refused = site.under("fips", &["user", "list"]).failed(1);
    assert!(
        refused.contains("of a person is of suite xchacha20-poly1305"),
        "{refused}"
    );
    let list = site.under("fips_transition", &["user", "list"]).ok();
    assert!(list.contains("ada@example.org"), "{list}");
}
