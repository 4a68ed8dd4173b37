//! What cannot be done, and how that is told.

use serde_json::{Value, json};

use super::{Site, refused, text};

const UNKNOWN: &str = "01937b6e-5b5c-7d3e-8f00-000000000001";

/// What is posted where, and the status and the code of the refusal.
type Wrong<'a> = (&'a str, Value, u16, &'a str);

/// Values that a caller sends, and that no refusal repeats.
const SENT: [&str; 2] = ["boredom", "everything"];

async fn all_refused(site: &Site, under: &str, wrong: &[Wrong<'_>]) {
    for (path, body, status, code) in wrong {
        let answer = site.post(&site.first, &format!("{under}{path}"), body).await;
        assert_eq!(refused(&answer, *status), *code, "{path} {body}");
        assert!(
            SENT.iter().all(|sent| !answer.text().contains(sent)),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_has_its_code_and_is_recorded() {
    let site = Site::sqlite().await;
    let make = |purpose: &str| json!({"purpose": purpose});
    let wrong = [
        ("", make("everything"), 400, "VUTF_INVALID_VALUE"),
        (
            "",
            json!({"purpose": "encrypt:a", "not_after": "2001-01-01T00:00:00Z"}),
            400,
            "VUTF_PAST_END",
        ),
        (
            "",
            json!({"purpose": "encrypt:a", "colour": 1}),
            400,
            "VUTF_UNKNOWN_FIELD",
        ),
        ("", make("field:nothing"), 400, "VUTF_NOT_CREATABLE"),
        ("", make("field:users"), 409, "VUTF_KEY_EXISTS"),
    ];
    all_refused(&site, "/api/v1/keys", &wrong).await;
    let missing = site.get(&site.first, &format!("/api/v1/keys/{UNKNOWN}")).await;
    assert_eq!(refused(&missing, 404), "VUTF_NOT_FOUND");
    let why = |reason: &str| json!({"reason": reason});
    let noted = json!({"reason": "unspecified", "note": "a\nb"});
    let wrong = [
        ("/suspend", why("boredom"), 400, "VUTF_INVALID_VALUE"),
        ("/suspend", why("erasure"), 400, "VUTF_INVALID_VALUE"),
        ("/suspend", noted, 400, "VUTF_INVALID_VALUE"),
        ("/suspend", why("unspecified"), 409, "VUTF_KEY_IN_USE"),
        ("/destroy", why("unspecified"), 409, "VUTF_KEY_ACTIVE"),
    ];
    let field = text(&site.active("field:users").await["id"]);
    all_refused(&site, &format!("/api/v1/keys/{field}"), &wrong).await;
    let events = site
        .api
        .events("key.destroy_request", &site.admin.tokens)
        .await
        .unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["outcome"]["result"], "refused", "{}", events[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_jobs_that_cannot_be_are_refused() {
    let site = Site::sqlite().await;
    let job = |kind: &str, purpose: &str| json!({"kind": kind, "purpose": purpose});
    let (approve, pause) = (
        format!("/requests/{UNKNOWN}/approve"),
        format!("/jobs/{UNKNOWN}/pause"),
    );
    let wrong = [
        (approve.as_str(), json!({}), 404, "VUTF_REQUEST_NOT_FOUND"),
        (pause.as_str(), json!({}), 404, "VUTF_NOT_FOUND"),
        ("/jobs", job("reencrypt", "tenant"), 400, "VUTF_INVALID_VALUE"),
        (
            "/jobs",
            json!({"kind": "rewrap", "rows_per_second": 0}),
            400,
            "VUTF_INVALID_VALUE",
        ),
        (
            "/jobs",
            job("reencrypt", "field:nothing"),
            400,
            "VUTF_NOTHING_SEALED",
        ),
        (
            "/jobs",
            job("reencrypt", "field:audit_intake"),
            400,
            "VUTF_APPEND_ONLY",
        ),
    ];
    all_refused(&site, "/api/v1/keys", &wrong).await;
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
