//! One scene a route: what must be there, and what is sent. A route that has none fails the walk.

use serde_json::{Value, json};
use vutf_server::http::route::{Access, Endpoint, Method};
use vutf_testkit::client::{Answer, ApiClient, Person};

use super::{
    AGENT, UNKNOWN, authz_scenes, key_scenes, log_scenes, mail_scenes, mfa_scenes, passkey_scenes,
    people_scenes,
    stage::{Browser, Caller, Stage},
};

/// A request.
#[derive(Clone, Default)]
pub(super) struct Wish {
    path: String,
    token: Option<String>,
    cookies: Option<String>,
    csrf: Option<String>,
    pub(super) user: Option<String>,
    body: Option<Value>,
    raw: Option<(&'static str, Vec<u8>)>,
    if_match: Option<String>,
    origin: Option<&'static str>,
    key: Option<String>,
}

impl Wish {
    pub(super) fn to(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            ..Self::default()
        }
    }
    pub(super) fn by(self, caller: &Caller) -> Self {
        Self {
            token: Some(caller.tokens.access.clone()),
            user: Some(caller.id.clone()),
            ..self
        }
    }
    /// By a session that a browser holds, with the token beside the cookie or without it.
    pub(super) fn by_browser(self, browser: &Browser, with_token: bool) -> Self {
        Self {
            token: None,
            cookies: Some(browser.cookies.clone()),
            csrf: with_token.then(|| browser.csrf.clone()),
            user: Some(browser.id.clone()),
            ..self
        }
    }
    /// By an API key of `owner`, in the place of a session.
    pub(super) fn with_key(self, secret: &str, owner: &Caller) -> Self {
        Self {
            token: None,
            key: Some(secret.to_owned()),
            user: Some(owner.id.clone()),
            ..self
        }
    }
    pub(super) fn is_by_key(&self) -> bool {
        self.key.is_some()
    }
    pub(super) fn json(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }
    /// As a browser that shows a page of that origin.
    pub(super) fn shown_on(self, origin: &'static str) -> Self {
        Self {
            origin: Some(origin),
            ..self
        }
    }
    pub(super) fn tagged(self, tag: impl Into<String>) -> Self {
        Self {
            if_match: Some(tag.into()),
            ..self
        }
    }

    pub(super) async fn send(&self, api: &ApiClient, endpoint: &Endpoint, request_id: &str) -> Answer {
        let mut call = api
            .request(endpoint.method.as_str(), &self.path)
            .header("x-request-id", request_id)
            .header("user-agent", AGENT);
        if let Some(token) = &self.token {
            call = call.bearer(token);
        }
        if let Some(origin) = self.origin {
            call = call.header("origin", origin);
        }
        if let Some(cookies) = &self.cookies {
            call = call.header("cookie", cookies);
        }
        if let Some(token) = &self.csrf {
            call = call.header("x-csrf-token", token);
        }
        if let Some(key) = &self.key {
            call = call.header("x-api-key", key);
        }
        if let Some(tag) = &self.if_match {
            call = call.header("if-match", tag);
        }
        call = match (&self.raw, &self.body) {
            (Some((kind, bytes)), _) => call.body(kind, bytes.clone()),
            (None, Some(body)) => call.json(body),
            (None, None) => call,
        };
        call.send().await.unwrap()
    }

    /// The same request, so that it is refused with `status` by what every route has in common.
    pub(super) fn spoiled(self, endpoint: &Endpoint, status: u16) -> Self {
        let raw = |kind, bytes: Vec<u8>| Self {
            raw: Some((kind, bytes)),
            ..self.clone()
        };
        match status {
            400 if endpoint.doc.body.is_some() => raw("application/json", b"{".to_vec()),
            400 => {
                let path = endpoint
                    .path
                    .replace("{id}", "not-an-id")
                    .replace("{purpose}", "nothing")
                    .replace("{rule}", "NOT-A-RULE");
                let query = if endpoint.doc.query.is_empty() {
                    ""
                } else {
                    "?nonsense=1"
                };
                Self {
                    path: format!("{path}{query}"),
                    ..self
                }
            }
            413 => raw("application/json", vec![b' '; 1_100_000]),
            415 => raw("text/plain", b"{}".to_vec()),
            412 => self.tagged("\"v999999\""),
            428 => Self {
                if_match: None,
                ..self
            },
            _ => self,
        }
    }
}

