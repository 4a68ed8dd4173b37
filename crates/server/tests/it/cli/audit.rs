//! `audit`.

use std::{process::Stdio, time::Duration};

use serde_json::Value;
use vutf_testkit::{client::ApiClient, process::ServerProcess, sql};

use super::{Done, Site};

/// A log with some events, each in its place. The service has ended.
fn logged() -> Site {
    let site = Site::new();
    let mut server = site.server.spawn().unwrap();
    site.admin("ada").json();
    site.admin("grace").json();
    placed(&site);
    assert_eq!(server.terminate().unwrap(), Some(0));
    site
}

/// Waits until every event has its place, and shows that the log can be verified while the service runs.
pub(super) fn placed(site: &Site) -> Value {
    for _ in 0..500 {
        let report = site.run(&["audit", "verify", "--json"]).json();
        if report["pending"] == 0 {
            return report;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("events stay without a place");
}

async fn tamper(site: &Site, sql: &str) {
    let triggers = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit_%'";
    assert!(sql::number(&site.database(), triggers).await.unwrap() > 0);
    assert!(
        sql::execute(&site.database(), sql).await.is_err(),
        "the database itself refuses at first"
    );
    let names = [
        "audit_intake_no_update",
        "audit_intake_no_delete",
        "audit_leaf_no_update",
        "audit_leaf_no_delete",
    ];
    for name in names {
        sql::execute(&site.database(), &format!("DROP TRIGGER IF EXISTS {name}"))
            .await
            .unwrap();
    }
    sql::execute(&site.database(), sql).await.unwrap();
}

#[test]
fn an_unchanged_log_is_verified() {
    let site = logged();
    let report = site.run(&["audit", "verify", "--json"]).json();
    assert_eq!((&report["ok"], &report["finding"]), (&true.into(), &Value::Null));
    let checked = report["checked"].as_u64().unwrap();
    assert!(checked > 5);
    assert_eq!(report["head"]["seq"].as_u64().unwrap(), checked - 1);
    let text = site.run(&["audit", "verify"]).ok();
    assert!(text.contains("complete and unchanged up to seq"), "{text}");
    assert!(text.contains(report["head"]["chain"].as_str().unwrap()), "{text}");
}

#[test]
fn verification_needs_no_key() {
    let site = logged();
    std::fs::remove_file(site.server.data().join("kek.vutf")).unwrap();
    let text = site.run(&["audit", "verify"]).ok();
    assert!(!text.contains("signatures not checked"), "{text}");
    assert!(!site.server.data().join("kek.vutf").exists(), "and makes none");
    std::fs::remove_file(site.server.data().join("audit-log.vkeys")).unwrap();
    let text = site.run(&["audit", "verify"]).ok();
    assert!(text.contains("signatures not checked: no public key"), "{text}");
    let report = site.run(&["audit", "verify", "--json"]).json();
    assert_eq!(
        (&report["ok"], &report["signatures_checked"]),
        (&true.into(), &false.into())
    );
}

#[tokio::test]
async fn a_changed_body_is_named_by_its_sequence_number() {
    let site = logged();
    let change = "UPDATE audit_intake SET body = CAST(replace(CAST(body AS TEXT), '\"success\"', '\"refused\"') AS BLOB) \
                  WHERE id = (SELECT event_id FROM audit_leaf WHERE seq = 3)";
    tamper(&site, change).await;
    let done = site.run(&["audit", "verify"]);
    assert_eq!(done.code, Some(1), "{}{}", done.out, done.err);
    assert!(done.out.starts_with("seq 3: body_changed: "), "{}", done.out);
    let done = site.run(&["audit", "verify", "--json"]);
    assert_eq!(done.code, Some(1));
    let report: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((&report["ok"], &report["checked"]), (&false.into(), &3.into()));
    assert_eq!(report["finding"]["seq"], 3);
    // An export holds only what fits.
    let done = site.run(&["audit", "export"]);
    assert_eq!(done.code, Some(1));
    assert_eq!(done.out.lines().count(), 3);
    assert!(done.err.contains("seq 3"), "{}", done.err);
}

#[tokio::test]
async fn a_deleted_event_is_named_by_its_sequence_number() {
    let site = logged();
    tamper(&site, "DELETE FROM audit_leaf WHERE seq = 2").await;
    let done = site.run(&["audit", "verify"]);
    assert_eq!(done.code, Some(1));
    assert!(done.out.starts_with("seq 2: leaf_missing: "), "{}", done.out);
}

#[test]
fn an_export_is_a_chain_that_a_reader_can_check() {
    use vutf_audit::{GENESIS, chain_after, leaf_hash};

    let site = logged();
    let export = site.run(&["audit", "export"]).ok();
    let hex = |bytes: [u8; 32]| bytes.map(|byte| format!("{byte:02x}")).concat();
    let mut chain = GENESIS;
    for (seq, line) in export.lines().enumerate() {
        let record: Value = serde_json::from_str(line).unwrap();
        // The body's own bytes, as they stand in the line.
        let body = line.split_once("\"body\":").unwrap().1.strip_suffix('}').unwrap();
        let leaf = leaf_hash(body.as_bytes());
        assert_eq!(record["seq"], seq);
        assert_eq!(record["leaf_hash"], hex(leaf));
        assert_eq!(record["previous"], hex(chain));
        chain = chain_after(&chain, &leaf);
    }
    let report = site.run(&["audit", "verify", "--json"]).json();
    assert_eq!(report["head"]["chain"], hex(chain));

    let last = report["head"]["seq"].as_u64().unwrap();
    let tail = site.run(&["audit", "export", "--from", &last.to_string()]).ok();
    assert_eq!(tail.lines().collect::<Vec<_>>(), [export.lines().last().unwrap()]);
    let beyond = (last + 1).to_string();
    assert_eq!(site.run(&["audit", "export", "--from", &beyond]).ok(), "");
    assert!(!export.contains("ada@example.org"), "no personal data leaves");
}

#[test]
fn the_tail_shows_the_last_events() {
    let site = logged();
    let text = site.run(&["audit", "tail"]).ok();
    let shown = text
        .lines()
        .filter(|line| line.contains("user.create_admin"))
        .count();
    assert_eq!(shown, 2, "{text}");
    let lines = site.run(&["audit", "tail", "--json"]).ok();
    let export = site.run(&["audit", "export"]).ok();
    assert!(export.ends_with(&lines), "the same records");
}

#[test]
fn a_reader_who_leaves_an_export_early_gets_no_panic() {
    let site = logged();
    let mut child = site
        .command(&["audit", "export"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = Done::of(child.wait_with_output().unwrap());
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn whoever_sees_the_log_is_in_it() {
    let site = logged();
    site.run(&["audit", "tail"]).ok();
    site.run(&["audit", "export", "--from", "2"]).ok();
    site.run(&["audit", "verify"]).ok();
    let looks =
        "SELECT action, actor_kind, resource_kind FROM audit_intake WHERE action LIKE 'audit.%' ORDER BY id";
    let looks = sql::texts(&site.database(), looks).await.unwrap();
    assert_eq!(
        looks,
        [
            ["audit.tail", "operator", "audit"],
            ["audit.export", "operator", "audit"]
        ]
    );
}

/// The event at `seq` deleted with all leaves from it on, which leaves no trace in the database.
fn cut(seq: u64) -> String {
    format!(
        "DELETE FROM audit_subject_ref WHERE event_id = (SELECT event_id FROM audit_leaf WHERE seq = {seq}); \
         DELETE FROM audit_intake WHERE id = (SELECT event_id FROM audit_leaf WHERE seq = {seq}); \
         DELETE FROM audit_leaf WHERE seq >= {seq}"
    )
}

/// As an administrator of the database, who can take every trigger away.
async fn overwrite(site: &Site, statement: &str) {
    for table in [
        "audit_intake",
        "audit_leaf",
        "audit_subject_ref",
        "audit_checkpoint",
    ] {
        for kind in ["no_update", "no_delete"] {
            let drop = format!("DROP TRIGGER IF EXISTS {table}_{kind}");
            sql::execute(&site.database(), &drop).await.unwrap();
        }
    }
    sql::execute(&site.database(), statement).await.unwrap();
}

async fn leaves(site: &Site) -> i64 {
    let count = "SELECT COUNT(*) FROM audit_leaf";
    sql::number(&site.database(), count).await.unwrap()
}

/// Waits until the operators' listener says `expected` about the audit log.
async fn probed(server: &ServerProcess, expected: &str) {
    let client = ApiClient::new(server.management_url()).unwrap();
    let mut said = Value::Null;
    for _ in 0..1_500 {
        said = client.get("/health/ready").send().await.unwrap().json().unwrap();
        if said["checks"]["audit"]["status"] == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never {expected}: {said}");
}

fn head_file(site: &Site) -> String {
    std::fs::read_to_string(site.server.data().join("audit-head")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_is_cut_off_while_the_service_runs_is_not_resealed() {
    let site = Site::new();
    let mut server = site.server.spawn().unwrap();
    site.admin("ada").json();
    let last = placed(&site)["head"]["seq"].as_u64().unwrap();
    probed(&server, "ok").await;
    let seq = last - 2;
    overwrite(&site, &cut(seq)).await;
    probed(&server, "failed").await;
    assert_eq!(
        leaves(&site).await,
        i64::try_from(seq).unwrap(),
        "nothing is sequenced"
    );
    site.admin("grace").json();
    let done = site.run(&["audit", "verify"]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.out.starts_with(&format!("seq {seq}: leaf_missing: ")),
        "{}",
        done.out
    );
    assert!(
        server.own_logs().contains("nothing is sequenced"),
        "{}",
        server.own_logs()
    );

    // To go on with it is a deed of its own.
    site.run(&["audit", "accept-head"]).ok();
    probed(&server, "ok").await;
    assert!(leaves(&site).await > i64::try_from(seq).unwrap());
    assert_eq!(server.terminate().unwrap(), Some(0));
    let accepted =
        "SELECT COUNT(*) FROM audit_intake WHERE action = 'audit.accept_head' AND actor_kind = 'operator'";
    assert_eq!(sql::number(&site.database(), accepted).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_is_cut_off_between_two_starts_is_not_resealed() {
    let site = logged();
    let report = site.run(&["audit", "verify", "--json"]).json();
    let noted = head_file(&site);
    let anchor = noted.lines().next().unwrap();
    assert_eq!(report["anchors"], serde_json::json!([anchor]));
    let seq = report["head"]["seq"].as_u64().unwrap() - 4;
    overwrite(&site, &cut(seq)).await;
    let mut server = site.server.spawn().unwrap();
    probed(&server, "failed").await;
    assert_eq!(
        leaves(&site).await,
        i64::try_from(seq).unwrap(),
        "nothing is sequenced"
    );
    assert_eq!(server.terminate().unwrap(), Some(0));
    assert_eq!(head_file(&site), noted);
    let found = |done: Done| {
        assert_eq!(done.code, Some(1), "{}{}", done.out, done.err);
        done.out
    };
    let expected = format!("seq {seq}: leaf_missing: ");
    assert!(found(site.run(&["audit", "verify"])).starts_with(&expected));
    // Without the file, a head that was noted on paper does.
    std::fs::remove_file(site.server.data().join("audit-head")).unwrap();
    let text = found(site.run(&["audit", "verify", "--anchor", anchor]));
    assert!(text.starts_with(&expected), "{text}");
    // So do the checkpoints in the database, which cannot be forged.
    assert!(found(site.run(&["audit", "verify"])).starts_with(&expected));
    let forget = format!("DELETE FROM audit_latest; DELETE FROM audit_checkpoint WHERE size > {seq}");
    overwrite(&site, &forget).await;
    // And with nothing of all that nothing is claimed, but that the triggers are gone.
    let text = found(site.run(&["audit", "verify"]));
    assert!(
        text.starts_with("The audit log is consistent in itself."),
        "{text}"
    );
    assert!(text.contains("audit_leaf_no_delete"), "{text}");
}

#[tokio::test]
async fn an_emptied_or_hidden_log_is_found() {
    let site = logged();
    let hide =
        "ALTER TABLE audit_leaf RENAME TO kept; CREATE VIEW audit_leaf AS SELECT * FROM kept WHERE seq < 3";
    overwrite(&site, hide).await;
    let done = site.run(&["audit", "verify"]);
    assert_eq!(done.code, Some(1));
    assert!(done.out.starts_with("seq 0: table_missing: "), "{}", done.out);
    overwrite(
        &site,
        "DROP VIEW audit_leaf; ALTER TABLE kept RENAME TO audit_leaf",
    )
    .await;
    overwrite(
        &site,
        "DELETE FROM audit_subject_ref; DELETE FROM audit_intake; DELETE FROM audit_leaf",
    )
    .await;
    let done = site.run(&["audit", "verify"]);
    assert_eq!(done.code, Some(1));
    assert!(done.out.starts_with("seq 0: leaf_missing: "), "{}", done.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_beyond_all_events_is_not_followed() {
    let site = Site::new();
    let mut server = site.server.spawn().unwrap();
    let last = placed(&site)["head"]["seq"].as_u64().unwrap();
    let beyond = format!("UPDATE audit_leaf SET ord = 9223372036854775807 WHERE seq = {last}");
    overwrite(&site, &beyond).await;
    probed(&server, "failed").await;
    site.admin("ada").json();
    let done = site.run(&["audit", "verify", "--json"]);
    assert_eq!(done.code, Some(1));
    let report: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(report["finding"]["kind"], "cursor_changed");
    assert_eq!(report["finding"]["seq"], last);
    assert!(report["pending"].as_u64().unwrap() > 0);
    // Put back, it goes on by itself.
    let back = format!(
        "UPDATE audit_leaf SET ord = (SELECT ord FROM audit_intake WHERE id = event_id) WHERE seq = {last}"
    );
    overwrite(&site, &back).await;
    probed(&server, "ok").await;
    assert_eq!(server.terminate().unwrap(), Some(0));
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_not_none() {
    let site = logged();
    let accept = || site.run(&["audit", "accept-head", "--json"]).json();
    let first = accept();
    assert_eq!(first["problem"], Value::Null);
    std::fs::write(site.server.data().join("audit-head"), "7:00\n").unwrap();
    let told = site.run(&["audit", "verify"]).failed(1);
    assert!(told.contains("audit-head cannot be read"), "{told}");
    let accepted = accept();
    assert_eq!(accepted["before"], "unreadable");
    assert!(accepted["problem"].is_string(), "{accepted}");
    // What was given up is in the log.
    let bodies = "SELECT CAST(body AS TEXT) FROM audit_intake WHERE action = 'audit.accept_head' ORDER BY id";
    let bodies = sql::texts(&site.database(), bodies).await.unwrap();
    for (body, told) in bodies.iter().zip([&first, &accepted]) {
        for end in ["before", "now"] {
            let fact = format!("\"{end}\":{}", told[end]);
            assert!(body[0].contains(&fact), "{fact} is not in {}", body[0]);
        }
    }
    assert_eq!(bodies.len(), 2);
    site.run(&["audit", "verify"]).ok();
    assert_eq!(site.run(&["audit", "verify", "--anchor", "7:00"]).code, Some(2));
}

/// The id of the account that was made first.
fn first_account(site: &Site) -> String {
    let lines = site.run(&["user", "list", "--json"]).ok();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    first["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_story_of_a_person_is_told_on_the_machine() {
    let site = logged();
    let ada = first_account(&site);
    let lines = site.run(&["audit", "timeline", "subject", &ada, "--json"]).ok();
    let told: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let actions: Vec<&str> = told.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["user.list", "user.create_admin"]);
    assert_eq!((&told[0]["kind"], &told[0]["count"]), (&"read".into(), &2.into()));
    assert_eq!(told[0]["actor"]["type"], "operator");
    let text = site
        .run(&["audit", "timeline", "subject", &ada, "--limit", "1"])
        .ok();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.contains("audit.timeline") && text.contains("count 2"),
        "the look before: {text}"
    );
    let nothing = site.run(&["audit", "timeline", "actor", &ada]).ok();
    assert_eq!(nothing, "");
    let early = [
        "audit",
        "timeline",
        "subject",
        &ada,
        "--until",
        "2020-01-01T00:00:00Z",
    ];
    assert_eq!(site.run(&early).ok(), "");
    let turned = [
        "audit",
        "timeline",
        "subject",
        &ada,
        "--since",
        "2026-01-02T00:00:00Z",
        "--until",
        "2026-01-01T00:00:00Z",
    ];
    assert!(site.run(&turned).failed(2).contains("--since"));
}

#[test]
fn the_access_graph_is_text_json_and_graphviz() {
    let site = logged();
    let ada = first_account(&site);
    let graph = site.run(&["audit", "access-graph", "--json"]).json();
    let edges = graph["edges"].as_array().unwrap();
    let edge = edges.iter().find(|edge| edge["subject"] == ada.as_str()).unwrap();
    assert_eq!(edge["actor"]["type"], "operator");
    assert_eq!(
        (&edge["reads"], &edge["changes"]),
        (&1.into(), &1.into()),
        "{graph}"
    );
    assert!(graph["events"].as_u64().unwrap() > 5);
    let text = site.run(&["audit", "access-graph"]).ok();
    assert!(text.contains("ACTOR") && text.contains(&ada), "{text}");
    let dot = site.run(&["audit", "access-graph", "--dot"]).ok();
    assert!(
        dot.starts_with("digraph access {") && dot.contains(&format!("\"operator\" -> \"{ada}\"")),
        "{dot}"
    );
    let exported = site.run(&["audit", "export"]).ok();
    assert!(!exported.contains("audit.graph"), "it has no place yet");
    let mut server = site.server.spawn().unwrap();
    placed(&site);
    assert_eq!(server.terminate().unwrap(), Some(0));
    let exported = site.run(&["audit", "export"]).ok();
    assert_eq!(
        exported.matches("\"audit.graph\"").count(),
        3,
        "each look is an event"
    );
}

#[test]
fn what_was_added_between_two_heads_is_counted() {
    let site = logged();
    let export = site.run(&["audit", "export"]).ok();
    let last = export.lines().count() - 1;
    let whole = site
        .run(&["audit", "diff", "--sizes", "0", &(last + 1).to_string(), "--json"])
        .json();
    assert_eq!(whole["entries"], last + 1);
    assert_eq!(whole["actions"]["user.create_admin"], 2);
    let head = site.run(&["audit", "verify", "--json"]).json();
    assert_eq!(whole["chain"], head["head"]["chain"], "it leads to the head");
    let rest = site
        .run(&["audit", "diff", "1", &last.to_string(), "--json"])
        .json();
    assert_eq!(rest["entries"], last - 1);
    let text = site.run(&["audit", "diff", "1", &last.to_string()]).ok();
    assert!(text.contains("outcomes") && text.contains("success"), "{text}");
    assert_eq!(
        site.run(&["audit", "diff", "3", "3", "--json"]).json()["entries"],
        0
    );
    assert!(
        site.run(&["audit", "diff", "3", "2"])
            .failed(2)
            .contains("older head")
    );
    let beyond = (last + 1).to_string();
    assert!(
        site.run(&["audit", "diff", "1", &beyond])
            .failed(1)
            .contains("no entry")
    );
}
/// The token on standard error.
fn token(done: &Done) -> String {
    let told = done.err.lines().last().unwrap();
    told.strip_prefix("resume: ").unwrap().to_owned()
}

#[test]
fn an_export_goes_on_behind_its_token_in_every_format() {
    let site = logged();
    let all = site.run(&["audit", "export"]);
    let lines: Vec<&str> = all.out.lines().collect();
    let first = site.run(&["audit", "export", "--until", "3"]);
    assert_eq!(first.out.lines().collect::<Vec<_>>(), lines[..3]);
    let rest = site.run(&[
        "audit",
        "export",
        "--resume",
        &token(&first),
        "--until",
        &lines.len().to_string(),
    ]);
    assert_eq!(rest.out.lines().collect::<Vec<_>>(), lines[3..]);
    assert_eq!(token(&rest), token(&all));
    for format in ["ocsf", "cef", "ecs", "syslog"] {
        let done = site.run(&["audit", "export", "--format", format, "--until", "3"]);
        assert_eq!(token(&done), token(&first), "{format}");
        let leaf = |line: &str| {
            serde_json::from_str::<Value>(line).unwrap()["leaf_hash"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let text = done.ok();
        let pairs = text.lines().zip(&lines);
        assert!(
            pairs.clone().all(|(line, entry)| line.contains(&leaf(entry))),
            "{text}"
        );
        assert_eq!(pairs.count(), 3);
    }
    let json = site.run(&["audit", "export", "--json", "--until", "1"]);
    assert!(json.err.starts_with("{\"resume\":\"0:"), "{}", json.err);
}

#[test]
fn a_token_of_another_log_ends_the_export_and_one_that_is_none_is_wrong_usage() {
    let site = logged();
    let foreign = format!("2:{}", "0".repeat(64));
    let told = site.run(&["audit", "export", "--resume", &foreign]).failed(1);
    assert!(told.contains("seq 3"), "{told}");
    let beyond = format!("9999:{}", "0".repeat(64));
    let told = site.run(&["audit", "export", "--resume", &beyond]).failed(1);
    assert!(told.contains("seq 9999"), "{told}");
    for wrong in [
        &["--resume", "2:00"][..],
        &["--resume", &foreign, "--from", "1"],
        &["--format", "xml"],
        &["--until", "-1"],
    ] {
        let arguments: Vec<&str> = ["audit", "export"].iter().chain(wrong).copied().collect();
        assert_eq!(site.run(&arguments).code, Some(2), "{wrong:?}");
    }
}

#[tokio::test]
async fn what_was_pruned_leaves_as_a_tombstone_and_the_script_goes_over_it() {
    let site = logged();
    tamper(
        &site,
        "DELETE FROM audit_intake WHERE id = (SELECT event_id FROM audit_leaf WHERE seq = 2)",
    )
    .await;
    let export = site.run(&["audit", "export"]).ok();
    let line: Value = serde_json::from_str(export.lines().nth(2).unwrap()).unwrap();
    assert_eq!((&line["seq"], &line["body"]), (&2.into(), &Value::Null));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/verify_export.py");
    let mut python = std::process::Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), export.as_bytes()).unwrap();
    let told = Done::of(python.wait_with_output().unwrap()).ok();
    assert!(
        told.starts_with("ok: head seq ") && told.contains(", 1 pruned"),
        "{told}"
    );
}

#[test]
fn sinks_are_listed_and_one_that_is_not_known_is_not_reset() {
    let site = logged();
    assert!(
        site.run(&["audit", "sinks", "list"])
            .ok()
            .contains("Nothing was exported")
    );
    let told = site.run(&["audit", "sinks", "reset", "file"]).failed(1);
    assert!(told.contains("\"file\""), "{told}");
}
