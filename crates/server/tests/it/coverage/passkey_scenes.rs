//! Scenes of passkeys.

use serde_json::{Value, json};
use vutf_testkit::passkey::SoftPasskey;

use super::{
    scenes::{Wish, unwritten},
    stage::{Caller, Stage},
};

const PAGE: &str = "http://localhost:8080";
const FINISH: &str = "/api/v1/me/mfa/passkeys/register/finish";

async fn asked(stage: &Stage, path: &str, caller: Option<&Caller>) -> Value {
    let mut call = stage.site.api.post(path);
    if let Some(caller) = caller {
        call = call.bearer(&caller.tokens.access);
    }
    call.expect(200).await.unwrap().json().unwrap()["public_key"].clone()
}

/// What a browser answers to a registration that `caller` began.
async fn made(stage: &Stage, caller: &Caller) -> (SoftPasskey, Value) {
    let options = asked(stage, "/api/v1/me/mfa/passkeys/register/begin", Some(caller)).await;
    SoftPasskey::create(PAGE, &options).unwrap()
}

/// Somebody with a passkey, in a session that has proved it; and its id.
async fn owner(stage: &mut Stage) -> (Caller, SoftPasskey, String) {
    let caller = stage.someone().await;
    let (passkey, id) = add(stage, &caller).await;
    (caller, passkey, id)
}

async fn add(stage: &Stage, caller: &Caller) -> (SoftPasskey, String) {
    let (passkey, credential) = made(stage, caller).await;
    let body = json!({"name": "phone", "credential": credential});
    let call = stage.site.api.post(FINISH).bearer(&caller.tokens.access);
    let added = call.json(&body).expect(201).await.unwrap().json().unwrap();
    (passkey, added["passkey"]["id"].as_str().unwrap().to_owned())
}

pub(super) async fn auth(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let wish = Wish::to(what.1);
    match what.1 {
        "/api/v1/auth/passkey/begin" => wish,
        "/api/v1/auth/passkey/finish" => {
            let (_, mut passkey, _) = owner(stage).await;
            let question = asked(stage, "/api/v1/auth/passkey/begin", None).await;
            if status == 401 {
                passkey.origin = "https://elsewhere.example".to_owned();
            }
            let credential = passkey.answer(&question).unwrap();
            if status == 403 {
                let body = json!({"credential": credential, "session": "cookie"});
                return wish.json(body).shown_on("https://elsewhere.example");
            }
            wish.json(json!({"credential": credential}))
        }
        "/api/v1/auth/step-up/passkey" => {
            let caller = if status == 409 {
                stage.someone().await
            } else {
                owner(stage).await.0
            };
            wish.by(&caller)
        }
        _ => unwritten(what),
    }
}

pub(super) async fn own(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    match what {
        ("GET", "/api/v1/me/mfa/passkeys") => Wish::to(what.1).by(&owner(stage).await.0),
        ("POST", "/api/v1/me/mfa/passkeys/register/begin") => {
            let caller = stage.someone().await;
            if status == 409 {
                for _ in 0..10 {
                    add(stage, &caller).await;
                }
            }
            Wish::to(what.1).by(&caller)
        }
        ("POST", FINISH) => {
            let caller = stage.someone().await;
            let (_, credential) = made(stage, &caller).await;
            let credential = if status == 409 {
                // Begun in a session of somebody else.
                let other = stage.someone().await;
                made(stage, &other).await.1
            } else {
                credential
            };
            Wish::to(what.1)
                .json(json!({"name": "phone", "credential": credential}))
                .by(&caller)
        }
        ("PATCH", "/api/v1/me/mfa/passkeys/{id}") => {
            let (caller, _, id) = owner(stage).await;
            Wish::to(what.1.replace("{id}", &id))
                .json(json!({"name": "the blue one"}))
                .by(&caller)
        }
        ("DELETE", "/api/v1/me/mfa/passkeys/{id}") => {
            if status == 409 {
                let caller = stage.auditor().await;
                let (_, id) = add(stage, &caller).await;
                return Wish::to(what.1.replace("{id}", &id)).by(&caller);
            }
            let (caller, _, id) = owner(stage).await;
            Wish::to(what.1.replace("{id}", &id)).by(&caller)
        }
        _ => unwritten(what),
    }
}
