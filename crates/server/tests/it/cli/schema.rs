//! `migrate`.

use super::Site;

fn applied(site: &Site) -> Vec<bool> {
    let status = site.run(&["migrate", "status", "--json"]).json();
    let lines = status["migrations"].as_array().unwrap();
    let applied: Vec<bool> = lines
        .iter()
        .map(|line| line["applied"].as_bool().unwrap())
        .collect();
    assert_eq!(status["up_to_date"], applied.iter().all(|one| *one));
    applied
}

#[test]
fn the_schema_goes_up_and_down_and_up() {
    let site = Site::new();
    let names = site.run(&["migrate", "up", "--json"]).json()["applied"].clone();
    let count = names.as_array().unwrap().len();
    assert!(count > 0);
    assert_eq!(applied(&site), vec![true; count]);

    let reverted = site.run(&["migrate", "down", "--json"]).json()["reverted"].clone();
    assert_eq!(reverted.as_array().unwrap(), &[names[count - 1].clone()]);
    assert_eq!(applied(&site).iter().filter(|one| !**one).count(), 1);
    let text = site.run(&["migrate", "status"]).ok();
    assert!(
        text.contains("1 migration to apply: run `violentutf-api migrate up`"),
        "{text}"
    );

    let all = count.to_string();
    site.run(&["migrate", "down", "--steps", &all]).ok();
    assert_eq!(applied(&site), vec![false; count]);
    site.run(&["migrate", "up"]).ok();
    let text = site.run(&["migrate", "up"]).ok();
    assert!(text.contains("nothing was applied"), "{text}");
}

#[test]
fn what_holds_rows_is_not_taken_back_in_passing() {
    let site = Site::migrated();
    site.admin("ada").json();
    // The newest tables may hold nothing yet.
    let mut gone = 0;
    let line = loop {
        let done = site.run(&["migrate", "down"]);
        if done.code != Some(0) {
            break done.failed(1);
        }
        gone += 1;
    };
    let pending = |site: &Site| applied(site).iter().filter(|one| !**one).count();
    let (_, flag) = line.rsplit_once("add: ").unwrap();
    let named: Vec<&str> = flag.split_whitespace().collect();
    assert_eq!(named[0], "--destroy-data");
    assert_eq!(pending(&site), gone);

    let arguments = [&["--set", "profile=production", "migrate", "down"], &named[..]].concat();
    let site = site
        .env("VUTF__KEYS__KEK_PASSPHRASE", "lV0mZ1RgkU5oC2tS7yXq8wBn3dHfJ4aP")
        .env("VUTF__RATE_LIMIT__ENABLED", "true")
        .env("VUTF__IDENTITY__EMAIL_VERIFICATION", "auto");
    let line = site.run(&arguments).failed(2);
    assert!(line.contains("production"), "{line}");
    let line = site.run(&arguments[..4]).failed(1);
    assert!(
        line.contains("backup") && !line.contains("--destroy-data"),
        "{line}"
    );
    assert_eq!(pending(&site), gone);

    site.run(&[&["migrate", "down"], &named[..]].concat()).ok();
    assert_eq!(pending(&site), gone + 1);
}

#[test]
fn what_is_not_there_is_not_made_by_asking() {
    let site = Site::new();
    for arguments in [
        &["migrate", "status"][..],
        &["migrate", "down"],
        &["audit", "verify"],
        &["keys", "list"],
        &["user", "list"],
    ] {
        let line = site.run(arguments).failed(1);
        assert!(line.contains("migrate up"), "{line}");
    }
    assert_eq!(std::fs::read_dir(site.home()).unwrap().count(), 0);
}

#[test]
fn a_schema_that_is_behind_is_named() {
    let site = Site::migrated();
    site.run(&["migrate", "down"]).ok();
    for arguments in [&["audit", "verify"][..], &["user", "list"], &["keys", "status"]] {
        let line = site.run(arguments).failed(1);
        assert!(line.contains("migrate up"), "{line}");
    }
}
