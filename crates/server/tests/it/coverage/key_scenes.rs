//! Scenes of API keys and of accounts of programs.

use serde_json::{Value, json};

use super::{
    UNKNOWN,
    scenes::{Wish, unwritten},
    stage::{Caller, Stage},
};

const OWN: &str = "/api/v1/me/api-keys";
const OTHERS: &str = "/api/v1/api-keys";

fn plan() -> Value {
    json!({"name": "walk", "scopes": ["self:manage"]})
}

/// The same by a key, where a session is asked for.
pub(super) async fn keyed(stage: &mut Stage, wish: Wish) -> Wish {
    // Not the scope by which it may see for whom it acts.
    let body = json!({"name": "walk", "scopes": ["users:read"]});
    let secret = if let Some(secret) = &stage.key_of_admin {
        secret.clone()
    } else {
        // A session of its own: the walk's may be too old to make one.
        let admin = stage.sign_in(stage.admin.person.clone()).await;
        let made = posted(stage, &admin, OWN, &body).await;
        made["secret"].as_str().unwrap().to_owned()
    };
    stage.key_of_admin = Some(secret.clone());
    wish.with_key(&secret, &stage.admin)
}

async fn posted(stage: &Stage, by: &Caller, path: &str, body: &Value) -> Value {
    let call = stage.site.api.post(path).bearer(&by.tokens.access).json(body);
    call.expect(201).await.unwrap().json().unwrap()
}

fn id_of(made: &Value) -> String {
    made["api_key"]["id"].as_str().unwrap().to_owned()
}

pub(super) async fn own(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let caller = stage.someone().await;
    let wish = match what {
        ("GET", OWN) => Wish::to(OWN),
        ("POST", OWN) => {
            if status == 409 {
                for _ in 0..20 {
                    posted(stage, &caller, OWN, &plan()).await;
                }
            }
            Wish::to(OWN).json(plan())
        }
        (method, path) => {
            let id = id_of(&posted(stage, &caller, OWN, &plan()).await);
            one(stage, &caller, (method, path), &id, status).await
        }
    };
    wish.by(&caller)
}

/// A route on one key.
async fn one(stage: &Stage, caller: &Caller, what: (&str, &str), id: &str, status: u16) -> Wish {
    let path = what.1.replace("{id}", id);
    match what.0 {
        "GET" | "DELETE" => Wish::to(path),
        "POST" => {
            if status == 409 {
                posted(stage, caller, &path, &json!({})).await;
            }
            Wish::to(path).json(json!({}))
        }
        _ => unwritten(what),
    }
}

/// An account of a program; its id.
async fn program(stage: &mut Stage) -> String {
    let name = format!("program{}", stage.next());
    let made = stage
        .posted("/api/v1/service-accounts", &json!({"username": name}), 201)
        .await;
    made["id"].as_str().unwrap().to_owned()
}

/// By an administrator who has just signed in.
pub(super) async fn others(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let admin = stage.sign_in(stage.admin.person.clone()).await;
    let mut owner = program(stage).await;
    let body = |owner: &str| json!({"owner": owner, "api_key": plan()});
    let wish = match what {
        ("GET", OTHERS) => Wish::to(OTHERS),
        ("POST", OTHERS) => {
            if status == 409 {
                stage
                    .posted(&format!("/api/v1/users/{owner}/lock"), &json!({}), 200)
                    .await;
            }
            if status == 404 {
                UNKNOWN.clone_into(&mut owner);
            }
            Wish::to(OTHERS).json(body(&owner))
        }
        (method, path) => {
            let id = id_of(&posted(stage, &admin, OTHERS, &body(&owner)).await);
            one(stage, &admin, (method, path), &id, status).await
        }
    };
    wish.by(&admin)
}

pub(super) fn programs(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let path = "/api/v1/service-accounts";
    let name = if status == 409 {
        stage.nobody.person.username.clone()
    } else {
        format!("program{}", stage.next())
    };
    match what {
        ("GET", _) => Wish::to(path),
        ("POST", _) => Wish::to(path).json(json!({"username": name})),
        _ => unwritten(what),
    }
}
