//! Passkeys over HTTP: registration, signing in alone, as a second factor, step-up; and everything that is wrong with an answer.

use actix_web::test::TestRequest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use vutf_testkit::passkey::{BACKED_UP, BACKUP_ELIGIBLE, SoftPasskey, USER_PRESENT, USER_VERIFIED};

use super::world::{Answer, PASSWORD, World, bearer, get, post, world};

const PAGE: &str = "http://localhost:8080";
const PASSKEYS: &str = "/api/v1/me/mfa/passkeys";
const BEGIN: &str = "/api/v1/me/mfa/passkeys/register/begin";
const FINISH: &str = "/api/v1/me/mfa/passkeys/register/finish";

/// Somebody who is signed in.
struct Person {
    name: &'static str,
    access: String,
}

impl World {
    async fn newcomer(&self, name: &'static str) -> Person {
        let account = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
        let made = self.send(post("/api/v1/auth/register", &account)).await;
        assert_eq!(made.status, 201, "{}", made.json());
        let access = self.login(name).await;
        Person { name, access }
    }
    async fn call(&self, person: &Person, request: TestRequest) -> Answer {
        self.send(bearer(request, &person.access)).await
    }
    /// What an authenticator is asked to make.
    async fn creation(&self, person: &Person) -> Value {
        let begun = self.call(person, post(BEGIN, &Value::Null)).await;
        assert_eq!(begun.status, 200, "{}", begun.json());
        begun.json()["public_key"].clone()
    }
    async fn finish(&self, person: &Person, credential: &Value) -> Answer {
        let body = json!({"name": "phone", "credential": credential});
        self.call(person, post(FINISH, &body)).await
    }
    /// A passkey of theirs, and their backup codes.
    async fn with_passkey(&self, person: &Person) -> (SoftPasskey, Answer) {
        let options = self.creation(person).await;
        let (passkey, credential) = SoftPasskey::create(PAGE, &options).unwrap();
        let added = self.finish(person, &credential).await;
        assert_eq!(added.status, 201, "{}", added.json());
        (passkey, added)
    }
    /// What a passkey is asked to sign, by nobody in particular.
    async fn question(&self) -> Value {
        let begun = self.send(post("/api/v1/auth/passkey/begin", &Value::Null)).await;
        assert_eq!(begun.status, 200, "{}", begun.json());
        begun.json()["public_key"].clone()
    }
    async fn present(&self, credential: &Value) -> Answer {
        let body = json!({"credential": credential});
        self.send(post("/api/v1/auth/passkey/finish", &body)).await
    }
    async fn sign_in_with(&self, passkey: &mut SoftPasskey) -> Answer {
        let question = self.question().await;
        self.present(&passkey.answer(&question).unwrap()).await
    }
    /// The reason of the last refusal of `action`.
    fn last_refusal(&self, action: &str) -> String {
        let refused = self.events().into_iter().rev();
        let mut refused = refused.filter(|(known, outcome, _)| known == action && outcome == "refused");
        refused.next().map(|(.., reason)| reason).unwrap_or_default()
    }
}

fn refused(answer: &Answer) {
    assert_eq!(answer.status, 401, "{}", answer.json());
    assert_eq!(answer.code(), "VUTF_INVALID_PASSKEY");
}

/// Something that is made wrong, and the reason in the log.
type Edit = (fn(&mut SoftPasskey), &'static str);

/// The claims of a token, which its signature does not hide.
fn claims(answer: &Answer) -> Value {
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(2).unwrap()).unwrap();
    serde_json::from_slice(&bytes[..bytes.len() - 64]).unwrap()
}