/// What a route is sent to be answered with `status`.
pub(super) async fn wish(stage: &mut Stage, endpoint: &Endpoint, status: u16) -> Wish {
    let signed = endpoint.access != Access::Anonymous;
    match status {
        401 if signed => {
            let ready = scene(stage, endpoint, 200).await;
            return Wish {
                token: None,
                cookies: None,
                csrf: None,
                user: None,
                ..ready
            };
        }
        403 if matches!(endpoint.access, Access::Permission(_)) => {
            return scene(stage, endpoint, 200).await.by(&stage.nobody);
        }
        403 if endpoint.access == Access::Session && !endpoint.doc.refusals.contains(&403) => {
            let ready = scene(stage, endpoint, 200).await;
            if endpoint.method == Method::Get {
                return key_scenes::keyed(stage, ready).await;
            }
            let browser = stage.browser().await;
            return ready.by_browser(&browser, false);
        }
        404 if endpoint.takes_id() => {
            let ready = scene(stage, endpoint, 200).await;
            return Wish {
                path: endpoint.path.replace("{id}", UNKNOWN),
                ..ready
            };
        }
        _ => {}
    }
    scene(stage, endpoint, status).await.spoiled(endpoint, status)
}

/// Who does it, unless a scene says otherwise, is the administrator.
async fn scene(stage: &mut Stage, endpoint: &Endpoint, status: u16) -> Wish {
    let what = (endpoint.method.as_str(), endpoint.path);
    if status == 202
        && let Some(wish) = authz_scenes::two_persons(stage, what).await
    {
        return wish.by(&stage.admin);
    }
    let wish = match what.1 {
        path if path.starts_with("/api/v1/auth/passkey") || path == "/api/v1/auth/step-up/passkey" => {
            return passkey_scenes::auth(stage, what, status).await;
        }
        path if path.starts_with("/api/v1/me/mfa/passkeys") => {
            return passkey_scenes::own(stage, what, status).await;
        }
        "/api/v1/auth/break-glass" => return authz_scenes::break_glass(stage, what, status),
        "/api/v1/authz/explain" => return authz_scenes::explain(stage, what, status),
        path if path.starts_with("/api/v1/policies") => {
            return authz_scenes::policies(stage, what, status).await;
        }
        path if path == "/api/v1/roles" && what.0 == "POST" || path.starts_with("/api/v1/roles/") => {
            return authz_scenes::roles(stage, what, status).await;
        }
        path if path.starts_with("/api/v1/approvals") => {
            return match what.0 {
                "GET" => Wish::to(what.1).by(&stage.admin),
                _ => authz_scenes::approvals(stage, what, status).await,
            };
        }
        path if path.starts_with("/api/v1/auth/") => return auth(stage, what, status).await,
        path if path.starts_with("/api/v1/me/mfa") => return mfa_scenes::own(stage, what, status).await,
        path if path.starts_with("/api/v1/me/api-keys") => return key_scenes::own(stage, what, status).await,
        path if path.starts_with("/api/v1/api-keys") => return key_scenes::others(stage, what, status).await,
        path if path.starts_with("/api/v1/service-accounts") => key_scenes::programs(stage, what, status),
        "/api/v1/me/email" => return mail_scenes::change(stage, status).await,
        "/api/v1/me/export" | "/api/v1/me/erasure" => return people_scenes::own(stage, what, status).await,
        "/api/v1/erasure-certificate" => return people_scenes::certificate(stage, status).await,
        "/api/v1/users:batch" => people_scenes::batch(stage, status).await,
        path if path.starts_with("/api/v1/me") => return me(stage, what).await,
        path if path.starts_with("/api/v1/users") => users(stage, what, status).await,
        path if path.starts_with("/api/v1/keys/jobs") => jobs(stage, what, status).await,
        path if path.starts_with("/api/v1/keys/requests") => requests(stage, what, status).await,
        path if path.starts_with("/api/v1/keys/policies") => policies(stage, what, status).await,
        path if path.starts_with("/api/v1/keys") => keys(stage, what, status).await,
        path if path.starts_with("/api/v1/crypto/") => return crypto(stage, what, status).await,
        path if path.starts_with("/api/v1/audit/retention") || path.starts_with("/api/v1/audit/holds") => {
            retention(stage, what, status).await
        }
        path if path.starts_with("/api/v1/audit/") => match log_scenes::log(stage, what, status).await {
            Some(wish) => wish,
            None => unwritten(what),
        },
        path if path.starts_with("/api/v1/invitations") => {
            mail_scenes::invitations(stage, what, status).await
        }
        "/api/v1/roles" | "/api/v1/permissions" => Wish::to(what.1),
        _ => unwritten(what),
    };
    match wish.token {
        Some(_) => wish,
        None => wish.by(&stage.admin),
    }
}

