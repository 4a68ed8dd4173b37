//! The second factor over HTTP: enrolment, both steps of a sign-in, step-up, removal, reset.

use std::time::Duration;

use actix_web::test::TestRequest;
use serde_json::{Value, json};
use vutf_identity::session::Ends;
use vutf_kernel::{Aal, Assurance, OrganizationId, SessionId, Units};
use vutf_testkit::authenticator::Authenticator;

use super::world::{Answer, PASSWORD, World, bearer, get, post, world};

const HOME: OrganizationId = OrganizationId::DEFAULT;

fn delete(path: &str) -> TestRequest {
    TestRequest::delete().uri(path)
}

/// Somebody who is signed in.
struct Person {
    name: String,
    access: String,
    session: SessionId,
}

impl World {
    async fn person(&self, name: &str) -> Person {
        let account = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
        let made = self.send(post("/api/v1/auth/register", &account)).await;
        assert_eq!(made.status, 201, "{}", made.json());
        self.sign_in(name).await
    }

    async fn sign_in(&self, name: &str) -> Person {
        let answer = self.password(name).await;
        assert_eq!(answer.json()["status"], "authenticated", "{}", answer.json());
        person(name, &answer)
    }

    async fn password(&self, name: &str) -> Answer {
        let body = json!({"username": name, "password": PASSWORD});
        let answer = self.send(post("/api/v1/auth/login", &body)).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer
    }

    async fn challenge(&self, name: &str) -> String {
        let body = self.password(name).await.json();
        assert_eq!(body["status"], "mfa_required");
        assert_eq!(body["expires_in"], 300);
        assert!(body.get("access_token").is_none() && body.get("refresh_token").is_none());
        body["challenge"].as_str().unwrap().to_owned()
    }

    async fn verify(&self, challenge: &str, method: &str, code: &str) -> Answer {
        let body = json!({"challenge": challenge, "method": method, "code": code});
        self.send(post("/api/v1/auth/mfa/verify", &body)).await
    }

    async fn enrol(&self, person: &Person) -> Authenticator {
        let made = self
            .send(bearer(post("/api/v1/me/mfa/totp", &Value::Null), &person.access))
            .await;
        assert_eq!(made.status, 201, "{}", made.json());
        assert_eq!(made.header("cache-control"), "no-store");
        let uri = made.json()["otpauth_uri"].as_str().unwrap().to_owned();
        assert!(
            uri.starts_with(&format!("otpauth://totp/test.example:{}?", person.name)),
            "{uri}"
        );
        let mut app = Authenticator::new(made.json()["secret"].as_str().unwrap()).unwrap();
        let body = json!({"code": app.next_code().await});
        let confirmed = self
            .send(bearer(post("/api/v1/me/mfa/totp/confirm", &body), &person.access))
            .await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.json());
        app.backup_codes = serde_json::from_value(confirmed.json()["backup_codes"].clone()).unwrap();
        assert_eq!(app.backup_codes.len(), 10);
        app
    }

    async fn step_up(&self, person: &Person, body: Value) -> Answer {
        self.send(bearer(post("/api/v1/auth/step-up", &body), &person.access))
            .await
    }

    /// The session, as it will be once its last proof is `age` old; written by another replica, so to speak.
    async fn age(&self, person: &Person, aal: Aal, age: Duration) {
        let identity = &self.state.identity;
        let now = identity.ambient.now();
        let assurance = Assurance {
            aal,
            auth_time: now.minus(age),
            amr: vec!["pwd".to_owned()],
        };
        let ends = Ends {
            expires_at: now.plus(Duration::from_hours(1)),
            idle_expires_at: None,
        };
        let mut unit = Units::begin(&*identity.store).await.unwrap();
        let noted = unit
            .sessions()
            .reauthenticate(HOME, person.session, &assurance, ends, now)
            .await;
        assert!(noted.unwrap());
        unit.commit().await.unwrap();
    }
}

fn person(name: &str, answer: &Answer) -> Person {
    let body = answer.json();
    let text = |member: &str| body[member].as_str().unwrap().to_owned();
    Person {
        name: name.to_owned(),
        access: text("access_token"),
        session: text("session_id").parse().unwrap(),
    }
}

/// What a caller sees of a refusal, without what differs with every request.
fn seen(answer: &Answer) -> (u16, String, Value) {
    let mut body = answer.json();
    body["request_id"] = Value::Null;
    (answer.status, answer.header("www-authenticate").to_owned(), body)
}