#[actix_web::test]
async fn a_passkey_signs_in_alone() {
    let world = world(&[]).await;
    let person = world.newcomer("grace").await;
    let options = world.creation(&person).await;
    assert_eq!(options["rp"]["id"], "localhost");
    assert_eq!(options["user"]["name"], "grace");
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["pubKeyCredParams"][1]["alg"], -7);
    let (mut passkey, credential) = SoftPasskey::create(PAGE, &options).unwrap();
    let added = world.finish(&person, &credential).await;
    assert_eq!(added.status, 201, "{}", added.json());
    let body = added.json();
    assert_eq!(body["backup_codes"].as_array().unwrap().len(), 10);
    assert_eq!(body["passkey"]["transports"], json!(["internal"]));
    assert_eq!(body["passkey"]["synced"], false);
    let question = world.question().await;
    assert_eq!(
        (&question["userVerification"], &question["allowCredentials"]),
        (&json!("required"), &Value::Null)
    );
    let signed_in = world.sign_in_with(&mut passkey).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.json());
    let claims = claims(&signed_in);
    assert_eq!(
        (&claims["acr"], &claims["amr"]),
        (&json!("aal2"), &json!(["pop", "user", "mfa"]))
    );
    let access = signed_in.json()["access_token"].as_str().unwrap().to_owned();
    let me = world.send(bearer(get("/api/v1/me"), &access)).await;
    assert_eq!(me.json()["username"], person.name);
    let listed = world.call(&person, get(PASSKEYS)).await.json();
    assert!(listed["items"][0]["last_used_at"].is_string());
}

#[actix_web::test]
async fn a_copied_key_is_no_more_than_two_factors_either() {
    let world = world(&[]).await;
    let person = world.newcomer("grace").await;
    let options = world.creation(&person).await;
    let (mut passkey, _) = SoftPasskey::create(PAGE, &options).unwrap();
    passkey.flags |= BACKUP_ELIGIBLE | BACKED_UP;
    passkey.count = None;
    let challenge = options["challenge"].as_str().unwrap();
    let added = world.finish(&person, &passkey.register(challenge)).await;
    assert_eq!(added.json()["passkey"]["backed_up"], true, "{}", added.json());
    for _ in 0..2 {
        let signed_in = world.sign_in_with(&mut passkey).await;
        assert_eq!(claims(&signed_in)["acr"], "aal2");
    }
    passkey.flags = USER_PRESENT | USER_VERIFIED;
    refused(&world.sign_in_with(&mut passkey).await);
    assert_eq!(world.last_refusal("session.login"), "wrong_backup_state");
}

#[actix_web::test]
async fn a_browser_gets_a_cookie_for_it() {
    let world = world(&[]).await;
    let person = world.newcomer("grace").await;
    let (mut passkey, _) = world.with_passkey(&person).await;
    let question = world.question().await;
    let body = json!({"credential": passkey.answer(&question).unwrap(), "session": "cookie"});
    let foreign =
        post("/api/v1/auth/passkey/finish", &body).insert_header(("origin", "https://evil.example"));
    assert_eq!(world.send(foreign).await.code(), "VUTF_FOREIGN_ORIGIN");
    let answer = world.send(post("/api/v1/auth/passkey/finish", &body)).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert!(answer.json()["csrf_token"].is_string());
    let cookies = answer.headers.get_all("set-cookie");
    let cookies: Vec<_> = cookies.map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(
        cookies
            .iter()
            .any(|cookie| cookie.starts_with("__Host-violentutf_session=")),
        "{cookies:?}"
    );
}

