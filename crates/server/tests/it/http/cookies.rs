//! Sessions of browsers: their cookies, and what keeps other pages from using them.

use actix_web::test::TestRequest;
use serde_json::{Value, json};
use vutf_testkit::authenticator::Authenticator;

use super::world::{Answer, PASSWORD, World, bearer, get, post, world};

const SESSION: &str = "__Host-violentutf_session";

fn delete(path: &str) -> TestRequest {
    TestRequest::delete().uri(path)
}

/// What a browser keeps, and nothing more than that.
#[derive(Clone, Default)]
struct Browser {
    session: String,
    csrf: String,
}

impl Browser {
    /// Takes the cookies of an answer, as a browser does.
    fn take(&mut self, answer: &Answer) {
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, rest) = line.split_once('=').unwrap();
            let (value, attributes) = rest.split_once(';').unwrap();
            for attribute in ["Secure", "SameSite=Lax", "Path=/"] {
                assert!(attributes.contains(attribute), "{line}");
            }
            assert!(!attributes.contains("Domain"), "{line}");
            assert_eq!(attributes.contains("HttpOnly"), name != "csrf_token", "{line}");
            let value = value.to_owned();
            match name {
                SESSION => self.session = value,
                "csrf_token" => self.csrf = value,
                "__Host-violentutf_device" => assert!(value.starts_with("vutf_dc_"), "{line}"),
                other => panic!("{other}"),
            }
        }
    }
    fn ask(&self, request: TestRequest) -> TestRequest {
        let cookies = format!("{SESSION}={}; csrf_token={}", self.session, self.csrf);
        request.insert_header(("cookie", cookies))
    }
    /// As a page of ours does.
    fn act(&self, request: TestRequest) -> TestRequest {
        self.ask(request)
            .insert_header(("x-csrf-token", self.csrf.clone()))
    }
}

impl World {
    async fn account(&self, name: &str) {
        let account = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
        let made = self.send(post("/api/v1/auth/register", &account)).await;
        assert_eq!(made.status, 201, "{}", made.json());
    }
    async fn browser(&self, name: &str) -> Browser {
        self.account(name).await;
        let answer = self.send(post("/api/v1/auth/session", &credentials(name))).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        let mut browser = Browser::default();
        browser.take(&answer);
        assert_eq!(answer.json()["csrf_token"], browser.csrf.as_str());
        browser
    }
    async fn status(&self, request: TestRequest) -> u16 {
        self.send(request).await.status
    }
    async fn refusal(&self, request: TestRequest) -> (u16, String) {
        let answer = self.send(request).await;
        (answer.status, answer.code())
    }
}

fn credentials(name: &str) -> Value {
    json!({"username": name, "password": PASSWORD})
}

fn forged() -> (u16, String) {
    (403, "VUTF_CSRF_REFUSED".to_owned())
}

#[actix_web::test]
async fn a_browser_signs_in_acts_and_signs_out() {
    let world = world(&[]).await;
    let browser = world.browser("grace").await;
    let me = world.send(browser.ask(get("/api/v1/me"))).await;
    assert_eq!((me.status, &me.json()["username"]), (200, &json!("grace")));
    let sessions = world.send(browser.ask(get("/api/v1/me/sessions"))).await.json();
    assert_eq!(sessions["items"][0]["kind"], "cookie");
    assert_eq!(sessions["items"][0]["current"], true);
    let others = browser.act(post("/api/v1/me/sessions/revoke-others", &Value::Null));
    assert_eq!(world.status(others).await, 200);
    for out in [
        delete("/api/v1/auth/session"),
        post("/api/v1/auth/logout", &Value::Null),
    ] {
        let answer = world
            .send(post("/api/v1/auth/session", &credentials("grace")))
            .await;
        let mut browser = Browser::default();
        browser.take(&answer);
        let before = browser.clone();
        let answer = world.send(browser.act(out)).await;
        assert_eq!(answer.status, 204);
        browser.take(&answer);
        assert!(
            browser.session.is_empty() && browser.csrf.is_empty(),
            "both are taken back"
        );
        assert_eq!(world.status(before.ask(get("/api/v1/me"))).await, 401);
    }
    assert_eq!(world.status(browser.ask(get("/api/v1/me"))).await, 200);
}

