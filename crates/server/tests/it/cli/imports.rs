//! `user import` and `passwords calibrate`.

use std::{fmt::Write as _, path::PathBuf, process::Stdio};

use serde_json::{Value, json};
use vutf_testkit::{
    client::{ApiClient, Person},
    servers::{database, require_postgres},
};

use super::{Site, audit::placed};

/// Made by others; see crates/identity/tests/data/foreign-hashes.py.
fn cases() -> Vec<Value> {
    let text = include_str!("../../../../identity/tests/data/foreign-hashes.json");
    let cases: Value = serde_json::from_str(text).unwrap();
    cases["cases"].as_array().unwrap().clone()
}

/// One case a scheme.
fn kinds() -> Vec<Value> {
    let mut seen = std::collections::BTreeSet::new();
    let first = |case: &Value| seen.insert(case["scheme"].to_string());
    cases().into_iter().filter(first).collect()
}

fn write(site: &Site, name: &str, text: &str) -> String {
    let path: PathBuf = site.home().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

async fn an_imported_user_signs_in(site: Site) {
    site.run(&["migrate", "up"]).ok();
    let kinds = kinds();
    assert!(kinds.len() >= 7);
    let mut csv = "username,email,display_name,password_hash,email_verified\n".to_owned();
    for (at, case) in kinds.iter().enumerate() {
        let hash = quoted(case["hash"].as_str().unwrap());
        writeln!(csv, "kind{at},kind{at}@example.org,\"Kind, {at}\",{hash},").unwrap();
    }
    csv.push_str("late,late@example.org,,,false\n");
    let file = write(&site, "users.csv", &csv);
    let rows = kinds.len() + 1;
    let dry = site.run(&["user", "import", &file, "--dry-run", "--json"]).json();
    assert_eq!((&dry["made"], &dry["dry_run"]), (&rows.into(), &true.into()));
    let done = site.run(&["user", "import", &file, "--json"]).json();
    assert_eq!((&done["made"], &done["existing"]), (&rows.into(), &0.into()));
    let again = site.run(&["user", "import", &file, "--json"]).json();
    assert_eq!((&again["made"], &again["existing"]), (&0.into(), &rows.into()));
    assert_eq!(again["existing_lines"][0], 2);

    let mut server = site.server.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    for (at, case) in kinds.iter().enumerate() {
        let mut person = Person::new("kind");
        person.username = format!("kind{at}");
        person.password = "not the right phrase".to_owned();
        api.login(&person).expect(401).await.unwrap();
        person.password = case["password"].as_str().unwrap().to_owned();
        // At once: whoever is second finds the hash replaced, and is signed in all the same.
        let (one, two, three) = tokio::join!(
            api.login(&person).send(),
            api.login(&person).send(),
            api.login(&person).send()
        );
        for answer in [one, two, three] {
            assert_eq!(answer.unwrap().status, 200, "{case}");
        }
        api.login(&person).expect(200).await.unwrap();
    }
    placed(&site);
    assert_eq!(server.terminate().unwrap(), Some(0));
    let events = site.run(&["audit", "export"]).ok();
    let named = |what: &str| {
        events
            .lines()
            .filter(|line| line.contains(&format!("\"{what}\"")))
            .count()
    };
    assert_eq!(
        named("password.rehash"),
        kinds.len(),
        "each hash was replaced once"
    );
    assert!(
        !events.contains("$2b$") && !events.contains("pbkdf2_"),
        "no hash is in the log"
    );
    site.run(&["audit", "verify"]).ok();
}

#[tokio::test]
async fn an_imported_user_signs_in_on_sqlite() {
    an_imported_user_signs_in(Site::new()).await;
}

#[tokio::test]
async fn an_imported_user_signs_in_on_postgres() {
    let Some(server) = require_postgres() else { return };
    let database = database::create_empty(server).await.unwrap();
    an_imported_user_signs_in(Site::new().on(database.url())).await;
}

#[test]
fn every_mistake_is_named_by_its_line_and_nobody_is_taken_in() {
    let site = Site::migrated();
    let good = json!({"username": "grace", "email": "grace@example.org"});
    let lines = [
        good.to_string(),
        json!({"username": "x", "email": "x@example.org"}).to_string(),
        json!({"username": "ada", "email": "planted-address"}).to_string(),
        String::new(),
        json!({"username": "ada", "email": "ada@example.org", "password_hash": "5f4dcc3b5aa765d61d8327deb882cf99"}).to_string(),
        json!({"username": "eve", "email": "eve@example.org", "password_hash": "$2b$31$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}).to_string(),
        json!({"username": "GRACE", "email": "other@example.org"}).to_string(),
        json!({"username": "bob", "email": "bob@example.org", "planted": 1}).to_string(),
        json!({"username": "bob", "email": 7}).to_string(),
        "{\"username\": \"planted-text".to_owned(),
    ];
    let file = write(&site, "users.jsonl", &lines.join("\n"));
    let done = site.run(&["user", "import", &file]);
    assert_eq!(done.code, Some(1));
    for (line, what) in [
        (2, "username"),
        (3, "email"),
        (5, "no known form"),
        (6, "more than is allowed"),
        (7, "that of line 1"),
        (8, "unknown field"),
        (9, "right types"),
        (10, "no JSON"),
    ] {
        let found = done
            .out
            .lines()
            .find(|text| text.starts_with(&format!("line {line}:")));
        assert!(
            found.is_some_and(|text| text.contains(what)),
            "{line}: {}",
            done.out
        );
    }
    assert!(
        !done.out.contains("5f4dcc3b") && !done.out.contains("planted-"),
        "{}",
        done.out
    );
    let told: Value = serde_json::from_str(&site.run(&["user", "import", &file, "--json"]).out).unwrap();
    assert_eq!(
        (told["problems"].as_array().unwrap().len(), &told["made"]),
        (8, &0.into())
    );
    assert_eq!(site.run(&["user", "list", "--json"]).ok(), "");

    let csv = write(
        &site,
        "users.csv",
        "username,email,password\nada,ada@example.org,x\n",
    );
    let line = site.run(&["user", "import", &csv]).failed(1);
    assert!(line.contains("no column \"password\""), "{line}");
    let csv = write(&site, "short.csv", "username,email,phone\nada,ada@example.org\n");
    let done = site.run(&["user", "import", &csv]);
    assert!(
        done.out.contains("line 2: it has 2 fields instead of 3"),
        "{}",
        done.out
    );
    let text = write(&site, "users.txt", "");
    assert!(site.run(&["user", "import", &text]).failed(2).contains(".csv"));
    let empty = write(&site, "empty.jsonl", "\n\n");
    assert!(
        site.run(&["user", "import", &empty])
            .failed(1)
            .contains("no account")
    );
}

/// Thirty batches.
const ROWS: usize = 3_000;

fn killed_import_goes_on(site: &Site) {
    site.run(&["migrate", "up"]).ok();
    let hash = kinds()
        .into_iter()
        .find(|case| case["scheme"] == "bcrypt")
        .unwrap()["hash"]
        .clone();
    let lines: Vec<String> = (0..ROWS)
        .map(|at| json!({"username": format!("user{at}"), "email": format!("user{at}@example.org"), "password_hash": hash}).to_string())
        .collect();
    let file = write(site, "many.jsonl", &lines.join("\n"));
    // Killed twice on its way; what was taken in by then is whole batches.
    let mut last = 0;
    for pause in [900, 1_600] {
        let mut child = site
            .command(&["user", "import", &file, "--json"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
        let present = site.run(&["user", "list", "--json"]).ok().lines().count();
        assert!(present >= last && present.is_multiple_of(100), "{present}");
        last = present;
    }
    let done = site.run(&["user", "import", &file, "--json"]).json();
    assert_eq!(
        (&done["existing"], &done["made"]),
        (&last.into(), &(ROWS - last).into())
    );
    let again = site.run(&["user", "import", &file, "--json"]).json();
    assert_eq!((&again["made"], &again["existing"]), (&0.into(), &ROWS.into()));
    assert_eq!(site.run(&["user", "list", "--json"]).ok().lines().count(), ROWS);
}

#[test]
fn an_import_that_was_killed_goes_on_where_it_was_on_sqlite() {
    killed_import_goes_on(&Site::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_goes_on_where_it_was_on_postgres() {
    let Some(server) = require_postgres() else { return };
    let database = database::create_empty(server).await.unwrap();
    let site = Site::new().on(database.url());
    tokio::task::spawn_blocking(move || killed_import_goes_on(&site))
        .await
        .unwrap();
}

#[test]
fn calibration_prints_settings_that_are_accepted() {
    let site = Site::new();
    let found = site
        .run(&[
            "passwords",
            "calibrate",
            "--max-memory-mib",
            "19",
            "--target-ms",
            "250",
            "--json",
        ])
        .json();
    let settings = &found["settings"];
    assert!(
        settings["memory_kib"].as_u64().unwrap() >= 12_288 && settings["iterations"].as_u64().unwrap() >= 3
    );
    let text = site
        .run(&[
            "passwords",
            "calibrate",
            "--max-memory-mib",
            "12",
            "--target-ms",
            "250",
        ])
        .ok();
    let section: String = text
        .lines()
        .filter(|line| line.starts_with('[') || line.contains(" = "))
        .fold(String::new(), |all, line| all + line + "\n");
    let file = write(&site, "calibrated.toml", &section);
    site.run(&["--config", &file, "config", "check"]).ok();
    assert_eq!(
        site.run(&["passwords", "calibrate", "--target-ms", "900"]).code,
        Some(2)
    );
}

#[test]
fn a_list_of_the_operators_own_is_read_at_the_start_and_a_damaged_one_stops_it() {
    use vutf_identity::password::Blocklist;
    let site = Site::migrated();
    let list = Blocklist::encode(["seven quiet copper lanterns"], 4).unwrap();
    let path = site.home().join("own.bin");
    std::fs::write(&path, &list).unwrap();
    let site = site.env("VUTF__IDENTITY__PASSWORD_BLOCKLIST", path.to_str().unwrap());
    let arguments = [
        "user",
        "create-admin",
        "--username",
        "ada",
        "--email",
        "ada@example.org",
    ];
    let line = site
        .run_with_input(&arguments, "Seven Quiet copper lanterns\n")
        .failed(1);
    assert!(
        line.contains("guessed first") && !line.contains("lanterns"),
        "{line}"
    );
    std::fs::write(&path, &list[..list.len() - 1]).unwrap();
    let line = site
        .run_with_input(&arguments, "nine small violet engines\n")
        .failed(1);
    assert!(line.contains("password_blocklist"), "{line}");
}
