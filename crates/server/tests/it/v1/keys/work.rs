//! Jobs: asked for, watched, paused, done.

use serde_json::{Value, json};

use super::{Site, json_of, refused, text};
use crate::e2e::world::eventually;

async fn job(site: &Site, id: &str) -> Value {
    json_of(
        &site.get(&site.first, &format!("/api/v1/keys/jobs/{id}")).await,
        200,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rotation_left_is_written_anew_by_the_service() {
    let site = Site::sqlite().await;
    json_of(
        &site.act(&site.active("field:passwords").await, "rotate").await,
        200,
    );
    let body = json!({"kind": "reencrypt", "purpose": "field:passwords"});
    let asked = site.post(&site.first, "/api/v1/keys/jobs", &body).await;
    let asked_for = json_of(&asked, 202);
    let id = text(&asked_for["id"]);
    assert_eq!(
        asked.header("location"),
        Some(format!("/api/v1/keys/jobs/{id}").as_str())
    );
    let again = site.post(&site.second, "/api/v1/keys/jobs", &body).await;
    assert_eq!(refused(&again, 409), "VUTF_JOB_UNDER_WAY");
    eventually("the job is done", async || {
        text(&job(&site, &id).await["state"]) == "done"
    })
    .await;
    assert_eq!(
        job(&site, &id).await["rows"]["done"],
        3,
        "the passwords of three people"
    );
    let listed = json_of(&site.get(&site.first, "/api/v1/keys/jobs").await, 200);
    assert_eq!(listed["items"][0]["id"], id.as_str());
    let over = site
        .post(&site.first, &format!("/api/v1/keys/jobs/{id}/cancel"), &json!({}))
        .await;
    assert_eq!(refused(&over, 409), "VUTF_JOB_STATE");
    // They still sign in.
    site.api.login(&site.second.person).expect(200).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_paused_stands_still_until_it_is_resumed() {
    let site = Site::sqlite().await;
    json_of(
        &site.act(&site.active("field:passwords").await, "rotate").await,
        200,
    );
    let body = json!({"kind": "reencrypt", "purpose": "field:passwords", "rows_per_second": 1});
    let id = text(&json_of(&site.post(&site.first, "/api/v1/keys/jobs", &body).await, 202)["id"]);
    let verb = async |verb: &str| {
        site.post(&site.first, &format!("/api/v1/keys/jobs/{id}/{verb}"), &json!({}))
            .await
    };
    assert_eq!(text(&json_of(&verb("pause").await, 200)["state"]), "paused");
    assert_eq!(refused(&verb("pause").await, 409), "VUTF_JOB_STATE");
    json_of(&verb("resume").await, 200);
    assert_eq!(text(&json_of(&verb("cancel").await, 200)["state"]), "cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_waits_does_the_work_without_a_service() {
    let mut site = Site::sqlite().await;
    json_of(
        &site.act(&site.active("field:passwords").await, "rotate").await,
        200,
    );
    assert_eq!(site.server.terminate().unwrap(), Some(0));
    let (code, out, err) = site.command(&["keys", "reencrypt", "field:passwords", "--wait", "--json"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let done: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (text(&done["state"]), done["rows"]["done"].as_u64()),
        ("done".into(), Some(3))
    );
    let (code, out, err) = site.command(&["keys", "reencrypt", "tenant", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let asked: Value = serde_json::from_str(&out).unwrap();
    let id = text(&asked["id"]);
    let (code, listed, _) = site.command(&["keys", "jobs", "list"]);
    assert!(code == Some(0) && listed.contains(&id), "{listed}");
    let (code, _, err) = site.command(&["keys", "jobs", "cancel", &id]);
    assert_eq!(code, Some(0), "{err}");
}