#[actix_web::test]
async fn beside_a_password_it_is_enough_that_somebody_is_there() {
    let world = world(&[]).await;
    let person = world.newcomer("grace").await;
    let (mut passkey, _) = world.with_passkey(&person).await;
    passkey.flags = USER_PRESENT;
    let body = json!({"username": "grace", "password": PASSWORD});
    let first = world.send(post("/api/v1/auth/login", &body)).await.json();
    assert_eq!(first["methods"], json!(["passkey", "backup_code"]));
    let asked = &first["passkey"];
    assert_eq!(asked["userVerification"], "preferred");
    assert_eq!(asked["allowCredentials"].as_array().unwrap().len(), 1);
    let credential = passkey.answer(asked).unwrap();
    let verify = |credential: &Value| {
        let body = json!({"challenge": first["challenge"], "method": "passkey", "credential": credential});
        post("/api/v1/auth/mfa/verify", &body)
    };
    let mut wrong = credential.clone();
    wrong["response"]["signature"] = "AAAA".into();
    let answer = world.send(verify(&wrong)).await;
    assert_eq!(answer.code(), "VUTF_INVALID_MFA_CODE");
    let done = world.send(verify(&credential)).await;
    assert_eq!(done.status, 200, "{}", done.json());
    assert_eq!(claims(&done)["amr"], json!(["pwd", "pop"]));
    let again = world.send(verify(&credential)).await;
    assert_eq!(again.code(), "VUTF_INVALID_CHALLENGE");
    for body in [
        json!({"challenge": first["challenge"], "method": "passkey", "code": "1"}),
        json!({"challenge": first["challenge"], "method": "totp", "credential": credential}),
    ] {
        let answer = world.send(post("/api/v1/auth/mfa/verify", &body)).await;
        assert_eq!(answer.code(), "VUTF_MISSING_FIELD");
    }
    // Alone it signs nobody in without a PIN.
    refused(&world.sign_in_with(&mut passkey).await);
    assert_eq!(world.last_refusal("session.login"), "user_not_verified");
}

#[actix_web::test]
async fn an_answer_for_another_page_site_or_moment_signs_nobody_in() {
    let world = world(&[]).await;
    let person = world.newcomer("grace").await;
    let (passkey, _) = world.with_passkey(&person).await;
    let edits: [Edit; 7] = [
        (
            |key| key.origin = "https://localhost:8080".to_owned(),
            "wrong_origin",
        ),
        (
            |key| key.origin = "http://localhost.evil.example".to_owned(),
            "wrong_origin",
        ),
        (|key| key.rp_id = "evil.example".to_owned(), "wrong_rp_id"),
        (|key| key.flags = USER_VERIFIED, "user_absent"),
        (|key| key.handle = None, "wrong_user_handle"),
        (|key| key.handle = Some("AAAA".to_owned()), "wrong_user_handle"),
        (|key| key.seed = [9; 32], "wrong_signature"),
    ];
    for (edit, reason) in edits {
        let mut wrong = passkey.clone();
        edit(&mut wrong);
        refused(&world.sign_in_with(&mut wrong).await);
        assert_eq!(world.last_refusal("session.login"), reason);
    }
    let mut stranger = passkey.clone();
    stranger.id = vec![1; 32];
    refused(&world.sign_in_with(&mut stranger).await);
    assert_eq!(world.last_refusal("session.login"), "unknown_credential");
    // Nothing of that has locked anybody out.
    let mut passkey = passkey;
    assert_eq!(world.sign_in_with(&mut passkey).await.status, 200);
}

#[actix_web::test]
async fn a_challenge_is_answered_once() {
    let world = world(&[]).await;
    let person = world.newcomer("grace").await;
    let (mut passkey, _) = world.with_passkey(&person).await;
    let question = world.question().await;
    let credential = passkey.answer(&question).unwrap();
    assert_eq!(world.present(&credential).await.status, 200);
    refused(&world.present(&credential).await);
    assert_eq!(world.last_refusal("session.login"), "unknown_challenge");
    // A later counter does not help, nor does a challenge that nobody gave.
    refused(&world.present(&passkey.answer(&question).unwrap()).await);
    refused(&world.present(&passkey.sign("AAAA")).await);
    // One that was answered wrongly is used up, too.
    let question = world.question().await;
    let mut wrong = passkey.answer(&question).unwrap();
    wrong["response"]["signature"] = "AAAA".into();
    refused(&world.present(&wrong).await);
    refused(&world.present(&passkey.answer(&question).unwrap()).await);
    // Nor may one of a registration be signed for a sign-in.
    let options = world.creation(&person).await;
    let credential = passkey.sign(options["challenge"].as_str().unwrap());
    refused(&world.present(&credential).await);
    assert_eq!(world.last_refusal("session.login"), "foreign_challenge");
}