pub(super) fn unwritten((method, path): (&str, &str)) -> ! {
    panic!("{method} {path} has no scene: see docs/guides/audit-coverage.md")
}

pub(super) fn account(person: &Person) -> Value {
    json!({"username": person.username, "email": person.email, "password": person.password})
}

/// Why something is done to a key.
pub(super) fn why() -> Value {
    json!({"reason": "superseded"})
}

/// A job that takes its time.
pub(super) fn work() -> Value {
    json!({"kind": "reencrypt", "purpose": "field:passwords", "rows_per_second": 1})
}

async fn auth(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    match what {
        ("POST", "/api/v1/auth/register") if status == 409 => {
            let taken = stage.someone().await;
            Wish::to(what.1).json(account(&taken.person))
        }
        ("POST", "/api/v1/auth/register") => {
            let name = format!("new{}", stage.next());
            Wish::to(what.1).json(account(&Person::new(&name)))
        }
        ("POST", "/api/v1/auth/session") if status == 403 => {
            let person = stage.nobody.person.clone();
            Wish::to(what.1)
                .json(json!({"username": person.username, "password": person.password}))
                .shown_on("https://elsewhere.example")
        }
        ("POST", "/api/v1/auth/login" | "/api/v1/auth/session") => {
            let person = stage.nobody.person.clone();
            let password = if status == 401 {
                "not the right pass phrase"
            } else {
                &person.password
            };
            let accepts = (status == 403).then_some("a notice that is not there");
            Wish::to(what.1).json(
                json!({"username": person.username, "password": password, "accept_system_use": accepts}),
            )
        }
        ("DELETE", "/api/v1/auth/session") => {
            let browser = stage.browser().await;
            Wish::to(what.1).by_browser(&browser, true)
        }
        ("GET", "/api/v1/auth/csrf") if status == 409 => {
            let caller = stage.someone().await;
            Wish::to(what.1).by(&caller)
        }
        ("GET", "/api/v1/auth/csrf") => {
            let browser = stage.browser().await;
            Wish::to(what.1).by_browser(&browser, false)
        }
        ("POST", "/api/v1/auth/refresh") => {
            let token = stage.someone().await.tokens.refresh;
            let token = if status == 401 {
                "not-a-token".to_owned()
            } else {
                token
            };
            Wish::to(what.1).json(json!({"refresh_token": token}))
        }
        ("POST", "/api/v1/auth/password/change") => {
            let caller = stage.someone().await;
            let current = if status == 403 {
                "not the right pass phrase"
            } else {
                &caller.person.password
            };
            let body = json!({"current_password": current, "new_password": "seven quiet copper lanterns"});
            Wish::to(what.1).json(body).by(&caller)
        }
        ("POST", "/api/v1/auth/password/strength") => {
            Wish::to(what.1).json(json!({"password": "seven quiet copper lanterns"}))
        }
        ("POST", "/api/v1/auth/mfa/verify") => mfa_scenes::verify(stage, status).await,
        ("POST", "/api/v1/auth/step-up") => mfa_scenes::step_up(stage, status).await,
        ("POST", "/api/v1/auth/password/forgot" | "/api/v1/auth/email/verify/resend") => {
            Wish::to(what.1).json(json!({"email": stage.nobody.person.email}))
        }
        (
            "POST",
            "/api/v1/auth/password/reset"
            | "/api/v1/auth/unlock"
            | "/api/v1/auth/email/verify"
            | "/api/v1/auth/email/confirm"
            | "/api/v1/auth/email/object",
        ) => mail_scenes::link(stage, what, status).await,
        ("POST", "/api/v1/auth/logout") => {
            let caller = stage.someone().await;
            Wish::to(what.1).by(&caller)
        }
        _ => unwritten(what),
    }
}

