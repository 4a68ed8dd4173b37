//! `user`.

use vutf_testkit::{
    client::{ApiClient, Person},
    sql,
};

use super::Site;

#[test]
fn an_administrator_is_made_once_and_listed() {
    let site = Site::migrated();
    let made = site.admin("ada").json();
    assert_eq!(
        (&made["username"], &made["status"]),
        (&"ada".into(), &"active".into())
    );

    let line = site.admin("ada").failed(1);
    assert!(line.contains("taken") && line.contains("\"error\""), "{line}");

    site.admin("grace").json();
    let text = site.run(&["user", "list"]).ok();
    assert_eq!(text.lines().count(), 3, "a title and two accounts: {text}");
    assert!(text.contains("ada@example.org") && text.contains("grace@example.org"));
    let lines = site.run(&["user", "list", "--json"]).ok();
    let names: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["username"].to_string())
        .collect();
    assert_eq!(names, ["\"ada\"", "\"grace\""]);
    assert_eq!(
        site.run(&["user", "list", "--status", "locked", "--json"]).ok(),
        ""
    );
}

#[test]
fn a_password_comes_from_a_file_too_and_is_judged() {
    let site = Site::migrated();
    let file = site.home().join("password");
    std::fs::write(&file, "correct horse battery staple\n").unwrap();
    let arguments = [
        "user",
        "create-admin",
        "--username",
        "ada",
        "--email",
        "ada@example.org",
    ];
    let from = |path: &str| {
        let option = format!("--password-file={path}");
        site.run(&[&arguments[..], &[&option]].concat())
    };
    let line = from("absent").failed(1);
    assert!(line.contains("absent"), "{line}");
    let line = site.run_with_input(&arguments, "short\n").failed(1);
    assert!(line.contains("15") && !line.contains("short"), "{line}");
    let line = site.run_with_input(&arguments, "").failed(1);
    assert!(line.contains("standard input"), "{line}");
    from(file.to_str().unwrap()).ok();
}

#[test]
fn a_name_that_is_none_is_wrong_usage_and_nothing_is_asked_for() {
    let site = Site::new();
    let line = site
        .run(&[
            "user",
            "create-admin",
            "--username",
            "a b",
            "--email",
            "ada@example.org",
        ])
        .failed(2);
    assert!(line.contains("--username"), "{line}");
    let line = site
        .run(&["user", "create-admin", "--username", "ada", "--email", "nowhere"])
        .failed(2);
    assert!(line.contains("--email"), "{line}");
}

/// Locks somebody, the way an administrator does.
async fn lock(api: &ApiClient, token: &str, id: &str) {
    let path = format!("/api/v1/users/{id}");
    let seen = api.get(&path).bearer(token).send().await.unwrap();
    let etag = seen.header("etag").unwrap().to_owned();
    let call = api.post(&format!("{path}/lock"));
    call.bearer(token)
        .header("If-Match", &etag)
        .expect(200)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_lock_is_lifted_by_name_address_or_id() {
    let site = Site::migrated();
    let id = site.admin("ada").json()["id"].as_str().unwrap().to_owned();
    site.admin("root").ok();
    let mut server = site.server.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let root = Person {
        username: "root".to_owned(),
        email: "root@example.org".to_owned(),
        password: "correct horse battery staple".to_owned(),
    };
    let root = api.login(&root).send().await.unwrap().tokens().unwrap();
    for name in ["ada", "Ada@Example.org", &id] {
        lock(&api, &root.access, &id).await;
        let unlocked = site.run(&["user", "unlock", name, "--json"]).json();
        assert_eq!(unlocked["status"], "active", "{name}");
    }
    server.terminate().unwrap();
    let line = site.run(&["user", "unlock", "ada"]).failed(1);
    assert!(line.contains("cannot be unlocked"), "{line}");
    let found = "SELECT COUNT(*) FROM audit_intake i JOIN audit_subject_ref s ON s.event_id = i.id \
                 WHERE i.action = 'user.find' AND i.actor_kind = 'operator'";
    let found = sql::number(&site.database(), found).await.unwrap();
    assert_eq!(found, 3, "by name, by address, and by name again");
    let line = site.run(&["user", "unlock", "nobody"]).failed(1);
    assert!(line.contains("no such user"), "{line}");
}