#[actix_web::test]
async fn a_counter_that_goes_backwards_is_refused_and_its_owner_told() {
    let world = world(&[]).await;
    let person = world.newcomer("grace").await;
    let (mut passkey, _) = world.with_passkey(&person).await;
    let mut copy = passkey.clone();
    assert_eq!(world.sign_in_with(&mut passkey).await.status, 200);
    for _ in 0..2 {
        assert_eq!(world.sign_in_with(&mut passkey).await.status, 200);
    }
    refused(&world.sign_in_with(&mut copy).await);
    assert_eq!(world.last_refusal("session.login"), "counter_regressed");
    assert_eq!(world.sign_in_with(&mut passkey).await.status, 200);
}

#[actix_web::test]
async fn a_passkey_of_somebody_else_proves_nothing_here() {
    let world = world(&[]).await;
    let (grace, ada) = (world.newcomer("grace").await, world.newcomer("ada").await);
    let (mut hers, _) = world.with_passkey(&ada).await;
    world.with_passkey(&grace).await;
    let body = json!({"username": "grace", "password": PASSWORD});
    let first = world.send(post("/api/v1/auth/login", &body)).await.json();
    let body = json!({
        "challenge": first["challenge"], "method": "passkey", "credential": hers.answer(&first["passkey"]).unwrap(),
    });
    let answer = world.send(post("/api/v1/auth/mfa/verify", &body)).await;
    assert_eq!(answer.code(), "VUTF_INVALID_MFA_CODE");
    assert_eq!(world.last_refusal("session.login"), "foreign_credential");
    // Registered once, it is nobody else's.
    let options = world.creation(&grace).await;
    let known = world
        .finish(&grace, &hers.register(options["challenge"].as_str().unwrap()))
        .await;
    assert_eq!(known.code(), "VUTF_PASSKEY_KNOWN");
    // The challenge of one session is not answered in another.
    let options = world.creation(&grace).await;
    let (_, credential) = SoftPasskey::create(PAGE, &options).unwrap();
    let answer = world.finish(&ada, &credential).await;
    assert_eq!(answer.code(), "VUTF_NO_PASSKEY_CEREMONY");
    assert_eq!(world.last_refusal("passkey.register"), "foreign_challenge");
}

#[actix_web::test]
async fn a_session_is_stepped_up_with_it() {
    let world = world(&[]).await;
    let person = world.newcomer("grace").await;
    let none = world
        .call(&person, post("/api/v1/auth/step-up/passkey", &Value::Null))
        .await;
    assert_eq!(none.code(), "VUTF_NO_PASSKEY");
    let (mut passkey, _) = world.with_passkey(&person).await;
    let signed_in = world.sign_in_with(&mut passkey).await.json();
    let alone = Person {
        name: person.name,
        access: signed_in["access_token"].as_str().unwrap().to_owned(),
    };
    // Whoever came with a password shows that they have it; whoever came with it alone, that it is they.
    for (person, verification, code) in [(&person, "preferred", 200), (&alone, "required", 401)] {
        let asked = world
            .call(person, post("/api/v1/auth/step-up/passkey", &Value::Null))
            .await
            .json()["public_key"]
            .clone();
        assert_eq!(asked["userVerification"], verification);
        passkey.flags = USER_PRESENT;
        let body = json!({"method": "passkey", "credential": passkey.answer(&asked).unwrap()});
        let done = world.call(person, post("/api/v1/auth/step-up", &body)).await;
        assert_eq!(done.status, code, "{}", done.json());
        let again = world.call(person, post("/api/v1/auth/step-up", &body)).await;
        assert_eq!(again.code(), "VUTF_REAUTHENTICATION_REFUSED");
    }
    let by_password = json!({"method": "password", "password": PASSWORD});
    let answer = world
        .call(&person, post("/api/v1/auth/step-up", &by_password))
        .await;
    assert_eq!(answer.code(), "VUTF_SECOND_FACTOR_DEMANDED");
}