async fn me(stage: &mut Stage, what: (&str, &str)) -> Wish {
    let caller = stage.someone().await;
    let wish = match what {
        ("GET", "/api/v1/me" | "/api/v1/me/sessions" | "/api/v1/me/audit")
        | ("POST", "/api/v1/me/sessions/revoke-others") => Wish::to(what.1),
        ("PATCH", "/api/v1/me") => {
            let me = stage.site.api.me(&caller.tokens).expect(200).await.unwrap();
            let tag = me.header("etag").unwrap();
            Wish::to(what.1)
                .json(json!({"display_name": "Somebody"}))
                .tagged(tag)
        }
        ("DELETE", "/api/v1/me/sessions/{id}") => {
            let other = stage.sign_in(caller.person.clone()).await;
            Wish::to(format!("/api/v1/me/sessions/{}", other.tokens.session))
        }
        _ => unwritten(what),
    };
    wish.by(&caller)
}

async fn users(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let clash = status == 409;
    let (method, path) = what;
    if path == "/api/v1/users" {
        return match method {
            "GET" => Wish::to(path),
            "POST" if clash => Wish::to(path).json(account(&stage.nobody.person)),
            "POST" => {
                let name = format!("new{}", stage.next());
                Wish::to(path).json(account(&Person::new(&name)))
            }
            _ => unwritten(what),
        };
    }
    if path.ends_with("/reset-mfa") {
        return mfa_scenes::reset(stage, status).await;
    }
    let target = stage.someone().await.id;
    let user = format!("/api/v1/users/{target}");
    let path = path.replace("{id}", &target);
    match (method, what.1.trim_start_matches("/api/v1/users/{id}")) {
        ("POST", "/require-password-change") if clash => {
            // An account that nobody has set a password for.
            let person = Person::new(&format!("new{}", stage.next()));
            let body = json!({"username": person.username, "email": person.email});
            let made = stage.posted("/api/v1/users", &body, 201).await;
            Wish::to(path.replace(&target, made["id"].as_str().unwrap()))
        }
        ("GET", "") | ("POST", "/revoke-sessions" | "/require-password-change") => Wish::to(path),
        ("PATCH", "") => {
            let body = if clash {
                json!({"email": stage.nobody.person.email})
            } else {
                json!({"display_name": "Somebody else"})
            };
            Wish::to(path).json(body).tagged(stage.tag(&user).await)
        }
        ("DELETE", "") => Wish::to(path).tagged(stage.tag(&user).await),
        ("PUT", "/roles") if clash => {
            // Nobody would be left to administer the tenant.
            let own = format!("/api/v1/users/{}", stage.admin.id);
            let tag = stage.tag(&own).await;
            Wish::to(format!("{own}/roles"))
                .json(json!({"roles": []}))
                .tagged(tag)
        }
        ("PUT", "/roles") => {
            let body = json!({"roles": ["auditor"]});
            Wish::to(path).json(body).tagged(stage.tag(&user).await)
        }
        ("POST", verb @ ("/lock" | "/disable")) => {
            if clash {
                stage.posted(&format!("{user}{verb}"), &json!({}), 200).await;
            }
            Wish::to(path)
        }
        ("POST", verb @ ("/unlock" | "/enable")) => {
            let before = if verb == "/unlock" { "lock" } else { "disable" };
            if !clash {
                stage.posted(&format!("{user}/{before}"), &json!({}), 200).await;
            }
            Wish::to(path)
        }
        ("POST", "/restore") => {
            if !clash {
                let call = stage.site.api.delete(&user).bearer(&stage.admin.tokens.access);
                let tag = stage.tag(&user).await;
                call.header("if-match", &tag).expect(204).await.unwrap();
            }
            Wish::to(path)
        }
        ("POST", "/erase") => Wish::to(path)
            .json(json!({"reason": "request"}))
            .tagged(stage.tag(&user).await),
        ("GET", "/erasure") => {
            let call = stage
                .site
                .api
                .post(&format!("{user}/erase"))
                .bearer(&stage.admin.tokens.access);
            let call = call.json(&json!({"reason": "request"}));
            let tag = stage.tag(&user).await;
            call.header("if-match", &tag).expect(200).await.unwrap();
            Wish::to(path)
        }
        _ => unwritten(what),
    }
}

