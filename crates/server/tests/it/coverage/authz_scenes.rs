//! Scenes of policies, of what takes two persons, and of the account for emergencies.

use serde_json::{Value, json};

use super::{
    UNKNOWN,
    scenes::{Wish, unwritten},
    stage::{Caller, Stage},
};

const POLICIES: &str = "/api/v1/policies";

/// A policy that bars nobody of the walk.
fn policy() -> Value {
    json!({"name": "walk", "rule": {"effect": "forbid", "permissions": ["keys:*"], "roles": ["privacy_officer"]}})
}

pub(super) async fn policies(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let fresh = format!("{POLICIES}/01937b6e-5b5c-7d3e-8f01-{:012}", stage.next());
    // Whoever changes a policy has proved lately who they are.
    let admin = stage.sign_in(stage.admin.person.clone()).await;
    let wish = match what {
        ("GET", POLICIES) => Wish::to(POLICIES),
        ("POST", "/api/v1/policies/validate") => Wish::to(what.1).json(json!({"rule": policy()["rule"]})),
        ("PUT", _) if status == 201 => Wish::to(fresh).json(policy()),
        ("PUT", _) if status == 409 => {
            let rule = json!({"effect": "forbid", "permissions": ["*"]});
            Wish::to(fresh).json(json!({"name": "walk", "rule": rule}))
        }
        ("GET" | "PUT" | "DELETE", "/api/v1/policies/{id}") => {
            let call = stage.site.api.put(&fresh).bearer(&admin.tokens.access);
            call.json(&policy()).expect(201).await.unwrap();
            let wish = Wish::to(fresh.clone()).tagged("\"v1\"");
            match what.0 {
                "GET" => Wish::to(fresh),
                "PUT" => wish.json(policy()),
                _ => wish,
            }
        }
        _ => unwritten(what),
    };
    wish.by(&admin)
}

pub(super) async fn roles(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    const ROLES: &str = "/api/v1/roles";
    let name = format!("walk_{}", stage.next());
    let role = json!({"name": name, "permissions": ["users:read"]});
    // Whoever changes a role has proved lately who they are.
    let admin = stage.sign_in(stage.admin.person.clone()).await;
    if what.0 != "POST" || status == 409 {
        let call = stage.site.api.post(ROLES).bearer(&admin.tokens.access);
        call.json(&role).expect(201).await.unwrap();
    }
    let path = match status {
        404 => format!("{ROLES}/nobody_has_it"),
        // A role that every organization has stays as it is.
        409 => format!("{ROLES}/admin"),
        _ => format!("{ROLES}/{name}"),
    };
    let wish = match what.0 {
        "POST" => Wish::to(ROLES).json(role),
        "GET" => Wish::to(path),
        "PATCH" => Wish::to(path)
            .tagged("\"v1\"")
            .json(json!({"permissions": ["audit:read"]})),
        "DELETE" => Wish::to(path).tagged("\"v1\""),
        _ => unwritten(what),
    };
    wish.by(&admin)
}

pub(super) fn explain(stage: &Stage, what: (&str, &str), status: u16) -> Wish {
    let subject = match status {
        404 => UNKNOWN,
        _ => &stage.admin.id,
    };
    let body = json!({"subject": subject, "permission": "keys:manage"});
    let by = if status == 403 {
        &stage.nobody
    } else {
        &stage.admin
    };
    Wish::to(what.1).json(body).by(by)
}

pub(super) fn break_glass(stage: &Stage, what: (&str, &str), status: u16) -> Wish {
    let sealed = stage.command(&["user", "break-glass", "glass", "--json"]);
    let secret = if status == 401 {
        &json!("wrong")
    } else {
        &sealed["secret"]
    };
    Wish::to(what.1).json(json!({"username": "glass", "secret": secret, "reason": "a drill"}))
}

