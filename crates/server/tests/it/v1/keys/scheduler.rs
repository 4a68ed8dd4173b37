//! What happens by itself: rotation, re-encryption after a compromise, figures.

use serde_json::json;
use vutf_testkit::sql;

use super::{Site, json_of, text};
use crate::e2e::world::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_whose_time_is_over_is_rotated_without_anybody() {
    let site = Site::sqlite().await;
    let soon = time::in_seconds(2);
    let made = site
        .create(&json!({"purpose": "encrypt:orders", "not_after": soon}))
        .await;
    assert_eq!(text(&made["state"]), "active");
    eventually("the key is rotated", async || {
        site.versions("encrypt:orders").await == [(1, "deactivated".to_owned()), (2, "active".to_owned())]
    })
    .await;
    let events = site.api.events("key.rotate", &site.admin.tokens).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["actor"]["job"], "key-scheduler", "{}", events[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_age_of_tenant_keys_and_of_the_key_above_them_is_measured_against_their_time() {
    const YEAR: i64 = 365 * 86_400;
    let mut site = Site::sqlite().await;
    // What may have passed since the keys were made.
    let slack = 600;
    for period in [YEAR, 30 * 86_400] {
        let metrics = site.api.at(site.server.management_url());
        let measured = async |name: &str, purpose: &str| {
            let text = metrics.get("/metrics").send().await.unwrap().text();
            let start = format!("{name}{{purpose=\"{purpose}\"}} ");
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(&start)?.parse::<i64>().ok())
        };
        let remaining = "vutf_key_cryptoperiod_remaining_seconds";
        eventually("the age of the key-encryption key is known", async || {
            measured(remaining, "kek").await.is_some()
        })
        .await;
        for (purpose, expected) in [("kek", period), ("tenant", YEAR)] {
            let left = measured(remaining, purpose).await.unwrap();
            assert!((expected - slack..=expected).contains(&left), "{purpose}: {left}");
            let age = measured("vutf_key_oldest_active_seconds", purpose).await.unwrap();
            assert!((0..slack).contains(&age), "{purpose}: {age}");
        }
        assert_eq!(site.server.terminate().unwrap(), Some(0));
        site.builder = site.builder.env("VUTF__KEYS__KEK_CRYPTOPERIOD", "30d");
        site.server = site.builder.spawn().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_replicas_one_rotates_and_the_other_takes_over() {
    let Some(mut site) = Site::postgres().await else {
        return;
    };
    let other = site.world.replica("two").spawn().unwrap();
    let rotated = async |site: &Site| {
        let soon = time::in_seconds(1);
        let name = format!("hmac:{}", vutf_testkit::random::hex::<4>());
        site.create(&json!({"purpose": name, "not_after": soon})).await;
        eventually("the key is rotated", async || {
            site.versions(&name).await == [(1, "deactivated".to_owned()), (2, "active".to_owned())]
        })
        .await;
    };
    rotated(&site).await;
    assert_eq!(site.server.terminate().unwrap(), Some(0));
    site.api = site.api.at(other.base_url());
    rotated(&site).await;
    let events = site.api.events("key.rotate", &site.admin.tokens).await.unwrap();
    assert_eq!(events.len(), 2, "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_compromise_everything_is_written_anew_on_sqlite() {
    written_anew(Site::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_compromise_everything_is_written_anew_on_postgres() {
    if let Some(site) = Site::postgres().await {
        written_anew(site).await;
    }
}

async fn written_anew(site: Site) {
    let key = site.active("field:passwords").await;
    let body = json!({"reason": "key_compromise", "note": "INC-1"});
    let path = format!("/api/v1/keys/{}/compromise", text(&key["id"]));
    let now = json_of(&site.post(&site.first, &path, &body).await, 200);
    assert_eq!(text(&now["state"]), "compromised");
    assert_eq!(
        site.versions("field:passwords").await,
        [(1, "compromised".to_owned()), (2, "active".to_owned())],
        "a new version protects at once"
    );
    eventually("a job was started and is done", async || {
        let jobs = json_of(&site.get(&site.first, "/api/v1/keys/jobs").await, 200);
        let mut jobs = jobs["items"].as_array().unwrap().iter();
        jobs.any(|job| job["purpose"] == "field:passwords" && job["state"] == "done")
    })
    .await;
    // One job, however many rounds there were meanwhile.
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    let jobs = "SELECT count(*) FROM key_jobs";
    assert_eq!(sql::number(&site.world.database_url(), jobs).await.unwrap(), 1);
    site.api.login(&site.second.person).expect(200).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_figures_about_keys_are_there_for_operators() {
    let site = Site::sqlite().await;
    let api = site.api.at(site.server.management_url());
    let metrics = async || api.get("/metrics").expect(200).await.unwrap().text();
    eventually("the scheduler has told of a round", async || {
        let text = metrics().await;
        text.contains("vutf_key_scheduler_rounds_total{result=\"done\"}")
            && text.contains("vutf_keys{state=\"active\"}")
            && text.contains("vutf_key_uses_total{")
    })
    .await;
    let text = metrics().await;
    for line in [
        "vutf_kms_posture 0",
        "vutf_kek_up{role=\"primary\",technology=\"configuration\"} 1",
        "vutf_keys{state=\"compromised\"} 0",
        "vutf_compromised_key_uses 0",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in:\n{text}"
        );
    }
    let labels = text
        .lines()
        .filter(|line| line.starts_with("vutf_key"))
        .collect::<String>();
    assert!(
        !labels.contains("orders") && !labels.contains("users"),
        "no name is a label"
    );
    let ready = api
        .get("/health/ready")
        .expect(200)
        .await
        .unwrap()
        .json()
        .unwrap();
    let kms = &ready["checks"]["kms"];
    assert_eq!(
        (text_of(&kms["posture"]), text_of(&kms["status"])),
        ("fresh", "ok")
    );
    assert_eq!(
        (
            text_of(&kms["keks"][0]["role"]),
            text_of(&kms["keks"][0]["status"])
        ),
        ("primary", "ok")
    );
    let public = site.api.get("/health/ready").expect(200).await.unwrap().text();
    assert!(!public.contains("keks"), "strangers are told one word: {public}");
}

fn text_of(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

mod time {
    use vutf_kernel::{Clock as _, SystemClock};

    pub(super) fn in_seconds(seconds: u64) -> String {
        SystemClock
            .now()
            .plus(std::time::Duration::from_secs(seconds))
            .rfc3339()
    }
}