async fn keys(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let clash = status == 409;
    let key = match what {
        ("GET", "/api/v1/keys" | "/api/v1/keys/inventory") => return Wish::to(what.1),
        ("POST", "/api/v1/keys") if clash => {
            return Wish::to(what.1).json(json!({"purpose": "encrypt:walk"}));
        }
        ("POST", "/api/v1/keys") => {
            let purpose = format!("encrypt:k{}", stage.next());
            return Wish::to(what.1).json(json!({"purpose": purpose}));
        }
        ("POST", "/api/v1/keys/{id}/activate") => {
            let key = stage.key("sign", false).await;
            if clash {
                stage.act(&key, "activate", 200).await;
                stage.act(&key, "deactivate", 200).await;
            }
            key
        }
        ("POST", "/api/v1/keys/{id}/suspend" | "/api/v1/keys/{id}/deactivate") if clash => {
            stage.own_key("field:users").await
        }
        ("POST", "/api/v1/keys/{id}/compromise") if clash => {
            let key = stage.key("sign", true).await;
            stage.act(&key, "compromise", 200).await;
            key
        }
        ("POST", "/api/v1/keys/{id}/destroy") => {
            let key = stage.key("hmac", status != 200).await;
            if status == 202 {
                stage.act(&key, "deactivate", 200).await;
            }
            key
        }
        ("POST", "/api/v1/keys/{id}/rotate") if clash => {
            let key = stage.key("sign", true).await;
            let path = format!("/api/v1/keys/{key}/rotate");
            stage.posted(&path, &json!({}), 200).await;
            key
        }
        ("GET", "/api/v1/keys/{id}")
        | (
            "POST",
            "/api/v1/keys/{id}/rotate"
            | "/api/v1/keys/{id}/suspend"
            | "/api/v1/keys/{id}/deactivate"
            | "/api/v1/keys/{id}/compromise",
        ) => stage.key("sign", true).await,
        _ => unwritten(what),
    };
    let wish = Wish::to(what.1.replace("{id}", &key));
    if what.0 == "GET" || what.1.ends_with("/rotate") {
        wish
    } else {
        wish.json(why())
    }
}

async fn policies(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let purpose = format!("encrypt:k{}", stage.next());
    let path = what.1.replace("{purpose}", &purpose);
    if status == 404 {
        return Wish::to(path)
            .json(json!({"minimum_version": 1}))
            .tagged("\"v1\"");
    }
    match what.0 {
        "GET" => {
            stage.key_for(&purpose, true).await;
            Wish::to(path)
        }
        "PATCH" if status == 409 => {
            // Rows are still under the first version.
            let key = stage.own_key("field:passwords").await;
            let path = format!("/api/v1/keys/{key}/rotate");
            let minimum = stage.posted(&path, &json!({}), 200).await["version"].clone();
            let path = what.1.replace("{purpose}", "field:passwords");
            let tag = stage.tag(&path).await;
            Wish::to(path)
                .json(json!({"minimum_version": minimum}))
                .tagged(tag)
        }
        "PATCH" => {
            stage.key_for(&purpose, true).await;
            let tag = stage.tag(&path).await;
            Wish::to(path)
                .json(json!({"cryptoperiod_seconds": 86_400}))
                .tagged(tag)
        }
        _ => unwritten(what),
    }
}

async fn requests(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    match what {
        ("GET", "/api/v1/keys/requests") => Wish::to(what.1),
        ("POST", "/api/v1/keys/requests/{id}/approve") => {
            let request = stage.request().await;
            if status == 409 {
                let path = format!("/api/v1/keys/requests/{request}/reject");
                stage.posted(&path, &json!({}), 200).await;
            }
            Wish::to(what.1.replace("{id}", &request)).by(&stage.second)
        }
        ("POST", "/api/v1/keys/requests/{id}/reject") if status == 409 => {
            let request = stage.approved.clone().expect("a request was approved before");
            Wish::to(what.1.replace("{id}", &request))
        }
        ("POST", "/api/v1/keys/requests/{id}/reject") => {
            let request = stage.request().await;
            Wish::to(what.1.replace("{id}", &request))
        }
        _ => unwritten(what),
    }
}

