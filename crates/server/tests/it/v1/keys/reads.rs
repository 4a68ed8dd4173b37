//! Whoever looks at keys leaves an event, whatever they look at.

use serde_json::json;
use vutf_server::http::{route::Method, table::ROUTES};

use super::{Site, json_of, text};

/// The paths of every `GET` route about keys and cryptography, with what it is called in the audit log.
fn reads() -> Vec<(&'static str, &'static str)> {
    let about_keys = |path: &str| path.starts_with("/api/v1/keys") || path.starts_with("/api/v1/crypto");
    let endpoints = ROUTES.iter().map(|route| &route.endpoint);
    endpoints
        .filter(|endpoint| endpoint.method == Method::Get && about_keys(endpoint.path))
        .map(|endpoint| (endpoint.path, endpoint.action.name))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_read_leaves_one_event_of_the_name_that_its_route_has() {
    let site = Site::sqlite().await;
    let key = site.create(&json!({"purpose": "sign:orders"})).await;
    let work = json!({"kind": "rewrap"});
    let job = json_of(&site.post(&site.first, "/api/v1/keys/jobs", &work).await, 202);
    let reads = reads();
    assert!(reads.len() >= 8, "{reads:?}");
    for (path, action) in reads {
        let id = if path.contains("/jobs/") {
            &job["id"]
        } else {
            &key["id"]
        };
        let path = path
            .replace("{id}", &text(id))
            .replace("{purpose}", "sign:orders")
            .replace("public-keys", "public-keys?key=orders");
        let shown = site.get(&site.admin, &path).await;
        json_of(&shown, 200);
        let request = shown.header("x-request-id").unwrap();
        let events = site.api.events(action, &site.admin.tokens).await.unwrap();
        let of_it: Vec<_> = events
            .iter()
            .filter(|event| event["request_id"] == request)
            .collect();
        assert_eq!(of_it.len(), 1, "{path}: {action}: {events:?}");
        assert_eq!(of_it[0]["outcome"]["result"], "success", "{path}");
    }
}