pub(super) async fn approvals(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let verb = match what {
        ("GET", path) => return Wish::to(path),
        (_, path) => path.rsplit_once('/').map_or("", |(_, verb)| verb),
    };
    let (request, by) = match (verb, status) {
        // By an auditor, so that the administrator is another person.
        ("approve", 200) => (silence(stage).await, stage.admin.clone()),
        ("approve", 409) => {
            let request = silence(stage).await;
            let path = format!("/api/v1/approvals/{request}/reject");
            stage.posted(&path, &json!({}), 200).await;
            (request, stage.admin.clone())
        }
        ("reject", 409) => {
            let request = silence(stage).await;
            let path = format!("/api/v1/approvals/{request}/approve");
            stage.posted(&path, &json!({}), 200).await;
            (request, stage.admin.clone())
        }
        (_, 403) => (grant(stage).await, stage.nobody.clone()),
        _ => (grant(stage).await, stage.admin.clone()),
    };
    Wish::to(what.1.replace("{id}", &request)).by(&by)
}

/// An auditor's request to silence a rule; one that a scene before has left is as good.
async fn silence(stage: &mut Stage) -> String {
    let list = stage
        .site
        .api
        .get("/api/v1/approvals")
        .bearer(&stage.admin.tokens.access);
    let list = list.expect(200).await.unwrap().json().unwrap();
    let mut open = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|request| request["state"] == "open");
    let is_this = |request: &&Value| {
        let proposal = request["proposal"].as_str().unwrap();
        proposal.starts_with("audit.rule.silence:mass-read")
    };
    if let Some(left) = open.find(is_this) {
        return left["id"].as_str().unwrap().to_owned();
    }
    let auditor = {
        let name = format!("auditor{}", stage.next());
        stage.made(&name, &["auditor"]).await
    };
    let body = json!({"until": Stage::in_an_hour(), "reason": "a drill"});
    asked(stage, &auditor, "/api/v1/audit/rules/mass-read/silence", &body).await
}

async fn asked(stage: &Stage, by: &Caller, path: &str, body: &Value) -> String {
    let call = stage.site.api.post(path).bearer(&by.tokens.access).json(body);
    let asked = call.expect(202).await.unwrap().json().unwrap();
    asked["id"].as_str().unwrap().to_owned()
}

/// The administrator's request to make somebody one, too.
async fn grant(stage: &mut Stage) -> String {
    let (path, tag) = somebody(stage).await;
    let call = stage.site.api.put(&path).bearer(&stage.admin.tokens.access);
    let call = call
        .header("if-match", &tag)
        .json(&json!({"roles": ["super_admin"]}));
    let asked = call.expect(202).await.unwrap().json().unwrap();
    asked["id"].as_str().unwrap().to_owned()
}

/// Where the roles of somebody new are given, and the tag of their present version.
async fn somebody(stage: &mut Stage) -> (String, String) {
    let user = format!("/api/v1/users/{}", stage.someone().await.id);
    let tag = stage.tag(&user).await;
    (format!("{user}/roles"), tag)
}

/// What is asked for where it takes two persons.
pub(super) async fn two_persons(stage: &mut Stage, what: (&str, &str)) -> Option<Wish> {
    Some(match what {
        ("PUT", "/api/v1/users/{id}/roles") => {
            let (path, tag) = somebody(stage).await;
            Wish::to(path).json(json!({"roles": ["super_admin"]})).tagged(tag)
        }
        ("PATCH", "/api/v1/audit/rules/{rule}") => {
            let path = "/api/v1/audit/rules/decrypt-rate-spike";
            let tag = stage.tag(path).await;
            Wish::to(path).json(json!({"enabled": false})).tagged(tag)
        }
        ("POST", "/api/v1/audit/rules/{rule}/silence") => {
            let body = json!({"until": Stage::in_an_hour(), "reason": "a drill"});
            Wish::to("/api/v1/audit/rules/first-seen-device/silence").json(body)
        }
        _ => return None,
    })
}