async fn jobs(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let clash = status == 409;
    if what.1 == "/api/v1/keys/jobs" {
        if clash {
            stage.job().await;
        } else {
            stage.no_job().await;
        }
        return match what.0 {
            "GET" => Wish::to(what.1),
            "POST" => Wish::to(what.1).json(work()),
            _ => unwritten(what),
        };
    }
    let job = stage.job().await;
    let before = match (
        what.0,
        what.1.rsplit_once('/').map_or("", |(_, verb)| verb),
        clash,
    ) {
        ("GET", "{id}", _) | ("POST", "pause" | "cancel", false) | ("POST", "resume", true) => None,
        ("POST", "pause", true) | ("POST", "resume", false) => Some("pause"),
        ("POST", "cancel", true) => Some("cancel"),
        _ => unwritten(what),
    };
    if let Some(verb) = before {
        let path = format!("/api/v1/keys/jobs/{job}/{verb}");
        stage.posted(&path, &json!({}), 200).await;
    }
    Wish::to(what.1.replace("{id}", &job))
}

async fn retention(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let hold = json!({"reason": "case 7"});
    match what {
        ("GET", _) => Wish::to(what.1),
        ("POST", "/api/v1/audit/retention/runs") => Wish::to(what.1).json(json!({"dry_run": status != 202})),
        ("POST", "/api/v1/audit/holds") => Wish::to(what.1).json(hold),
        ("POST", "/api/v1/audit/holds/{id}/release") => {
            let placed = stage.posted("/api/v1/audit/holds", &hold, 201).await;
            let path = what.1.replace("{id}", placed["id"].as_str().unwrap());
            if status == 409 {
                stage.posted(&path, &json!({}), 200).await;
            }
            Wish::to(path)
        }
        _ => unwritten(what),
    }
}

async fn crypto(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let name = match status {
        404 => "nothing".to_owned(),
        409 => format!("k{}", stage.next()),
        _ => "walk".to_owned(),
    };
    let wish = |item: Value| Wish::to(what.1).json(json!({"key": name, "items": [item]}));
    let verb = what.1.trim_start_matches("/api/v1/crypto/");
    let kind = match verb {
        "encrypt" | "decrypt" | "rewrap" => "encrypt",
        "hmac" | "verify" => "hmac",
        _ => "sign",
    };
    let key = match status {
        409 => Some(stage.key_for(&format!("{kind}:{name}"), true).await),
        _ => None,
    };
    let wish = match (what.0, verb) {
        ("GET", "public-keys") if status != 400 => Wish::to(format!("{}?key={name}", what.1)),
        ("GET", "public-keys") => Wish::to(what.1),
        ("POST", "encrypt") => wish(json!({"plaintext": "eA==", "context": "Yw=="})),
        ("POST", "decrypt" | "rewrap") => {
            let of = if key.is_some() { name.as_str() } else { "walk" };
            let item = json!({"plaintext": "eA==", "context": "Yw=="});
            let made = json!({"key": of, "items": [item]});
            let made = stage.posted("/api/v1/crypto/encrypt", &made, 200).await;
            wish(json!({"ciphertext": made["results"][0]["ciphertext"], "context": "Yw=="}))
        }
        ("POST", "hmac" | "sign") => wish(json!({"input": "eA=="})),
        ("POST", "verify") => {
            let made = json!({"key": "walk", "items": [{"input": "eA=="}]});
            let made = stage.posted("/api/v1/crypto/hmac", &made, 200).await;
            wish(json!({"input": "eA==", "hmac": made["results"][0]["hmac"]}))
        }
        _ => unwritten(what),
    };
    if let Some(key) = key {
        // No version of it protects any more.
        stage.act(&key, "deactivate", 200).await;
    }
    wish.by(&stage.admin)
}