#[actix_web::test]
async fn passkeys_are_named_renamed_and_removed_and_the_codes_go_with_the_last() {
    let world = world(&[]).await;
    let person = world.newcomer("grace").await;
    let (_, first) = world.with_passkey(&person).await;
    let (_, second) = world.with_passkey(&person).await;
    assert_eq!(second.json()["backup_codes"], json!([]));
    let id = |answer: &Answer| answer.json()["passkey"]["id"].as_str().unwrap().to_owned();
    let at = |answer: &Answer| format!("{PASSKEYS}/{}", id(answer));
    let patch = |path: &str, name: &str| TestRequest::patch().uri(path).set_json(json!({"name": name}));
    let renamed = world.call(&person, patch(&at(&first), "the blue one")).await;
    assert_eq!(renamed.json()["name"], "the blue one", "{}", renamed.json());
    let bad = world.call(&person, patch(&at(&first), "")).await;
    assert_eq!(bad.json()["errors"][0]["pointer"], "/name");
    let stranger = world.newcomer("ada").await;
    let foreign = world.call(&stranger, patch(&at(&first), "mine")).await;
    assert_eq!(foreign.code(), "VUTF_PASSKEY_NOT_FOUND");
    let delete = |path: &str| TestRequest::delete().uri(path);
    let foreign = world.call(&stranger, delete(&at(&first))).await;
    assert_eq!(foreign.code(), "VUTF_PASSKEY_NOT_FOUND");
    let factors = |body: Value| (body["passkeys"].clone(), body["backup_codes_left"].clone());
    for (answer, left) in [(&first, (json!(1), json!(10))), (&second, (json!(0), json!(0)))] {
        let removed = world.call(&person, delete(&at(answer))).await;
        assert_eq!(removed.status, 200, "{}", removed.json());
        assert!(removed.json()["other_sessions"]["count"].is_u64());
        let seen = world.call(&person, get("/api/v1/me/mfa")).await;
        assert_eq!(factors(seen.json()), left);
    }
    assert_eq!(
        world.login("grace").await.split('.').count(),
        4,
        "a password is enough again"
    );
}

#[actix_web::test]
async fn whoever_must_have_a_factor_keeps_the_last_one() {
    let world = world(&[]).await;
    let access = world.admin().await;
    let admin = Person { name: "ada", access };
    let (_, only) = world.with_passkey(&admin).await;
    let id = only.json()["passkey"]["id"].as_str().unwrap().to_owned();
    let path = format!("{PASSKEYS}/{id}");
    let kept = world.call(&admin, TestRequest::delete().uri(&path)).await;
    assert_eq!(kept.code(), "VUTF_MFA_DEMANDED_BY_ROLE");
    world.with_passkey(&admin).await;
    let removed = world.call(&admin, TestRequest::delete().uri(&path)).await;
    assert_eq!(removed.status, 200, "{}", removed.json());
}

#[actix_web::test]
async fn there_are_so_many_and_no_more() {
    let world = world(&[]).await;
    let person = world.newcomer("grace").await;
    for _ in 0..10 {
        world.with_passkey(&person).await;
    }
    let full = world.call(&person, post(BEGIN, &Value::Null)).await;
    assert_eq!(full.code(), "VUTF_TOO_MANY_PASSKEYS");
}

