//! What holds for all versions of a purpose's key.

use serde_json::{Value, json};
use vutf_testkit::client::Answer;

use super::{Site, json_of, refused};

const PATH: &str = "/api/v1/keys/policies/encrypt:orders";

async fn patch(site: &Site, tag: Option<&str>, body: &Value) -> Answer {
    let call = site.api.patch(PATH).bearer(&site.first.tokens.access).json(body);
    let call = match tag {
        Some(tag) => call.header("if-match", tag),
        None => call,
    };
    call.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_is_changed_in_the_revision_that_was_read() {
    let site = Site::sqlite().await;
    let made = site.create(&json!({"purpose": "encrypt:orders"})).await;
    json_of(&site.act(&made, "rotate").await, 200);
    let read = site.get(&site.first, PATH).await;
    let tag = read.header("etag").unwrap().to_owned();
    let nothing_decided = json_of(&read, 200);
    assert_eq!(
        (
            &nothing_decided["minimum_version"],
            &nothing_decided["updated_at"]
        ),
        (&json!(1), &Value::Null)
    );
    let raise = json!({"minimum_version": 2, "cryptoperiod_seconds": 86_400});
    assert_eq!(
        refused(&patch(&site, None, &raise).await, 428),
        "VUTF_PRECONDITION_REQUIRED"
    );
    let changed = patch(&site, Some(&tag), &raise).await;
    let next = changed.header("etag").unwrap().to_owned();
    let now = json_of(&changed, 200);
    assert_eq!(
        (
            &now["minimum_version"],
            &now["cryptoperiod_seconds"],
            &now["limit"]
        ),
        (&json!(2), &json!(86_400), &Value::Null)
    );
    for stale in [tag.as_str(), "\"v99\"", "\"other\""] {
        assert_eq!(
            refused(&patch(&site, Some(stale), &raise).await, 412),
            "VUTF_STALE_VERSION",
            "{stale}"
        );
    }
    let cleared = patch(&site, Some(&next), &json!({"cryptoperiod_seconds": null})).await;
    let now = json_of(&cleared, 200);
    assert_eq!(
        (&now["minimum_version"], &now["cryptoperiod_seconds"]),
        (&json!(2), &Value::Null),
        "what is left out stays"
    );
    let events = site
        .api
        .events("keyset.update", &site.admin.tokens)
        .await
        .unwrap();
    let done = events
        .iter()
        .filter(|event| event["outcome"]["result"] == "success");
    assert_eq!(done.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_would_lose_something_is_refused() {
    let site = Site::sqlite().await;
    site.create(&json!({"purpose": "encrypt:orders"})).await;
    let tag = site.get(&site.first, PATH).await;
    let tag = tag.header("etag").unwrap().to_owned();
    for (body, status, code) in [
        (json!({"minimum_version": 2}), 400, "VUTF_MINIMUM_VERSION"),
        (json!({"minimum_version": 0}), 400, "VUTF_MINIMUM_VERSION"),
        (json!({"cryptoperiod_seconds": 1}), 400, "VUTF_INVALID_VALUE"),
        (
            json!({"limit": {"messages": 0, "bytes": 1}}),
            400,
            "VUTF_INVALID_VALUE",
        ),
        (json!({"colour": "red"}), 400, "VUTF_UNKNOWN_FIELD"),
    ] {
        let answer = patch(&site, Some(&tag), &body).await;
        assert_eq!(refused(&answer, status), code, "{body}");
    }
    // What is not rotated by itself would stop the service once it had reached a limit.
    for purpose in ["mac:rows", "index:users.email", "tenant"] {
        let path = format!("/api/v1/keys/policies/{purpose}");
        let tag = site
            .get(&site.first, &path)
            .await
            .header("etag")
            .unwrap()
            .to_owned();
        let body = json!({"limit": {"messages": 1, "bytes": 1}});
        let call = site.api.patch(&path).bearer(&site.first.tokens.access);
        let answer = call.header("if-match", &tag).json(&body).send().await.unwrap();
        assert_eq!(refused(&answer, 400), "VUTF_NO_LIMIT_OF_USE", "{purpose}");
    }
    for (path, status, code) in [
        ("/api/v1/keys/policies/encrypt:nothing", 404, "VUTF_NOT_FOUND"),
        ("/api/v1/keys/policies/everything", 400, "VUTF_INVALID_PARAMETER"),
    ] {
        let answer = site.get(&site.first, path).await;
        assert_eq!(refused(&answer, status), code, "{path}");
    }
}
