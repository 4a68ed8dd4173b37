//! What cannot be done, and how that is told.

use serde_json::json;

use super::{Site, refused, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_has_its_code_and_is_recorded() {
    let site = Site::sqlite().await;
    let (keys, unknown) = ("/api/v1/keys", "01937b6e-5b5c-7d3e-8f00-000000000001");
    let reason = json!({"reason": "unspecified"});
    let field = text(&site.active("field:users").await["id"]);
    for (path, body, status, code) in [
        (
            keys.to_owned(),
            json!({"purpose": "everything"}),
            400,
            "VUTF_INVALID_VALUE",
        ),
        (
            keys.to_owned(),
            json!({"purpose": "encrypt:a", "not_after": "2001-01-01T00:00:00Z"}),
            400,
            "VUTF_PAST_END",
        ),
        (
            keys.to_owned(),
            json!({"purpose": "encrypt:a", "colour": "red"}),
            400,
            "VUTF_UNKNOWN_FIELD",
        ),
        (
            keys.to_owned(),
            json!({"purpose": "field:nothing"}),
            400,
            "VUTF_NOT_CREATABLE",
        ),
        (
            keys.to_owned(),
            json!({"purpose": "field:users"}),
            409,
            "VUTF_KEY_EXISTS",
        ),
        (
            format!("{keys}/{unknown}/suspend"),
            reason.clone(),
            404,
            "VUTF_NOT_FOUND",
        ),
        (
            format!("{keys}/{field}/suspend"),
            json!({"reason": "boredom"}),
            400,
            "VUTF_INVALID_VALUE",
        ),
        (
            format!("{keys}/{field}/suspend"),
            json!({"reason": "erasure"}),
            400,
            "VUTF_INVALID_VALUE",
        ),
        (
            format!("{keys}/{field}/suspend"),
            json!({"reason": "unspecified", "note": "a\nb"}),
            400,
            "VUTF_INVALID_VALUE",
        ),
        (
            format!("{keys}/{field}/suspend"),
            reason.clone(),
            409,
            "VUTF_KEY_IN_USE",
        ),
        (
            format!("{keys}/{field}/destroy"),
            reason.clone(),
            409,
            "VUTF_KEY_ACTIVE",
        ),
        (
            format!("{keys}/requests/{unknown}/approve"),
            json!({}),
            404,
            "VUTF_REQUEST_NOT_FOUND",
        ),
        (
            format!("{keys}/jobs"),
            json!({"kind": "reencrypt", "purpose": "tenant"}),
            400,
            "VUTF_INVALID_VALUE",
        ),
        (
            format!("{keys}/jobs"),
            json!({"kind": "rewrap", "rows_per_second": 0}),
            400,
            "VUTF_INVALID_VALUE",
        ),
        (
            format!("{keys}/jobs"),
            json!({"kind": "reencrypt", "purpose": "field:nothing"}),
            400,
            "VUTF_NOTHING_SEALED",
        ),
        (
            format!("{keys}/jobs"),
            json!({"kind": "reencrypt", "purpose": "field:audit_intake"}),
            400,
            "VUTF_APPEND_ONLY",
        ),
        (
            format!("{keys}/jobs/{unknown}/pause"),
            json!({}),
            404,
            "VUTF_NOT_FOUND",
        ),
    ] {
        let answer = site.post(&site.first, &path, &body).await;
        assert_eq!(refused(&answer, status), code, "{path} {body}");
        assert!(
            !answer.text().contains("boredom") && !answer.text().contains("everything"),
            "values are not repeated"
        );
    }
    let missing = site.get(&site.first, &format!("{keys}/{unknown}")).await;
    assert_eq!(refused(&missing, 404), "VUTF_NOT_FOUND");
    let events = site
        .api
        .events("key.destroy_request", &site.admin.tokens)
        .await
        .unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["outcome"]["result"], "refused", "{}", events[0]);
}

#[test]
fn a_command_that_cannot_be_meant_is_refused_before_anything_is_opened() {
    let home = tempfile::tempdir().unwrap();
    let server = vutf_testkit::process::ServerProcess::builder(home.path()).unwrap();
    for arguments in [
        &["keys", "show", "orders"][..],
        &[
            "keys",
            "suspend",
            "01937b6e-5b5c-7d3e-8f00-000000000001",
            "--reason",
            "boredom",
        ],
        &[
            "keys",
            "suspend",
            "01937b6e-5b5c-7d3e-8f00-000000000001",
            "--reason",
            "erasure",
        ],
        &["keys", "reencrypt", "index:users.email"],
        &["keys", "reencrypt", "token-signing"],
        &["keys", "reindex", "field:users"],
        &["keys", "reencrypt", "field:users", "--rows-per-second", "0"],
        &["keys", "create", "encrypt:orders", "--not-after", "tomorrow"],
        &["keys", "jobs", "pause", "1"],
    ] {
        let done = server.command(arguments).unwrap();
        assert_eq!(
            done.status.code(),
            Some(2),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        assert!(done.stdout.is_empty(), "{arguments:?}");
    }
    assert!(!server.data().exists(), "nothing was made");
}
