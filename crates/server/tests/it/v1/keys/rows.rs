//! The key of the rows' MACs: nobody loses their account with it.

use serde_json::json;
use vutf_testkit::sql;

use super::{Site, json_of, text};
use crate::e2e::world::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compromise_of_the_key_of_rows_locks_nobody_out_on_sqlite() {
    nobody_is_locked_out(Site::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compromise_of_the_key_of_rows_locks_nobody_out_on_postgres() {
    if let Some(site) = Site::postgres().await {
        nobody_is_locked_out(site).await;
    }
}

async fn nobody_is_locked_out(site: Site) {
    for purpose in ["mac:rows", "tenant"] {
        let key = site.active(purpose).await;
        let path = format!("/api/v1/keys/{}/compromise", text(&key["id"]));
        let body = json!({"reason": "key_compromise"});
        let now = json_of(&site.post(&site.first, &path, &body).await, 200);
        assert_eq!(text(&now["state"]), "compromised");
        site.api.login(&site.second.person).expect(200).await.unwrap();
    }
    eventually("it is told that rows hang on a compromised key", async || {
        metric(&site, "vutf_compromised_key_uses").await > 0.0
    })
    .await;
}

async fn metric(site: &Site, name: &str) -> f64 {
    let management = site.api.at(site.server.management_url());
    let metrics = management.get("/metrics").expect(200).await.unwrap().text();
    let value = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_somebody_else_has_written_is_told_until_it_is_put_back() {
    let site = Site::sqlite().await;
    let edit = async |state: &str| {
        let sql = format!("UPDATE crypto_keys SET state = '{state}' WHERE purpose = 'mac:cursor'");
        sql::execute(&site.world.database_url(), &sql).await.unwrap();
    };
    for (state, told) in [("deactivated", true), ("active", false)] {
        edit(state).await;
        eventually("the change is told", async || {
            (metric(&site, "vutf_key_registry_refused").await > 0.0) == told
        })
        .await;
    }
    site.api.login(&site.second.person).expect(200).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_rows_hang_on_is_neither_destroyed_nor_left_behind() {
    let site = Site::sqlite().await;
    let old = site.active("mac:rows").await;
    let path = format!("/api/v1/keys/{}/compromise", text(&old["id"]));
    json_of(
        &site
            .post(&site.first, &path, &json!({"reason": "key_compromise"}))
            .await,
        200,
    );
    let path = format!("/api/v1/keys/{}/destroy", text(&old["id"]));
    let refused = json_of(
        &site
            .post(&site.first, &path, &json!({"reason": "key_compromise"}))
            .await,
        409,
    );
    assert_eq!(text(&refused["code"]), "VUTF_STILL_PROTECTS");
    site.api.login(&site.second.person).expect(200).await.unwrap();
}
