//! Searching, and the stories of people.

use serde_json::{Value, json};

use super::{Site, actions};

const EVENTS: &str = "/api/v1/audit/events";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_malformed_is_named() {
    let site = Site::new().await;
    let id = &site.ada.id;
    let subject = format!("/api/v1/audit/timeline/subject/{id}");
    let period = "from=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z";
    for (path, parameter) in [
        (format!("{EVENTS}?action=user"), "action"),
        (format!("{EVENTS}?action=USER.LOCK"), "action"),
        (format!("{EVENTS}?action=user.%25"), "action"),
        (format!("{EVENTS}?resource_kind=a.b"), "resource_kind"),
        (format!("{EVENTS}?reason=because%20of%20me"), "reason"),
        (format!("{EVENTS}?request_id=a%2Fb"), "request_id"),
        (format!("{EVENTS}?{period}"), "until"),
        (format!("{EVENTS}?from=yesterday"), "from"),
        (format!("{EVENTS}?actor=ada"), "actor"),
        (format!("{EVENTS}?actor_kind=robot"), "actor_kind"),
        (format!("{EVENTS}?subject=1"), "subject"),
        (format!("{EVENTS}?resource=1"), "resource"),
        (format!("{EVENTS}?outcome=maybe"), "outcome"),
        (format!("{EVENTS}?order=random"), "order"),
        (format!("{EVENTS}?limit=0"), "limit"),
        (format!("{EVENTS}?limit=101"), "limit"),
        (format!("{EVENTS}?cursor=x"), "cursor"),
        (format!("{EVENTS}?ord=1"), "ord"),
        (format!("{subject}?{period}"), "until"),
        (format!("{subject}?cursor=x"), "cursor"),
        (format!("{subject}?action=user."), "action"),
        ("/api/v1/audit/timeline/actor/ada".to_owned(), "id"),
        (format!("/api/v1/me/audit?{period}"), "until"),
        ("/api/v1/me/audit?subject=1".to_owned(), "subject"),
    ] {
        let answer = site.get(&site.admin.tokens, &path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        assert!(answer.is_problem(), "{}", answer.text());
        assert_eq!(
            answer.json().unwrap()["errors"][0]["pointer"],
            parameter,
            "{path}"
        );
    }
    // Every mistake at once.
    let answer = site
        .get(
            &site.admin.tokens,
            &format!("{EVENTS}?action=x&reason=X&request_id=%20&{period}"),
        )
        .await;
    let errors = answer.json().unwrap()["errors"].as_array().unwrap().clone();
    let codes: Vec<&str> = errors
        .iter()
        .map(|error| error["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        ["action_form", "word_form", "request_id_form", "period_empty"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_part_of_a_filter_narrows_the_answer() {
    let site = Site::new().await;
    site.lock_and_unlock(&site.ada.id, "case-7").await;
    let wrong = json!({"username": site.bob.person.username, "password": "not the right phrase"});
    site.api
        .post("/api/v1/auth/login")
        .json(&wrong)
        .expect(401)
        .await
        .unwrap();
    let (ada, admin) = (&site.ada.id, site.admin_id().await);

    let found = site.events("request_id=case-7").await;
    assert_eq!(actions(&found), ["user.lock", "user.unlock"]);
    let found = site
        .events(&format!(
            "request_id=case-7&action=user.&resource={ada}&order=desc"
        ))
        .await;
    assert_eq!(actions(&found), ["user.unlock", "user.lock"]);
    let found = site.events("reason=wrong_password").await;
    assert_eq!(actions(&found), ["session.login"]);
    assert_eq!(
        found[0]["outcome"],
        json!({"result": "refused", "reason": "wrong_password"})
    );
    let found = site.events(&format!("actor={admin}&action=user.lock")).await;
    assert_eq!(found.len(), 1);
    let found = site.events(&format!("actor={ada}&action=user.lock")).await;
    assert_eq!(found, [Value::Null; 0]);
    let found = site.events("actor_kind=anonymous&resource_kind=session").await;
    assert!(found.len() >= 4 && actions(&found).iter().all(|action| *action == "session.login"));
    let found = site.events("action=session.&outcome=refused").await;
    assert_eq!(actions(&found), ["session.login"]);
    assert_eq!(site.events("action=nothing.").await, [Value::Null; 0]);

    let all = site.events("action=user.&order=asc").await;
    let mut turned = site.events("action=user.&order=desc").await;
    turned.reverse();
    // Meanwhile nobody but the look itself was there.
    assert_eq!(turned[..all.len()], all[..]);
    let at = all[1]["occurred_at"].as_str().unwrap();
    let later = site.events(&format!("action=user.&from={at}")).await;
    assert_eq!(later[0]["id"], all[1]["id"]);
    let before = site.events(&format!("action=user.&until={at}")).await;
    assert_eq!(before, all[..1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_belongs_to_its_order_and_its_list() {
    let site = Site::new().await;
    let admin = &site.admin.tokens;
    let (newest, next) = site.part(admin, &format!("{EVENTS}?limit=2&order=desc")).await;
    let next = next.unwrap();
    let (older, _) = site
        .part(admin, &format!("{EVENTS}?limit=2&order=desc&cursor={next}"))
        .await;
    assert!(older[0]["id"].as_str() < newest[1]["id"].as_str());
    for path in [
        format!("{EVENTS}?cursor={next}"),
        format!("/api/v1/audit/timeline/subject/{}?cursor={next}", site.ada.id),
        format!("/api/v1/me/audit?cursor={next}"),
    ] {
        let answer = site.get(admin, &path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.json().unwrap()["code"], "VUTF_INVALID_CURSOR");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_of_a_person_is_told_newest_first_and_is_in_it_itself() {
    let site = Site::new().await;
    let (ada, admin) = (&site.ada.id, site.admin_id().await);
    site.lock_and_unlock(ada, "case-8").await;
    let path = format!("/api/v1/audit/timeline/subject/{ada}");
    let (lines, _) = site.part(&site.admin.tokens, &path).await;
    // Each is preceded by a look at the version.
    assert_eq!(
        actions(&lines)[..4],
        ["user.unlock", "user.read", "user.lock", "user.read"]
    );
    let kinds: Vec<_> = lines
        .iter()
        .take(4)
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["change", "read", "change", "read"]);
    assert_eq!(lines[0]["actor"], json!({"type": "user", "user_id": admin}));
    assert_eq!(lines[0]["request_id"], "case-8");
    assert_eq!(lines[1]["count"], 1);
    assert!(lines.iter().any(|line| line["action"] == "user.register"));
    let (again, _) = site.part(&site.admin.tokens, &path).await;
    assert_eq!(
        again[0]["action"], "audit.timeline",
        "to look is a part of the story"
    );
    assert_eq!(again[0]["count"], lines.len());

    let (acts, _) = site
        .part(&site.admin.tokens, &format!("/api/v1/audit/timeline/actor/{ada}"))
        .await;
    let acts = actions(&acts);
    assert!(
        acts.contains(&"user.read") && acts.contains(&"session.login"),
        "{acts:?}"
    );
    assert!(!acts.contains(&"user.lock"), "{acts:?}");
    let refused = site.get(&site.ada.tokens, &path).await;
    assert_eq!(refused.status, 401, "the lock has ended the session");
    let refused = site.get(&site.bob.tokens, &path).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_tells_how_many_which_and_of_whom() {
    let site = Site::new().await;
    let (users, next) = site.part(&site.admin.tokens, "/api/v1/users?limit=2").await;
    let path = format!("/api/v1/users?limit=2&cursor={}", next.unwrap());
    site.part(&site.admin.tokens, &path).await;
    site.part(&site.admin.tokens, "/api/v1/users?status=active&limit=2")
        .await;
    let events = site.events("action=user.list").await;
    let [one, two, three] = &events[..] else {
        panic!("{events:?}")
    };
    let ids: Vec<&Value> = users.iter().map(|user| &user["id"]).collect();
    assert_eq!(one["details"]["count"], 2);
    assert_eq!(one["details"]["ids"], json!(ids));
    assert_eq!(one["subjects"], json!(ids));
    assert_eq!(one["details"]["ids_hash"].as_str().unwrap().len(), 64);
    assert_ne!(one["details"]["ids_hash"], two["details"]["ids_hash"]);
    assert_eq!(
        one["details"]["query"], two["details"]["query"],
        "another page of the same"
    );
    assert_ne!(
        one["details"]["query"], three["details"]["query"],
        "another question"
    );
    assert_eq!(
        one["details"]["ids_hash"], three["details"]["ids_hash"],
        "the same answer"
    );
}
