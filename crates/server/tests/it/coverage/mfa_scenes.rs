//! Scenes of second factors.

use serde_json::json;
use vutf_testkit::authenticator::Authenticator;

use super::{
    scenes::{Wish, unwritten},
    stage::{Caller, Stage},
};

/// Somebody with a second factor, in a session that has proved it.
async fn enrolled(stage: &mut Stage) -> (Caller, Authenticator) {
    let caller = stage.someone().await;
    let app = Authenticator::enrol(&stage.site.api, &caller.tokens)
        .await
        .unwrap();
    (caller, app)
}

pub(super) async fn verify(stage: &mut Stage, status: u16) -> Wish {
    let (caller, app) = enrolled(stage).await;
    let waiting = stage.site.api.login(&caller.person).expect(200).await.unwrap();
    let challenge = waiting.json().unwrap()["challenge"].clone();
    let code = if status == 401 {
        "0000-0000-0000-0000"
    } else {
        &app.backup_codes[0]
    };
    let wish = Wish::to("/api/v1/auth/mfa/verify");
    if status == 403 {
        let body =
            json!({"challenge": challenge, "method": "backup_code", "code": code, "session": "cookie"});
        return wish.json(body).shown_on("https://elsewhere.example");
    }
    wish.json(json!({"challenge": challenge, "method": "backup_code", "code": code}))
}

pub(super) async fn step_up(stage: &mut Stage, status: u16) -> Wish {
    let caller = if status == 409 {
        enrolled(stage).await.0
    } else {
        stage.someone().await
    };
    Wish::to("/api/v1/auth/step-up")
        .json(json!({"method": "password", "password": caller.person.password}))
        .by(&caller)
}

pub(super) async fn own(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let caller = match what {
        ("GET", "/api/v1/me/mfa") | ("POST", "/api/v1/me/mfa/totp") => stage.someone().await,
        ("POST", "/api/v1/me/mfa/totp/confirm") => return confirm(stage, status).await,
        ("DELETE", "/api/v1/me/mfa/totp") | ("POST", "/api/v1/me/mfa/backup-codes") => {
            if status == 409 {
                stage.someone().await
            } else {
                enrolled(stage).await.0
            }
        }
        _ => unwritten(what),
    };
    Wish::to(what.1).by(&caller)
}

async fn confirm(stage: &mut Stage, status: u16) -> Wish {
    let caller = stage.someone().await;
    let mut code = "000000".to_owned();
    if status != 409 {
        let call = stage.site.api.post("/api/v1/me/mfa/totp");
        let made = call.bearer(&caller.tokens.access).expect(201).await.unwrap();
        let secret = made.json().unwrap()["secret"].as_str().unwrap().to_owned();
        code = Authenticator::new(&secret).unwrap().next_code().await;
    }
    Wish::to("/api/v1/me/mfa/totp/confirm")
        .json(json!({"code": code}))
        .by(&caller)
}

/// By an administrator who has just signed in.
pub(super) async fn reset(stage: &mut Stage, status: u16) -> Wish {
    let target = if status == 409 {
        stage.someone().await
    } else {
        enrolled(stage).await.0
    };
    let admin = stage.sign_in(stage.admin.person.clone()).await;
    Wish::to(format!("/api/v1/users/{}/reset-mfa", target.id)).by(&admin)
}