#[actix_web::test]
async fn another_password_makes_a_second_factor_of_it_until_both_are_proved() {
    let world = world(&[]).await;
    let person = world.newcomer("grace").await;
    let (mut passkey, _) = world.with_passkey(&person).await;
    let next = "an altogether different phrase";
    let body = json!({"current_password": PASSWORD, "new_password": next});
    let changed = world
        .call(&person, post("/api/v1/auth/password/change", &body))
        .await;
    assert!(changed.status < 300, "{}", changed.json());
    refused(&world.sign_in_with(&mut passkey).await);
    assert_eq!(world.last_refusal("session.login"), "password_changed");
    let body = json!({"username": "grace", "password": next});
    let first = world.send(post("/api/v1/auth/login", &body)).await.json();
    let body = json!({
        "challenge": first["challenge"], "method": "passkey", "credential": passkey.answer(&first["passkey"]).unwrap(),
    });
    let done = world.send(post("/api/v1/auth/mfa/verify", &body)).await;
    assert_eq!(done.status, 200, "{}", done.json());
    assert_eq!(world.sign_in_with(&mut passkey).await.status, 200);
}

#[actix_web::test]
async fn strangers_who_guess_at_the_password_do_not_lock_out_whoever_has_a_passkey() {
    let world = world(&[]).await;
    let person = world.newcomer("grace").await;
    let (mut passkey, _) = world.with_passkey(&person).await;
    let guess = json!({"username": "grace", "password": "not the right phrase at all"});
    for _ in 0..8 {
        assert_eq!(world.send(post("/api/v1/auth/login", &guess)).await.status, 401);
    }
    let right = json!({"username": "grace", "password": PASSWORD});
    let barred = world.send(post("/api/v1/auth/login", &right)).await;
    assert_eq!(barred.status, 401, "the password's way is closed");
    assert_eq!(world.last_refusal("session.login"), "barred");
    let signed_in = world.sign_in_with(&mut passkey).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.json());
}

#[actix_web::test]
async fn an_account_that_may_not_be_used_is_refused_as_any_other() {
    let world = world(&[]).await;
    let access = world.admin().await;
    let admin = Person { name: "ada", access };
    let person = world.newcomer("grace").await;
    let (mut passkey, _) = world.with_passkey(&person).await;
    let me = world.call(&person, get("/api/v1/me")).await.json();
    let at = |verb: &str| format!("/api/v1/users/{}/{verb}", me["id"].as_str().unwrap());
    for (verb, back, reason) in [("lock", "unlock", "locked"), ("disable", "enable", "disabled")] {
        let done = world.call(&admin, post(&at(verb), &Value::Null)).await;
        assert_eq!(done.status, 200, "{}", done.json());
        refused(&world.sign_in_with(&mut passkey).await);
        assert_eq!(world.last_refusal("session.login"), reason);
        let done = world.call(&admin, post(&at(back), &Value::Null)).await;
        assert_eq!(done.status, 200, "{}", done.json());
    }
    assert_eq!(world.sign_in_with(&mut passkey).await.status, 200);
    let reset = world.call(&admin, post(&at("reset-mfa"), &Value::Null)).await;
    assert_eq!(reset.status, 200, "{}", reset.json());
    refused(&world.sign_in_with(&mut passkey).await);
    assert_eq!(world.last_refusal("session.login"), "unknown_credential");
}

