//! From pre-activation to destruction, with history, tags and events.

use serde_json::json;
use vutf_testkit::sql;

use super::{Site, json_of, refused, text};
use crate::e2e::world::{assert_verified, sequenced};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_goes_through_all_its_states_on_sqlite() {
    all_states(Site::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_goes_through_all_its_states_on_postgres() {
    if let Some(site) = Site::postgres().await {
        all_states(site).await;
    }
}

async fn all_states(site: Site) {
    let made = site
        .create(&json!({"purpose": "encrypt:orders", "activate": false}))
        .await;
    assert_eq!(
        (&made["state"], &made["version"], &made["revision"]),
        (&json!("pre-activation"), &json!(1), &json!(1))
    );
    for (verb, state, revision) in [
        ("activate", "active", 2),
        ("suspend", "suspended", 3),
        ("activate", "active", 4),
        ("deactivate", "deactivated", 5),
    ] {
        let answer = site.act(&made, verb).await;
        assert_eq!(
            answer.header("etag"),
            Some(format!("\"v{revision}\"").as_str()),
            "{verb}"
        );
        let now = json_of(&answer, 200);
        assert_eq!(
            (text(&now["state"]), now["revision"].as_u64()),
            (state.to_owned(), Some(revision)),
            "{verb}"
        );
    }
    assert_eq!(
        refused(&site.act(&made, "activate").await, 409),
        "VUTF_NO_SUCH_TRANSITION",
        "nothing comes back from there"
    );
    a_request_is_decided(&site, &made).await;
    the_history_is_complete(&site, &made).await;
    sequenced(&site.api, &site.admin).await;
    assert_verified(&site.builder);
}

async fn a_request_is_decided(site: &Site, key: &serde_json::Value) {
    let request = json_of(&site.act(key, "destroy").await, 202);
    assert_eq!(
        (&request["state"], &request["key_id"]),
        (&json!("open"), &key["id"])
    );
    assert_eq!(refused(&site.act(key, "destroy").await, 409), "VUTF_REQUEST_OPEN");
    let path = format!("/api/v1/keys/requests/{}", text(&request["id"]));
    let own = site
        .post(&site.first, &format!("{path}/approve"), &json!({}))
        .await;
    assert_eq!(refused(&own, 403), "VUTF_SAME_PERSON");
    assert_eq!(text(&site.approved(&request).await["state"]), "destroyed");
    let late = site
        .post(&site.second, &format!("{path}/reject"), &json!({}))
        .await;
    assert_eq!(refused(&late, 409), "VUTF_REQUEST_DECIDED");
    let requests = json_of(&site.get(&site.first, "/api/v1/keys/requests").await, 200);
    assert_eq!(text(&requests["items"][0]["state"]), "approved");
}

async fn the_history_is_complete(site: &Site, key: &serde_json::Value) {
    let path = format!("/api/v1/keys/{}", text(&key["id"]));
    let view = json_of(&site.get(&site.second, &path).await, 200);
    let lines = view["transitions"].as_array().unwrap();
    let states: Vec<_> = lines.iter().map(|line| text(&line["to"])).collect();
    assert_eq!(
        states,
        [
            "pre-activation",
            "active",
            "suspended",
            "active",
            "deactivated",
            "destroyed"
        ]
    );
    for line in lines {
        let event = format!("/api/v1/audit/events/{}", text(&line["event_id"]));
        let event = json_of(&site.get(&site.admin, &event).await, 200);
        assert_eq!(event["resource"]["id"], key["id"]);
        assert_eq!(
            event["details"]["revision"], line["revision"],
            "the log tells of each revision"
        );
        assert_eq!(event["details"]["state"], line["to"]);
    }
    let kept = "SELECT count(*) FROM crypto_keys WHERE state = 'destroyed' AND length(wrapped) > 0";
    assert_eq!(
        sql::number(&site.world.database_url(), kept).await.unwrap(),
        0,
        "its bytes are gone"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_changed_since_it_was_read_is_left_alone() {
    let site = Site::sqlite().await;
    let made = site.create(&json!({"purpose": "hmac:orders"})).await;
    let path = format!("/api/v1/keys/{}", text(&made["id"]));
    let read = site.get(&site.first, &path).await;
    let tag = read.header("etag").unwrap().to_owned();
    json_of(&site.act(&made, "suspend").await, 200);
    let body = json!({"reason": "unspecified"});
    let activate = |tag: &str| {
        let call = site
            .api
            .post(&format!("{path}/activate"))
            .bearer(&site.second.tokens.access);
        call.header("if-match", tag).json(&body)
    };
    assert_eq!(
        refused(&activate(&tag).send().await.unwrap(), 412),
        "VUTF_STALE_VERSION"
    );
    let tag = site
        .get(&site.first, &path)
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    json_of(&activate(&tag).send().await.unwrap(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_protected_is_destroyed_by_one() {
    let site = Site::sqlite().await;
    let made = site
        .create(&json!({"purpose": "sign:orders", "activate": false}))
        .await;
    let done = json_of(&site.act(&made, "destroy").await, 200);
    assert_eq!(text(&done["state"]), "destroyed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inventory_is_a_bill_of_materials_without_keys() {
    let site = Site::sqlite().await;
    let answer = site.get(&site.first, "/api/v1/keys/inventory").await;
    let bom = json_of(&answer, 200);
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("application/vnd.cyclonedx+json")
    );
    assert_eq!(
        (text(&bom["bomFormat"]), text(&bom["specVersion"])),
        ("CycloneDX".into(), "1.6".into())
    );
    let components = bom["components"].as_array().unwrap();
    assert!(
        components
            .iter()
            .all(|part| part["type"] == "cryptographic-asset")
    );
    let keys = components
        .iter()
        .filter(|part| part["cryptoProperties"]["assetType"] == "related-crypto-material");
    assert!(keys.count() >= 5);
    let (code, printed, _) = site.command(&["keys", "inventory"]);
    assert_eq!(code, Some(0));
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["components"].as_array().unwrap().len(), components.len());
}

/// Every verb that changes something under an id of its own honours the entity tag that its resource has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verb_in_a_version_that_is_over_changes_nothing() {
    let site = Site::sqlite().await;
    let key = site.create(&json!({"purpose": "sign:orders"})).await;
    // One a second, so that it is not over before it is paused.
    let work = json!({"kind": "reencrypt", "purpose": "field:passwords", "rows_per_second": 1});
    let job = json_of(&site.post(&site.first, "/api/v1/keys/jobs", &work).await, 202);
    let why = json!({"reason": "superseded"});
    let call = async |path: &str, verb: &str, tag: &str| {
        let call = site
            .api
            .post(&format!("{path}/{verb}"))
            .bearer(&site.first.tokens.access);
        let call = call.header("if-match", tag);
        let call = if verb == "rotate" || path.contains("/jobs/") {
            call
        } else {
            call.json(&why)
        };
        call.send().await.unwrap()
    };
    let of_key = format!("/api/v1/keys/{}", text(&key["id"]));
    let of_job = format!("/api/v1/keys/jobs/{}", text(&job["id"]));
    for (path, verbs) in [
        (
            &of_key,
            &[
                "rotate",
                "activate",
                "suspend",
                "deactivate",
                "compromise",
                "destroy",
            ][..],
        ),
        (&of_job, &["pause", "resume", "cancel"]),
    ] {
        for verb in verbs {
            for stale in ["\"v999\"", "\"other\""] {
                let answer = call(path, verb, stale).await;
                assert_eq!(refused(&answer, 412), "VUTF_STALE_VERSION", "{path}/{verb}");
            }
            let weak = call(path, verb, "W/\"v1\"").await;
            assert_eq!(refused(&weak, 400), "VUTF_INVALID_IF_MATCH", "{path}/{verb}");
        }
    }
    assert_eq!(site.versions("sign:orders").await, [(1, "active".to_owned())]);
    let read = site.get(&site.first, &of_key).await;
    let tag = read.header("etag").unwrap().to_owned();
    let next = json_of(&call(&of_key, "rotate", &tag).await, 200);
    assert_eq!(next["version"], 2);
    assert_eq!(
        refused(&call(&of_key, "rotate", &tag).await, 412),
        "VUTF_STALE_VERSION"
    );
}