#[actix_web::test]
async fn signing_in_takes_both_factors_and_no_code_twice() {
    let world = world(&[]).await;
    let enrolling = world.person("grace").await;
    let mut app = world.enrol(&enrolling).await;
    let challenge = world.challenge("grace").await;
    let wrong = world.verify(&challenge, "totp", "000000").await;
    assert_eq!(
        (wrong.status, wrong.code().as_str()),
        (401, "VUTF_INVALID_MFA_CODE")
    );
    let code = app.next_code().await;
    let signed_in = world.verify(&challenge, "totp", &code).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.json());
    let second = person("grace", &signed_in);

    let used = world.verify(&challenge, "totp", &code).await;
    assert_eq!(
        (used.status, used.code().as_str()),
        (401, "VUTF_INVALID_CHALLENGE")
    );
    let challenge = world.challenge("grace").await;
    let replayed = world.verify(&challenge, "totp", &code).await;
    assert_eq!(seen(&replayed), seen(&wrong), "a replay looks like a wrong code");

    let backup = world
        .verify(&challenge, "backup_code", &app.backup_codes[0])
        .await;
    assert_eq!(backup.status, 200, "{}", backup.json());
    let challenge = world.challenge("grace").await;
    let spent = world
        .verify(&challenge, "backup_code", &app.backup_codes[0])
        .await;
    assert_eq!(seen(&spent), seen(&wrong));
    let shown = world
        .send(bearer(get("/api/v1/me/mfa"), &second.access))
        .await
        .json();
    assert_eq!(
        (&shown["totp"], &shown["backup_codes_left"]),
        (&json!(true), &json!(9))
    );
    let sessions = world
        .send(bearer(get("/api/v1/me/sessions"), &second.access))
        .await
        .json();
    let levels: Vec<_> = sessions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["assurance"])
        .collect();
    assert_eq!(levels, ["aal2"; 3]);
}

#[actix_web::test]
async fn what_cannot_be_a_second_factor_is_refused_before_it_is_looked_at() {
    let world = world(&[]).await;
    for body in [
        json!({"challenge": "x", "method": "password", "code": "1"}),
        json!({"challenge": "x", "code": "1"}),
        json!({"challenge": "x", "method": "totp", "code": "1", "more": 1}),
    ] {
        let answer = world.send(post("/api/v1/auth/mfa/verify", &body)).await;
        assert_eq!(answer.status, 400, "{}", answer.json());
        answer.code();
    }
    let stranger = world.verify("vutf_mc_nothing", "totp", "000000").await;
    assert_eq!(
        (stranger.status, stranger.code().as_str()),
        (401, "VUTF_INVALID_CHALLENGE")
    );
    let person = world.person("grace").await;
    for body in [
        json!({"method": "totp"}),
        json!({"password": PASSWORD}),
        json!({"method": "sms", "code": "1"}),
    ] {
        let answer = world.step_up(&person, body).await;
        assert_eq!(answer.status, 400, "{}", answer.json());
        answer.code();
    }
}

#[actix_web::test]
async fn an_old_proof_is_asked_for_again_and_the_new_one_counts_at_once() {
    let world = world(&[]).await;
    let person = world.person("grace").await;
    world.age(&person, Aal::Aal1, Duration::from_mins(6)).await;
    let calls = || {
        [
            post("/api/v1/me/mfa/totp", &Value::Null),
            post("/api/v1/me/mfa/totp/confirm", &json!({"code": "000000"})),
            post("/api/v1/me/mfa/backup-codes", &Value::Null),
            delete("/api/v1/me/mfa/totp"),
        ]
    };
    for call in calls() {
        let answer = world.send(bearer(call, &person.access)).await;
        assert_eq!(answer.code(), "VUTF_INSUFFICIENT_USER_AUTHENTICATION");
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer realm=\"violentutf\", error=\"insufficient_user_authentication\", \
             error_description=\"Prove again who you are\", acr_values=\"aal1\", max_age=\"300\""
        );
    }
    let wrong = world
        .step_up(
            &person,
            json!({"method": "password", "password": "not the right phrase"}),
        )
        .await;
    assert_eq!(
        (wrong.status, wrong.code().as_str()),
        (401, "VUTF_REAUTHENTICATION_REFUSED")
    );
    let done = world
        .step_up(&person, json!({"method": "password", "password": PASSWORD}))
        .await;
    assert_eq!(
        (done.status, &done.json()["acr"]),
        (200, &json!("aal1")),
        "{}",
        done.json()
    );
    assert_eq!(done.json()["session_id"], person.session.to_string());
    let token = done.json()["access_token"].as_str().unwrap().to_owned();
    for (call, status) in calls().into_iter().zip([201, 400, 409, 409]) {
        assert_eq!(world.send(bearer(call, &token)).await.status, status);
    }
    let refusals = world
        .events()
        .into_iter()
        .filter(|(.., reason)| reason == "insufficient_user_authentication");
    assert_eq!(refusals.count(), 4);
}

