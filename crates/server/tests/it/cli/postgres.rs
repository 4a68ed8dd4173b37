//! The commands that meet the database, on PostgreSQL.

use vutf_testkit::{
    servers::{database, require_postgres},
    sql,
};

use super::Site;

#[tokio::test]
async fn schema_accounts_log_and_diagnosis_work_on_postgres() {
    let Some(server) = require_postgres() else { return };
    let database = database::create_empty(server).await.unwrap();
    let site = Site::new().on(database.url());
    assert_eq!(
        site.run(&["migrate", "status", "--json"]).json()["up_to_date"],
        false
    );
    let line = site.run(&["audit", "verify"]).failed(1);
    assert!(line.contains("migrate up"), "{line}");
    site.run(&["migrate", "up"]).ok();
    assert_eq!(
        site.run(&["migrate", "status", "--json"]).json()["up_to_date"],
        true
    );

    site.admin("ada").json();
    assert!(site.run(&["user", "list"]).ok().contains("ada@example.org"));
    let report = site.run(&["doctor"]).ok();
    assert!(report.contains("agrees with the database's"), "{report}");
    assert!(report.contains("postgres "), "{report}");
    let report = site.run(&["audit", "verify", "--json"]).json();
    assert!(
        report["pending"].as_u64().unwrap() > 0,
        "no service has given them a place yet"
    );

    let status = site.run(&["migrate", "status", "--json"]).json();
    let names: Vec<&str> = status["migrations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["name"].as_str().unwrap())
        .collect();
    let steps = names.len().to_string();
    let mut arguments = vec!["migrate", "down", "--steps", &steps];
    site.run(&arguments).failed(1);
    arguments.extend(names.iter().flat_map(|name| ["--destroy-data", name]));
    site.run(&arguments).ok();
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'seaql_migrations'";
    assert_eq!(sql::number(database.url(), tables).await.unwrap(), 0);
}

#[test]
fn a_database_that_does_not_answer_is_one_line_after_the_deadline() {
    let site = Site::new()
        .on("postgres://nobody:planted-secret@127.0.0.1:1/vutf")
        .env("VUTF__DATABASE__CONNECT_DEADLINE", "1s")
        .env("VUTF__DATABASE__ACQUIRE_TIMEOUT", "100ms");
    for arguments in [
        &["migrate", "status"][..],
        &["audit", "verify"],
        &["user", "list"],
    ] {
        let done = site.run(arguments);
        assert_eq!(done.code, Some(1));
        let last = done.err.lines().last().unwrap();
        assert!(
            last.starts_with("error: ") && last.contains("database.url"),
            "{}",
            done.err
        );
        assert!(!done.err.contains("planted-secret"), "{}", done.err);
    }
    let done = site.run(&["doctor"]);
    assert_eq!(done.code, Some(1));
    assert!(done.out.contains("FAIL  database"), "{}", done.out);
    assert!(!done.out.contains("planted-secret"), "{}", done.out);
}
