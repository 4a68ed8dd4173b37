//! Forced changes of a password, the system-use notice, and batches, over HTTP.

use std::{sync::Arc, time::Duration};

use actix_web::test::TestRequest;
use serde_json::{Value, json};
use vutf_identity::{
    consent::SystemUse,
    password::{LegacyPolicy, PasswordPolicy},
};
use vutf_kernel::OrganizationId;
use vutf_server::http::AppState;

use super::world::{Answer, PASSWORD, World, bearer, get, post, world};

const NEW: &str = "seven quiet copper lanterns";

impl World {
    async fn somebody(&self, admin: &str, name: &str) -> String {
        let account = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
        let made = self.send(bearer(post("/api/v1/users", &account), admin)).await;
        assert_eq!(made.status, 201, "{}", made.json());
        made.json()["id"].as_str().unwrap().to_owned()
    }
    async fn sign_in_by_body(&self, body: &Value) -> Answer {
        self.send(post("/api/v1/auth/login", body)).await
    }
}

#[actix_web::test]
async fn a_password_that_is_due_is_changed_before_anything_else() {
    let world = world(&[]).await;
    let admin = world.admin().await;
    let id = world.somebody(&admin, "grace").await;
    let path = format!("/api/v1/users/{id}/require-password-change");
    let done = world.send(bearer(post(&path, &json!({})), &admin)).await;
    assert_eq!(done.status, 200, "{}", done.json());

    let body = json!({"username": "grace", "password": PASSWORD});
    let signed_in = world.sign_in_by_body(&body).await.json();
    assert_eq!(signed_in["password_change_required"], true);
    let token = signed_in["access_token"].as_str().unwrap();
    for request in [
        get("/api/v1/me"),
        get("/api/v1/me/sessions"),
        post("/api/v1/me/export", &json!({})),
        TestRequest::delete().uri("/api/v1/me/erasure"),
    ] {
        let refused = world.send(bearer(request, token)).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (403, "VUTF_PASSWORD_CHANGE_REQUIRED")
        );
    }
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    let changed = world
        .send(bearer(post("/api/v1/auth/password/change", &change), token))
        .await;
    assert!((200..300).contains(&changed.status), "{}", changed.json());
    assert_eq!(world.send(bearer(get("/api/v1/me"), token)).await.status, 200);
    let body = json!({"username": "grace", "password": NEW});
    assert_eq!(
        world.sign_in_by_body(&body).await.json()["password_change_required"],
        false
    );
}

#[actix_web::test]
async fn a_password_of_long_ago_is_changed_before_anything_else() {
    let mut world = world(&[]).await;
    let admin = world.admin().await;
    let id = world.somebody(&admin, "grace").await;
    let mut settings = (*world.state.identity.settings).clone();
    let legacy = LegacyPolicy::new(0, 0, Some(Duration::from_hours(24))).unwrap();
    settings.password = PasswordPolicy::default().with_legacy(legacy);
    let state: &mut AppState = Arc::get_mut(&mut world.state).expect("nobody else holds it");
    state.identity.settings = Arc::new(settings);
    let body = json!({"username": "grace", "password": PASSWORD});
    let signed_in = world.sign_in_by_body(&body).await.json();
    assert_eq!(signed_in["password_change_required"], false);

    let mut unit = world.state.identity.store.begin().await.unwrap();
    let (home, user) = (OrganizationId::DEFAULT, id.parse().unwrap());
    let mut record = unit.passwords().find(home, user).await.unwrap().unwrap();
    record.changed_at = record.changed_at.minus(Duration::from_hours(25));
    unit.passwords().put(&record).await.unwrap();
    unit.commit().await.unwrap();
    let signed_in = world.sign_in_by_body(&body).await.json();
    assert_eq!(signed_in["password_change_required"], true);
    let token = signed_in["access_token"].as_str().unwrap();
    let refused = world.send(bearer(get("/api/v1/me"), token)).await;
    assert_eq!(refused.code(), "VUTF_PASSWORD_CHANGE_REQUIRED");
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    let changed = bearer(post("/api/v1/auth/password/change", &change), token);
    assert_eq!(world.send(changed).await.status, 200);
    assert_eq!(world.send(bearer(get("/api/v1/me"), token)).await.status, 200);
}

#[actix_web::test]
async fn the_notice_is_shown_and_agreed_to() {
    let mut world = world(&[]).await;
    let admin = world.admin().await;
    world.somebody(&admin, "grace").await;
    let none = world.send(get("/api/v1/system-use")).await.json();
    assert_eq!(none, json!({"text": null, "version": null, "required": false}));
    let mut settings = (*world.state.identity.settings).clone();
    settings.system_use = SystemUse {
        text: "For work alone.".to_owned(),
        version: "2".to_owned(),
        required: true,
    };
    let state: &mut AppState = Arc::get_mut(&mut world.state).expect("nobody else holds it");
    state.identity.settings = Arc::new(settings);
    let shown = world.send(get("/api/v1/system-use")).await.json();
    assert_eq!(
        shown,
        json!({"text": "For work alone.", "version": "2", "required": true})
    );
    let without = json!({"username": "grace", "password": PASSWORD});
    let refused = world.sign_in_by_body(&without).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "VUTF_SYSTEM_USE_NOT_ACCEPTED")
    );
    assert_eq!(refused.json()["detail"], "version 2: For work alone.");
    let with = json!({"username": "grace", "password": PASSWORD, "accept_system_use": "2"});
    assert_eq!(world.sign_in_by_body(&with).await.status, 200);
}

#[actix_web::test]
async fn a_batch_answers_for_each_and_names_what_is_wrong() {
    let world = world(&[]).await;
    let admin = world.admin().await;
    let id = world.somebody(&admin, "grace").await;
    let send = async |body: &Value| {
        world
            .send(bearer(post("/api/v1/users:batch", body), &admin))
            .await
    };
    let several = json!([
        {"op": "create", "user": {"username": "alan", "email": "alan@example.org"}},
        {"op": "lock", "id": id},
        {"op": "enable", "id": id},
    ]);
    let together = send(&json!({"operations": several, "atomic": true})).await;
    assert_eq!(
        (together.status, together.code().as_str()),
        (409, "VUTF_ACCOUNT_STATE")
    );
    assert_eq!(together.json()["errors"][0]["pointer"], "/operations/2");
    let apart = send(&json!({"operations": several, "atomic": false})).await;
    assert_eq!(apart.status, 200, "{}", apart.json());
    let results = apart.json()["results"].clone();
    let statuses: Vec<_> = results
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].as_u64())
        .collect();
    assert_eq!(statuses, [Some(200), Some(200), Some(409)]);
    assert_eq!(results[0]["user"]["username"], "alan");
    assert_eq!(results[2]["code"], "VUTF_ACCOUNT_STATE");

    let wrong = json!({"op": "create", "user": {"username": "!", "email": "x"}});
    let refused = send(&json!({"operations": [wrong], "atomic": true})).await;
    assert_eq!(refused.status, 400);
    let pointers = refused.json()["errors"].clone();
    assert_eq!(pointers[0]["pointer"], "/operations/0/user/username");
    for body in [
        json!({"operations": [{"op": "promote", "id": id}], "atomic": true}),
        json!({"operations": [{"op": "lock", "id": id, "why": "?"}], "atomic": true}),
        json!({"operations": [], "atomic": true}),
        json!({"operations": [{"op": "lock", "id": id}]}),
    ] {
        assert_eq!(send(&body).await.status, 400, "{body}");
    }
}