#[actix_web::test]
async fn a_proof_that_another_replica_took_is_seen_before_anything_is_refused() {
    let world = world(&[]).await;
    let person = world.person("grace").await;
    world.age(&person, Aal::Aal1, Duration::from_mins(6)).await;
    // Remembered here as it is now.
    world.send(bearer(get("/api/v1/me"), &person.access)).await;
    world.age(&person, Aal::Aal1, Duration::ZERO).await;
    let made = world
        .send(bearer(post("/api/v1/me/mfa/totp", &Value::Null), &person.access))
        .await;
    assert_eq!(made.status, 201, "{}", made.json());
}

#[actix_web::test]
async fn a_factor_is_removed_by_whoever_proves_that_they_have_it() {
    let world = world(&[]).await;
    let person = world.person("grace").await;
    let mut app = world.enrol(&person).await;
    world.age(&person, Aal::Aal1, Duration::ZERO).await;
    let low = world
        .send(bearer(delete("/api/v1/me/mfa/totp"), &person.access))
        .await;
    assert_eq!(low.code(), "VUTF_INSUFFICIENT_USER_AUTHENTICATION");
    assert!(low.header("www-authenticate").contains("acr_values=\"aal2\""));
    let by_password = world
        .step_up(&person, json!({"method": "password", "password": PASSWORD}))
        .await;
    assert_eq!(
        (by_password.status, by_password.code().as_str()),
        (409, "VUTF_SECOND_FACTOR_DEMANDED")
    );
    let code = app.next_code().await;
    let done = world
        .step_up(&person, json!({"method": "totp", "code": code}))
        .await;
    assert_eq!(
        (done.status, &done.json()["acr"]),
        (200, &json!("aal2")),
        "{}",
        done.json()
    );
    let again = world
        .step_up(&person, json!({"method": "totp", "code": code}))
        .await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (401, "VUTF_REAUTHENTICATION_REFUSED")
    );
    let removed = world
        .send(bearer(delete("/api/v1/me/mfa/totp"), &person.access))
        .await;
    assert_eq!(removed.status, 200, "{}", removed.json());
    let others = &removed.json()["other_sessions"];
    assert!(others["count"].is_u64());
    assert_eq!(others["end_by"], "/api/v1/me/sessions/revoke-others");
    world.sign_in("grace").await;
}

#[actix_web::test]
async fn an_administrator_resets_what_somebody_lost() {
    let world = world(&[]).await;
    let admin = world.admin().await;
    let person = world.person("grace").await;
    world.enrol(&person).await;
    let me = world.send(bearer(get("/api/v1/me"), &person.access)).await.json();
    let path = format!("/api/v1/users/{}/reset-mfa", me["id"].as_str().unwrap());
    let own = world
        .send(bearer(post(&path, &Value::Null), &person.access))
        .await;
    assert_eq!(own.status, 403);
    let done = world.send(bearer(post(&path, &Value::Null), &admin)).await;
    assert_eq!(
        (done.status, &done.json()["username"]),
        (200, &json!("grace")),
        "{}",
        done.json()
    );
    let ended = world.send(bearer(get("/api/v1/me"), &person.access)).await;
    assert_eq!(ended.status, 401);
    world.sign_in("grace").await;
    let again = world.send(bearer(post(&path, &Value::Null), &admin)).await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (409, "VUTF_MFA_NOT_ENROLLED")
    );
}

