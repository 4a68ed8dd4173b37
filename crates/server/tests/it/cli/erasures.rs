//! `user erase`, `keys tombstones` and `keys replay-tombstones`.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use vutf_testkit::sql;

use super::Site;

const NOBODY: &str = "01937b6e-5b5c-7d3e-8f00-000000000001";

/// Two administrators, of whom the second is to go.
fn site() -> (Site, String) {
    let site = Site::migrated();
    site.admin("ada").json();
    let gone = site.admin("gone").json()["id"].as_str().unwrap().to_owned();
    (site, gone)
}

fn tombstones(site: &Site) -> Vec<Value> {
    let lines = site.run(&["keys", "tombstones", "--json"]).ok();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn what_is_wrong_with_the_call_is_exit_2_and_touches_nothing() {
    let (site, gone) = site();
    for (arguments, says) in [
        (
            vec!["user", "erase", "gone", "--reason", "request", "--yes"],
            "expected the id",
        ),
        (
            vec!["user", "erase", &gone, "--reason", "whim", "--yes"],
            "retention",
        ),
        (vec!["user", "erase", &gone, "--yes"], "--reason"),
        (
            vec![
                "user",
                "erase",
                &gone,
                "--reason",
                "request",
                "--reference",
                "a b",
                "--yes",
            ],
            "1 to 64",
        ),
        (vec!["user", "erase", &gone, "--reason", "request"], "--yes"),
        (vec!["keys", "replay-tombstones", "--anchor", "1:00"], "--help"),
    ] {
        let done = site.run(&arguments);
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.err);
        assert!(done.err.contains(says), "{arguments:?}: {}", done.err);
    }
    assert_eq!(site.run(&["user", "list", "--json"]).ok().lines().count(), 2);
    let line = site
        .run(&["user", "erase", NOBODY, "--reason", "request", "--yes"])
        .failed(1);
    assert!(line.contains("no such user"), "{line}");
    assert!(tombstones(&site).is_empty());
}

#[test]
fn an_erasure_leaves_a_certificate_and_a_tombstone() {
    let (site, gone) = site();
    let erase = [
        "user",
        "erase",
        &gone,
        "--reason",
        "request",
        "--reference",
        "DSR-7",
        "--yes",
    ];
    let certificate = site.run(&[&erase[..], &["--json"]].concat()).json();
    assert_eq!(
        (&certificate["subject_id"], &certificate["reason"]),
        (&gone.clone().into(), &"request".into())
    );
    let text = site.run(&erase).ok();
    assert!(
        text.contains(certificate["event_id"].as_str().unwrap()),
        "the same again: {text}"
    );
    assert_eq!(site.run(&["user", "list", "--json"]).ok().lines().count(), 1);

    let kept = tombstones(&site);
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (
            &kept[0]["event_id"],
            &kept[0]["subject_id"],
            &kept[0]["reference"]
        ),
        (&certificate["event_id"], &gone.clone().into(), &"DSR-7".into())
    );
    let text = site.run(&["keys", "tombstones"]).ok();
    assert!(
        text.starts_with("1 tombstone in ") && text.contains("DSR-7"),
        "{text}"
    );
    let file = site.server.data().join("erasure-tombstones.jsonl");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = site.run(&["keys", "replay-tombstones", "--json"]).json();
    assert_eq!(
        (&again["tombstones"], &again["erased"]),
        (&1.into(), &Value::Array(vec![]))
    );

    // A forged line is refused, and so is the whole file.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&gone, NOBODY)).unwrap();
    for arguments in [["keys", "tombstones"], ["keys", "replay-tombstones"]] {
        let line = site.run(&arguments).failed(1);
        assert!(line.contains("line 2, is not authentic"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_at_the_tombstones_is_an_event() {
    let (site, _) = site();
    assert!(tombstones(&site).is_empty());
    let looks =
        "SELECT count(*) FROM audit_intake WHERE action = 'subject.erasure_read' AND outcome = 'success'";
    assert_eq!(sql::number(&site.database(), looks).await.unwrap(), 1);
}

#[test]
fn older_data_is_erased_again_by_a_copy_or_by_an_export_of_the_log() {
    let (site, gone) = site();
    let database = site.server.data().join("violentutf.db");
    let older = site.home().join("older.db");
    std::fs::copy(&database, &older).unwrap();
    site.run(&["user", "erase", &gone, "--reason", "request", "--yes"])
        .ok();
    // A service that runs for a moment places the events.
    let mut server = site.server.spawn().unwrap();
    assert_eq!(server.terminate().unwrap(), Some(0));
    let head = site.run(&["audit", "verify", "--json"]).json()["head"].clone();
    let anchor = format!("{}:{}", head["seq"], head["chain"].as_str().unwrap());
    let export = site.home().join("audit.jsonl");
    std::fs::write(&export, site.run(&["audit", "export"]).ok()).unwrap();
    let (own, copy) = (
        site.server.data().join("erasure-tombstones.jsonl"),
        site.home().join("copy.jsonl"),
    );
    std::fs::rename(&own, &copy).unwrap();

    for from in [
        vec!["keys", "replay-tombstones", copy.to_str().unwrap(), "--json"],
        vec![
            "keys",
            "replay-tombstones",
            export.to_str().unwrap(),
            "--anchor",
            &anchor,
            "--json",
        ],
    ] {
        std::fs::copy(&older, &database).unwrap();
        assert_eq!(site.run(&["user", "list", "--json"]).ok().lines().count(), 2);
        let done = site.run(&from).json();
        assert_eq!(done["erased"][0]["subject_id"], *gone, "{done}");
        assert_eq!(done["erased"][0]["reason"], "request");
        assert_eq!(site.run(&["user", "list", "--json"]).ok().lines().count(), 1);
        assert_eq!(tombstones(&site).len(), 1, "it is in this file now");
        std::fs::remove_file(&own).unwrap();
    }

    let path = export.to_str().unwrap();
    let done = site.run(&["keys", "replay-tombstones", path]);
    assert!(done.failed(2).contains("--anchor"));
    let forged = std::fs::read_to_string(&export).unwrap().replace(&gone, NOBODY);
    std::fs::write(&export, forged).unwrap();
    let line = site
        .run(&["keys", "replay-tombstones", path, "--anchor", &anchor])
        .failed(1);
    assert!(line.contains("audit export"), "{line}");
}

#[test]
fn a_key_encryption_key_that_is_forgotten_takes_no_tombstone_along() {
    let (site, gone) = site();
    site.run(&["user", "erase", &gone, "--reason", "request", "--yes"])
        .ok();
    let head = |site: &Site| {
        let text = std::fs::read_to_string(site.server.data().join("erasure-tombstones.jsonl")).unwrap();
        text.lines().next().unwrap().to_owned()
    };
    let before = head(&site);
    site.run(&["keys", "rotate-kek"]).ok();
    assert_eq!(tombstones(&site).len(), 1, "the previous key is there still");
    site.run(&["keys", "rotate-kek", "--forget-previous"]).ok();
    assert_ne!(head(&site), before);
    let kept = tombstones(&site);
    assert_eq!((kept.len(), &kept[0]["subject_id"]), (1, &gone.into()));
}
