//! Scenes of mailed links. The walk reads the mail as its receiver would.

use serde_json::json;
use vutf_testkit::client::Person;

use super::{
    scenes::{Wish, account, unwritten},
    stage::{Caller, Stage},
};

const WRONG: &str = "vutf_ln_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub(super) async fn link(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let token = match what.1 {
        _ if status == 403 => WRONG.to_owned(),
        "/api/v1/auth/email/verify" => registered(stage).await,
        "/api/v1/auth/email/confirm" => {
            let to = if status == 409 {
                stage.nobody.person.email.clone()
            } else {
                Person::new("changed").email
            };
            changing(stage, &to).await;
            stage.mailbox.token("email_change", &to).await.unwrap()
        }
        "/api/v1/auth/email/object" => {
            let caller = changing(stage, &Person::new("changed").email).await;
            stage.token("email_objection", &caller.person).await
        }
        "/api/v1/auth/password/reset" => {
            let person = stage.someone().await.person;
            let body = json!({"email": person.email});
            stage.posted("/api/v1/auth/password/forgot", &body, 202).await;
            stage.token("reset", &person).await
        }
        "/api/v1/auth/unlock" => locked_out(stage).await,
        _ => unwritten(what),
    };
    let body = if what.1 == "/api/v1/auth/password/reset" {
        json!({"token": token, "password": "seven quiet copper lanterns"})
    } else {
        json!({"token": token})
    };
    Wish::to(what.1).json(body)
}

pub(super) async fn change(stage: &mut Stage, status: u16) -> Wish {
    let caller = stage.someone().await;
    let email = if status == 409 {
        caller.person.email.clone()
    } else {
        Person::new("changed").email
    };
    Wish::to("/api/v1/me/email")
        .json(json!({"email": email}))
        .by(&caller)
}

/// The link of somebody who has just registered.
async fn registered(stage: &mut Stage) -> String {
    let person = Person::new(&format!("new{}", stage.next()));
    stage
        .posted("/api/v1/auth/register", &account(&person), 201)
        .await;
    stage.token("verification", &person).await
}

/// Somebody who has asked for another address.
async fn changing(stage: &mut Stage, to: &str) -> Caller {
    let caller = stage.someone().await;
    let call = stage
        .site
        .api
        .post("/api/v1/me/email")
        .json(&json!({"email": to}));
    call.bearer(&caller.tokens.access).expect(202).await.unwrap();
    caller
}

async fn locked_out(stage: &mut Stage) -> String {
    let person = stage.someone().await.person;
    let wrong = Person {
        password: "not the right pass phrase".to_owned(),
        ..person.clone()
    };
    for _ in 0..5 {
        stage.site.api.login(&wrong).expect(401).await.unwrap();
    }
    stage.token("lockout", &person).await
}

pub(super) async fn invitations(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    match what {
        ("GET", path) => Wish::to(path),
        ("POST", path) => {
            let email = if status == 409 {
                stage.nobody.person.email.clone()
            } else {
                Person::new("invited").email
            };
            Wish::to(path).json(json!({"email": email, "roles": ["auditor"]}))
        }
        ("DELETE", _) => {
            let body = json!({"email": Person::new("invited").email});
            let made = stage.posted("/api/v1/invitations", &body, 201).await;
            Wish::to(format!("/api/v1/invitations/{}", made["id"].as_str().unwrap()))
        }
        _ => unwritten(what),
    }
}