/// Any member of a credential, cut short or replaced by anything.
#[actix_web::test]
async fn garbled_credentials_are_refused_and_nothing_panics() {
    let world = world(&[]).await;
    let person = world.newcomer("grace").await;
    let (mut passkey, _) = world.with_passkey(&person).await;
    let mut runner = TestRunner::new(Config::with_cases(64));
    let member = prop::sample::select(vec![
        "clientDataJSON",
        "attestationObject",
        "authenticatorData",
        "signature",
        "userHandle",
    ]);
    let cases = (
        member,
        prop::collection::vec(any::<u8>(), 0..300),
        any::<prop::sample::Index>(),
        any::<bool>(),
    );
    for _ in 0..64 {
        let (member, noise, at, cut) = cases.new_tree(&mut runner).unwrap().current();
        let garble = |credential: &Value| {
            let mut credential = credential.clone();
            if let Some(text) = credential["response"][member].as_str().map(str::to_owned) {
                let garbled = if cut {
                    text[..at.index(text.len())].to_owned()
                } else {
                    URL_SAFE_NO_PAD.encode(&noise)
                };
                credential["response"][member] = garbled.into();
            }
            credential
        };
        let options = world.creation(&person).await;
        let (_, made) = SoftPasskey::create(PAGE, &options).unwrap();
        let garbled = garble(&made);
        let answer = world.finish(&person, &garbled).await;
        let expected = if garbled == made { 201..202 } else { 400..500 };
        assert!(
            expected.contains(&answer.status),
            "{member}: {} {garbled}",
            answer.status
        );
        if answer.status == 201 {
            let id = answer.json()["passkey"]["id"].as_str().unwrap().to_owned();
            let path = format!("{PASSKEYS}/{id}");
            world.call(&person, TestRequest::delete().uri(&path)).await;
        }
        let question = world.question().await;
        let made = passkey.answer(&question).unwrap();
        let garbled = garble(&made);
        let answer = world.present(&garbled).await;
        let expected = if garbled == made { 200..201 } else { 400..500 };
        assert!(
            expected.contains(&answer.status),
            "{member}: {} {garbled}",
            answer.status
        );
    }
}

#[actix_web::test]
async fn what_is_no_credential_is_pointed_at() {
    let world = world(&[]).await;
    let right = SoftPasskey::create(PAGE, &world.creation(&world.newcomer("grace").await).await)
        .unwrap()
        .0
        .sign("AAAA");
    for (pointer, value) in [
        ("/id", json!("not base64!")),
        ("/id", json!("")),
        ("/type", json!("password")),
        ("/response/signature", json!("*")),
        ("/response/userHandle", json!("=x=")),
    ] {
        let mut wrong = right.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        let answer = world.present(&wrong).await;
        assert_eq!(answer.code(), "VUTF_INVALID_VALUE", "{pointer}");
        assert_eq!(
            answer.json()["errors"][0]["pointer"],
            format!("/credential{pointer}")
        );
    }
    let answer = world.present(&json!({"id": "AA", "type": "public-key"})).await;
    assert_eq!(answer.status, 400);
}

#[actix_web::test]
async fn an_app_and_a_passkey_stand_in_for_one_another() {
    let world = world(&[]).await;
    let person = world.newcomer("grace").await;
    let made = world
        .call(&person, post("/api/v1/me/mfa/totp", &Value::Null))
        .await;
    let svg = made.json()["qr_svg"].as_str().unwrap().to_owned();
    assert!(svg.starts_with("<svg ") && !svg.contains("grace"), "{svg}");
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    let mut app = vutf_testkit::authenticator::Authenticator::new(&secret).unwrap();
    let body = json!({"code": app.next_code().await});
    let confirmed = world
        .call(&person, post("/api/v1/me/mfa/totp/confirm", &body))
        .await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.json());
    let (_, added) = world.with_passkey(&person).await;
    assert_eq!(added.json()["backup_codes"], json!([]), "those of the app stay");
    let removed = world
        .call(&person, TestRequest::delete().uri("/api/v1/me/mfa/totp"))
        .await;
    assert_eq!(removed.status, 200, "{}", removed.json());
    let seen = world.call(&person, get("/api/v1/me/mfa")).await.json();
    assert_eq!(
        (&seen["totp"], &seen["passkeys"], &seen["backup_codes_left"]),
        (&json!(false), &json!(1), &json!(10))
    );
    let again = world
        .call(&person, TestRequest::delete().uri("/api/v1/me/mfa/totp"))
        .await;
    assert_eq!(again.code(), "VUTF_MFA_NOT_ENROLLED");
}
