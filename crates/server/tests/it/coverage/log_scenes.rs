//! Scenes of the routes about the audit log itself.

use serde_json::json;
use vutf_testkit::client::Person;

use super::{scenes::Wish, stage::Stage};
use crate::e2e::world::eventually;

const RULE: &str = "guessing-burst";

/// `None`: no such route.
pub(super) async fn log(stage: &mut Stage, what: (&str, &str), status: u16) -> Option<Wish> {
    let path = what.1.trim_start_matches("/api/v1/audit/");
    Some(match (what.0, path) {
        ("GET", "events" | "status" | "findings" | "rules") => Wish::to(what.1),
        ("GET", "events/{id}" | "events/{id}/proof") => {
            Wish::to(what.1.replace("{id}", &stage.event().await))
        }
        ("GET", "timeline/subject/{id}" | "timeline/actor/{id}") => {
            Wish::to(what.1.replace("{id}", &stage.nobody.id))
        }
        ("POST", "exports") if status == 409 => {
            Wish::to(what.1).json(json!({"resume": format!("1:{}", "0".repeat(64))}))
        }
        ("POST", "exports") => Wish::to(what.1).json(json!({"limit": 1})),
        ("GET", "findings/{id}") | ("POST", "findings/{id}/acknowledge" | "findings/{id}/resolve") => {
            finding(stage, what, status).await
        }
        (_, path) if path.starts_with("rules/{rule}") => rule(stage, what, status).await?,
        _ => return None,
    })
}

async fn finding(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let id = stage.finding().await;
    let path = what.1.replace("{id}", &id);
    let resolved = json!({"resolution": "resolved"});
    if what.0 == "GET" {
        return Wish::to(path);
    }
    if status == 409 {
        let resolve = format!("/api/v1/audit/findings/{id}/resolve");
        stage.posted(&resolve, &resolved, 200).await;
    }
    let body = if path.ends_with("/resolve") {
        resolved
    } else {
        json!({})
    };
    Wish::to(path).json(body)
}

async fn rule(stage: &mut Stage, what: (&str, &str), status: u16) -> Option<Wish> {
    let rule = if status == 404 { "no-such-rule" } else { RULE };
    let path = what.1.replace("{rule}", rule);
    Some(
        match (what.0, what.1.rsplit_once('/').map_or("", |(_, verb)| verb)) {
            ("GET", "{rule}") | ("POST", "unsilence") => Wish::to(path),
            ("PATCH", "{rule}") => {
                let tag = stage.tag(&format!("/api/v1/audit/rules/{RULE}")).await;
                Wish::to(path).json(json!({"enabled": true})).tagged(tag)
            }
            ("POST", "silence") => {
                let until = Stage::in_an_hour();
                Wish::to(path).json(json!({"until": until, "reason": "a drill"}))
            }
            _ => return None,
        },
    )
}

impl Stage {
    /// Somebody's password is guessed; the id of what the analysis finds.
    pub(super) async fn finding(&mut self) -> String {
        let before = self.findings().await;
        let guessed = self.someone().await.person;
        let wrong = Person {
            password: "not the right pass phrase".to_owned(),
            ..guessed
        };
        for _ in 0..GUESSES {
            self.site.api.login(&wrong).expect(401).await.unwrap();
        }
        let mut found = None;
        eventually("the analysis finds it", async || {
            found = self.findings().await.into_iter().find(|id| !before.contains(id));
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    async fn findings(&self) -> Vec<String> {
        let call = self.site.api.get("/api/v1/audit/findings?limit=100&status=new");
        let list = call
            .bearer(&self.admin.tokens.access)
            .expect(200)
            .await
            .unwrap()
            .json()
            .unwrap();
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// The rule's lowest threshold, to which the stage has tuned it.
const GUESSES: usize = 3;

/// So few guesses are a finding on this stage.
pub(super) async fn tune(stage: &Stage) {
    let path = format!("/api/v1/audit/rules/{RULE}");
    let tag = stage.tag(&path).await;
    let call = stage.site.api.patch(&path).bearer(&stage.admin.tokens.access);
    let call = call
        .header("if-match", &tag)
        .json(&json!({"parameters": {"threshold": GUESSES}}));
    call.expect(200).await.unwrap();
}