#[actix_web::test]
async fn the_cookie_alone_changes_nothing() {
    let world = world(&[]).await;
    let (grace, other) = (world.browser("grace").await, world.browser("other").await);
    let change = || post("/api/v1/me/sessions/revoke-others", &Value::Null);
    assert_eq!(world.refusal(grace.ask(change())).await, forged(), "no header");
    let theirs = grace
        .ask(change())
        .insert_header(("x-csrf-token", other.csrf.clone()));
    assert_eq!(
        world.refusal(theirs).await,
        forged(),
        "the token of another session in the header"
    );
    let planted = Browser {
        csrf: other.csrf.clone(),
        ..grace.clone()
    };
    assert_eq!(
        world.refusal(planted.act(change())).await,
        forged(),
        "in header and cookie"
    );
    let mut spoilt = grace.clone();
    let last = if spoilt.csrf.ends_with('A') { 'E' } else { 'A' };
    spoilt.csrf.pop();
    spoilt.csrf.push(last);
    assert_eq!(world.refusal(spoilt.act(change())).await, forged());
    for nothing in ["", ".", "a.b"] {
        let empty = Browser {
            csrf: nothing.to_owned(),
            ..grace.clone()
        };
        assert_eq!(world.refusal(empty.act(change())).await, forged(), "{nothing:?}");
    }
    let twice = grace
        .act(change())
        .append_header(("x-csrf-token", grace.csrf.clone()));
    assert_eq!(world.refusal(twice).await, forged());
    assert_eq!(world.status(grace.act(change())).await, 200);
    let seen = world.events();
    let refused = |(action, outcome, reason): &(String, String, String)| {
        action == "session.revoke_others" && outcome == "refused" && reason == "csrf_refused"
    };
    assert_eq!(
        seen.iter().filter(|event| refused(event)).count(),
        8,
        "each is an event"
    );
}

#[actix_web::test]
async fn a_page_of_another_origin_changes_nothing_with_the_right_token_either() {
    let world = world(&[]).await;
    let browser = world.browser("grace").await;
    let change = || {
        let request = browser.act(post("/api/v1/me/sessions/revoke-others", &Value::Null));
        request.insert_header(("host", "id.test"))
    };
    let foreign = (403, "VUTF_FOREIGN_ORIGIN".to_owned());
    for (name, value) in [
        ("origin", "https://evil.test"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let answer = world.refusal(change().insert_header((name, value))).await;
        assert_eq!(answer, foreign, "{name}: {value}");
    }
    let own = change()
        .insert_header(("origin", "http://id.test"))
        .insert_header(("sec-fetch-site", "same-origin"));
    assert_eq!(world.status(own).await, 200);
    // Nor does it sign a browser in: to somebody else's account, for example.
    let sign_in =
        post("/api/v1/auth/session", &credentials("grace")).insert_header(("origin", "https://evil.test"));
    assert_eq!(world.refusal(sign_in).await, foreign);
    let body = json!({"challenge": "x", "method": "totp", "code": "1", "session": "cookie"});
    let verify = post("/api/v1/auth/mfa/verify", &body).insert_header(("sec-fetch-site", "cross-site"));
    assert_eq!(world.refusal(verify).await, foreign);
}

#[actix_web::test]
async fn a_cookie_from_before_a_sign_in_never_becomes_one_of_a_session() {
    let world = world(&[]).await;
    let attacker = world.browser("mallory").await;
    world.account("grace").await;
    // The victim's browser holds what the attacker planted: another's session, or a value of no session.
    for planted in [
        attacker.clone(),
        Browser {
            session: format!("vutf_sc_{}", "A".repeat(64)),
            csrf: attacker.csrf.clone(),
        },
    ] {
        let answer = world
            .send(planted.ask(post("/api/v1/auth/session", &credentials("grace"))))
            .await;
        assert_eq!(answer.status, 200);
        let mut victim = planted.clone();
        victim.take(&answer);
        assert_ne!(victim.session, planted.session);
        let me = world.send(victim.ask(get("/api/v1/me"))).await.json();
        assert_eq!(me["username"], "grace");
        let seen = world.send(planted.ask(get("/api/v1/me"))).await;
        assert_ne!(seen.json()["username"], "grace");
    }
}

#[actix_web::test]
async fn a_step_up_gives_a_new_cookie_and_a_new_token() {
    let world = world(&[]).await;
    let mut browser = world.browser("grace").await;
    let before = browser.clone();
    let body = json!({"method": "password", "password": PASSWORD});
    let answer = world.send(browser.act(post("/api/v1/auth/step-up", &body))).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert!(
        answer.json().get("access_token").is_none(),
        "no token for scripts"
    );
    browser.take(&answer);
    assert_eq!(answer.json()["csrf_token"], browser.csrf.as_str());
    assert_eq!(world.status(before.ask(get("/api/v1/me"))).await, 401);
    assert_eq!(world.status(browser.ask(get("/api/v1/me"))).await, 200);
    let change = || post("/api/v1/me/sessions/revoke-others", &Value::Null);
    let old_token = Browser {
        csrf: before.csrf,
        ..browser.clone()
    };
    assert_eq!(world.refusal(old_token.act(change())).await, forged());
    assert_eq!(world.status(browser.act(change())).await, 200);
}

#[actix_web::test]
async fn a_second_factor_takes_a_browser_to_the_second_level_and_is_asked_for_next_time() {
    let world = world(&[]).await;
    let mut browser = world.browser("grace").await;
    let made = world
        .send(browser.act(post("/api/v1/me/mfa/totp", &Value::Null)))
        .await;
    assert_eq!(made.status, 201, "{}", made.json());
    let mut app = Authenticator::new(made.json()["secret"].as_str().unwrap()).unwrap();
    let body = json!({"code": app.next_code().await});
    let confirmed = world
        .send(browser.act(post("/api/v1/me/mfa/totp/confirm", &body)))
        .await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.json());
    let before = browser.session.clone();
    browser.take(&confirmed);
    assert_ne!(browser.session, before);
    let backup = confirmed.json()["backup_codes"][0].as_str().unwrap().to_owned();

    let waiting = world
        .send(post("/api/v1/auth/session", &credentials("grace")))
        .await;
    assert_eq!(waiting.json()["status"], "mfa_required");
    assert!(waiting.headers.get("set-cookie").is_none());
    let body = json!({
        "challenge": waiting.json()["challenge"], "method": "backup_code", "code": backup, "session": "cookie",
    });
    let opened = world.send(post("/api/v1/auth/mfa/verify", &body)).await;
    assert_eq!(opened.status, 200, "{}", opened.json());
    assert!(opened.json()["idle_expires_at"].is_string());
    let mut second = Browser::default();
    second.take(&opened);
    let sessions = world.send(second.ask(get("/api/v1/me/sessions"))).await.json();
    assert_eq!(sessions["items"][0]["assurance"], "aal2");
}