#[actix_web::test]
async fn a_session_that_moves_goes_on_and_proves_itself_anew_where_a_proof_is_demanded() {
    let world = world(&[]).await;
    let home = |request: TestRequest| {
        let request = request.peer_addr("192.0.2.7:1".parse().unwrap());
        request.insert_header(("user-agent", "browser/1"))
    };
    world.person("grace").await;
    let body = json!({"username": "grace", "password": PASSWORD});
    let answer = world.send(home(post("/api/v1/auth/login", &body))).await;
    let grace = person("grace", &answer);
    let enrol = || bearer(post("/api/v1/me/mfa/totp", &Value::Null), &grace.access);
    let moved = || {
        world
            .events()
            .iter()
            .filter(|(action, ..)| action == "session.moved")
            .count()
    };
    let neighbour = home(enrol()).peer_addr("192.0.2.200:1".parse().unwrap());
    assert_eq!(world.send(neighbour).await.status, 201, "the same network");
    assert_eq!(moved(), 0);

    let train = |request: TestRequest| home(request).peer_addr("198.51.100.9:1".parse().unwrap());
    let seen = world.send(train(bearer(get("/api/v1/me"), &grace.access))).await;
    assert_eq!(seen.status, 200, "it goes on");
    for _ in 0..3 {
        let refused = world.send(train(enrol())).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (401, "VUTF_INSUFFICIENT_USER_AUTHENTICATION")
        );
        assert!(refused.header("www-authenticate").contains("max_age"));
    }
    assert_eq!(
        world.send(home(enrol())).await.status,
        401,
        "at home, too, until it is proved"
    );
    assert_eq!(moved(), 1, "one event, however often it is used there");

    let proof = json!({"method": "password", "password": PASSWORD});
    let proved = world
        .send(train(bearer(post("/api/v1/auth/step-up", &proof), &grace.access)))
        .await;
    assert_eq!(proved.status, 200, "{}", proved.json());
    assert_eq!(world.send(train(enrol())).await.status, 201);
    let other_browser = train(enrol()).insert_header(("user-agent", "browser/2"));
    assert_eq!(world.send(other_browser).await.status, 401);
    assert_eq!(moved(), 2);
}

#[actix_web::test]
async fn one_sees_when_one_was_here_and_how_often_somebody_guessed() {
    let world = world(&[]).await;
    let first = world.person("grace").await;
    let me = async |person: &Person| world.send(bearer(get("/api/v1/me"), &person.access)).await.json();
    assert_eq!(me(&first).await["failed_attempts"], 0);
    assert!(
        me(&first).await.get("previous_login_at").is_none(),
        "there was none"
    );
    let before = me(&first).await["last_login_at"].clone();
    let second = world.sign_in("grace").await;
    let wrong = json!({"username": "grace", "password": "not the right phrase"});
    for _ in 0..3 {
        assert_eq!(world.send(post("/api/v1/auth/login", &wrong)).await.status, 401);
    }
    let seen = me(&second).await;
    assert_eq!(
        (&seen["failed_attempts"], &seen["previous_login_at"]),
        (&json!(3), &before)
    );
}

#[actix_web::test]
async fn whoever_enrols_is_told_of_the_sessions_from_before_which_lose_what_asks_for_the_factor() {
    let world = world(&[]).await;
    let first = world.person("grace").await;
    let old = [world.sign_in("grace").await, world.sign_in("grace").await];
    let made = world
        .send(bearer(post("/api/v1/me/mfa/totp", &Value::Null), &first.access))
        .await;
    let mut app = Authenticator::new(made.json()["secret"].as_str().unwrap()).unwrap();
    let body = json!({"code": app.next_code().await});
    let confirmed = world
        .send(bearer(post("/api/v1/me/mfa/totp/confirm", &body), &first.access))
        .await;
    let others = confirmed.json()["other_sessions"].clone();
    assert_eq!(others["count"], 2, "{}", confirmed.json());
    for change in [
        post("/api/v1/me/mfa/backup-codes", &Value::Null),
        delete("/api/v1/me/mfa/totp"),
    ] {
        let refused = world.send(bearer(change, &old[0].access)).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (401, "VUTF_INSUFFICIENT_USER_AUTHENTICATION")
        );
    }
    let end = post(others["end_by"].as_str().unwrap(), &Value::Null);
    assert_eq!(world.send(bearer(end, &first.access)).await.status, 200);
    for session in &old {
        assert_eq!(
            world
                .send(bearer(get("/api/v1/me"), &session.access))
                .await
                .status,
            401
        );
    }
    let again = confirmed.json()["backup_codes"][0].as_str().unwrap().to_owned();
    let challenge = world.challenge("grace").await;
    assert_eq!(world.verify(&challenge, "backup_code", &again).await.status, 200);
    let removed = world
        .send(bearer(delete("/api/v1/me/mfa/totp"), &first.access))
        .await;
    assert_eq!(removed.json()["other_sessions"]["count"], 1);
}