#[actix_web::test]
async fn the_token_can_be_had_again_by_whoever_has_the_cookie() {
    let world = world(&[]).await;
    let mut browser = world.browser("grace").await;
    let first = std::mem::take(&mut browser.csrf);
    let answer = world.send(browser.ask(get("/api/v1/auth/csrf"))).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(answer.header("cache-control"), "no-store");
    browser.take(&answer);
    assert_eq!(answer.json()["csrf_token"], browser.csrf.as_str());
    assert_ne!(browser.csrf, first);
    let change = post("/api/v1/me/sessions/revoke-others", &Value::Null);
    assert_eq!(world.status(browser.act(change)).await, 200);
    let token = world.login("grace").await;
    let asked = world.refusal(bearer(get("/api/v1/auth/csrf"), &token)).await;
    assert_eq!(asked, (409, "VUTF_NO_COOKIE_SESSION".to_owned()));
    assert_eq!(world.status(get("/api/v1/auth/csrf")).await, 401);
}

#[actix_web::test]
async fn the_header_wins_whatever_it_holds() {
    let world = world(&[]).await;
    let browser = world.browser("grace").await;
    world.account("other").await;
    let token = world.login("other").await;
    let both = world
        .send(bearer(browser.ask(get("/api/v1/me")), &token))
        .await
        .json();
    assert_eq!(both["username"], "other");
    // It is sent on purpose, so that nothing beside it is asked for.
    let change = post("/api/v1/me/sessions/revoke-others", &Value::Null);
    assert_eq!(world.status(bearer(browser.ask(change), &token)).await, 200);
    for wrong in ["Bearer nonsense", "Basic YTpi", ""] {
        let request = browser
            .ask(get("/api/v1/me"))
            .insert_header(("authorization", wrong));
        assert_eq!(world.status(request).await, 401, "{wrong:?}");
    }
}

#[actix_web::test]
async fn a_cookie_that_stands_twice_is_none() {
    let world = world(&[]).await;
    let browser = world.browser("grace").await;
    let twice = browser
        .ask(get("/api/v1/me"))
        .append_header(("cookie", format!("{SESSION}={}", browser.session)));
    assert_eq!(world.status(twice).await, 401);
}
