//! What the walk goes over: a service, those who call it, and whatever a scene needs to be there.

use serde_json::{Value, json};
use vutf_server::http::route::{Access, Endpoint, RateClass};
use vutf_testkit::{
    client::{Answer, ApiClient, Person, Tokens},
    mailbox::Mailbox,
    process::{ServerBuilder, ServerProcess},
};

use super::{
    AGENT, DONE_ELSEWHERE, Log, REFUSED_ELSEWHERE, Step, TOO_MANY, UNKNOWN, What, audited, log_scenes,
    scenes, scenes::Wish, take,
};
use crate::e2e::world::{Admin, World, sequenced};

/// A service on SQLite.
pub(super) struct Site {
    /// Outlives the service.
    _world: World,
    builder: ServerBuilder,
    server: ServerProcess,
    pub(super) api: ApiClient,
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) id: String,
    pub(super) person: Person,
    pub(super) tokens: Tokens,
}

/// A session that a browser holds.
pub(super) struct Browser {
    pub(super) id: String,
    pub(super) cookies: String,
    pub(super) csrf: String,
}

/// The service, and who has been there from the beginning.
pub(super) struct Stage {
    pub(super) site: Site,
    /// Where its mail lies.
    pub(super) mailbox: Mailbox,
    /// A super administrator.
    pub(super) admin: Caller,
    /// A custodian beside them, for what takes two.
    pub(super) second: Caller,
    /// A user without any permission over others.
    pub(super) nobody: Caller,
    /// The last request to destroy a key.
    asked: Option<String>,
    /// One that was approved.
    pub(super) approved: Option<String>,
    /// An API key of the administrator, once a scene has made it.
    pub(super) key_of_admin: Option<String>,
    count: u32,
}

impl Stage {
    /// Makes the first administrator by walking over the route that does, and everybody else.
    pub(super) async fn raise(problems: &mut Vec<String>) -> (Self, Vec<Step>) {
        let world = World::sqlite()
            .with("VUTF__RATE_LIMIT__ENABLED", "false")
            .with("VUTF__MAIL__DELIVERY", "file")
            .with("VUTF__IDENTITY__EMAIL_VERIFICATION", "required")
            .with("VUTF__IDENTITY__LINKS__PAUSE", "0s")
            .with("VUTF__IDENTITY__SESSIONS__MAX_PER_USER", "100")
            .with("VUTF__KEYS__RELOAD_INTERVAL", "1s")
            .with("VUTF__AUTHORIZATION__TWO_PERSON", "on")
            .with("VUTF__AUDIT__RETENTION__ENABLED", "true")
            .with("VUTF__AUDIT__ANALYSIS_INTERVAL", "20ms");
        let builder = world.server();
        let server = builder.spawn().unwrap();
        let api = ApiClient::named(server.base_url(), AGENT).unwrap();
        let token = server.bootstrap_token().unwrap();
        let nobody = Caller {
            id: String::new(),
            person: Person::new("admin"),
            tokens: Tokens {
                access: String::new(),
                refresh: String::new(),
                session: String::new(),
            },
        };
        let mailbox = Mailbox::new(&builder.data().join("mail"));
        let site = Site {
            _world: world,
            builder,
            server,
            api,
        };
        let mut stage = Self {
            site,
            mailbox,
            admin: nobody.clone(),
            second: nobody.clone(),
            nobody,
            asked: None,
            approved: None,
            key_of_admin: None,
            count: 0,
        };
        let steps = stage.bootstrap(&token, problems).await;
        stage.admin = stage.sign_in(stage.admin.person.clone()).await;
        stage.second = stage.made("second", &["key_custodian"]).await;
        stage.nobody = stage.made("nobody", &[]).await;
        log_scenes::tune(&stage).await;
        for purpose in ["encrypt:walk", "hmac:walk", "sign:walk"] {
            stage
                .posted("/api/v1/keys", &json!({"purpose": purpose}), 201)
                .await;
        }
        (stage, steps)
    }

    /// The refusals first: it succeeds once.
    async fn bootstrap(&mut self, token: &str, problems: &mut Vec<String>) -> Vec<Step> {
        let endpoint = audited().next().unwrap();
        assert_eq!(endpoint.path, "/api/v1/bootstrap", "it comes first");
        let Person {
            username,
            email,
            password,
        } = self.admin.person.clone();
        let body =
            |token: &str| json!({"token": token, "username": username, "email": email, "password": password});
        let mut steps = Vec::new();
        for (status, token) in [
            (400, token),
            (413, token),
            (415, token),
            (401, "wrong"),
            (201, token),
            (409, token),
        ] {
            let wish = Wish::to(endpoint.path)
                .json(body(token))
                .spoiled(endpoint, status);
            take(self, endpoint, &wish, status, &mut steps, problems).await;
        }
        steps
    }

    pub(super) fn next_id(&mut self) -> String {
        format!("walk-{}", self.next())
    }
    /// What a command beside the service answers.
    pub(super) fn command(&self, arguments: &[&str]) -> Value {
        let done = self.site.builder.command(arguments).unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap()
    }
    pub(super) fn next(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    /// An account of its own for a scene.
    pub(super) async fn someone(&mut self) -> Caller {
        let name = format!("person{}", self.next());
        self.made(&name, &[]).await
    }

    /// The same with a role that demands a second factor.
    pub(super) async fn auditor(&mut self) -> Caller {
        let name = format!("auditor{}", self.next());
        self.made(&name, &["auditor"]).await
    }

    /// Somebody new, who is signed in by a cookie.
    pub(super) async fn browser(&mut self) -> Browser {
        let caller = self.someone().await;
        let body = json!({"username": caller.person.username, "password": caller.person.password});
        let call = self.site.api.post("/api/v1/auth/session").json(&body);
        let answer = call.expect(200).await.unwrap();
        Browser {
            id: caller.id,
            cookies: answer.cookies(),
            csrf: answer.json().unwrap()["csrf_token"].as_str().unwrap().to_owned(),
        }
    }

    pub(super) async fn made(&self, name: &str, roles: &[&str]) -> Caller {
        let person = Person::new(name);
        let body = json!({
            "username": person.username, "email": person.email, "password": person.password, "roles": roles,
        });
        self.posted("/api/v1/users", &body, 201).await;
        self.sign_in(person).await
    }

    pub(super) async fn sign_in(&self, person: Person) -> Caller {
        let tokens = self.site.api.login(&person).expect(200).await.unwrap();
        let tokens = tokens.tokens().unwrap();
        let me = self.site.api.me(&tokens).expect(200).await.unwrap();
        Caller {
            id: me.id().unwrap(),
            person,
            tokens,
        }
    }

    /// By the administrator, who must succeed.
    pub(super) async fn posted(&self, path: &str, body: &Value, status: u16) -> Value {
        let call = self
            .site
            .api
            .post(path)
            .bearer(&self.admin.tokens.access)
            .json(body);
        call.expect(status).await.unwrap().json().unwrap_or_default()
    }

    /// The token of the first mail of its kind to somebody.
    pub(super) async fn token(&self, kind: &str, to: &Person) -> String {
        self.mailbox.token(kind, &to.email).await.unwrap()
    }

    /// The entity tag of what is at `path` now.
    pub(super) async fn tag(&self, path: &str) -> String {
        let call = self.site.api.get(path).bearer(&self.admin.tokens.access);
        let answer = call.expect(200).await.unwrap();
        answer.header("etag").unwrap().to_owned()
    }

    /// A new key; its id.
    pub(super) async fn key(&mut self, kind: &str, active: bool) -> String {
        let purpose = format!("{kind}:k{}", self.next());
        self.key_for(&purpose, active).await
    }
    pub(super) async fn key_for(&self, purpose: &str, active: bool) -> String {
        let body = json!({"purpose": purpose, "activate": active});
        let made = self.posted("/api/v1/keys", &body, 201).await;
        made["id"].as_str().unwrap().to_owned()
    }
    pub(super) async fn act(&self, key: &str, verb: &str, status: u16) -> Value {
        let path = format!("/api/v1/keys/{key}/{verb}");
        self.posted(&path, &scenes::why(), status).await
    }

    /// The active key for a purpose that the service itself needs.
    pub(super) async fn own_key(&self, purpose: &str) -> String {
        let list = self
            .site
            .api
            .get("/api/v1/keys")
            .bearer(&self.admin.tokens.access);
        let list = list.expect(200).await.unwrap().json().unwrap();
        let mut all = list["items"].as_array().unwrap().iter();
        let found = all.find(|key| key["purpose"] == purpose && key["state"] == "active");
        found.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// An open request to destroy a key; its id.
    pub(super) async fn request(&mut self) -> String {
        let key = self.key("hmac", true).await;
        self.act(&key, "deactivate", 200).await;
        let request = self.act(&key, "destroy", 202).await;
        let id = request["id"].as_str().unwrap().to_owned();
        self.asked = Some(id.clone());
        id
    }

    /// A job that is under way, slow enough to stay so; its id.
    pub(super) async fn job(&mut self) -> String {
        self.no_job().await;
        let key = self.own_key("field:passwords").await;
        let rotate = format!("/api/v1/keys/{key}/rotate");
        let call = self.site.api.post(&rotate).bearer(&self.admin.tokens.access);
        call.expect(200).await.unwrap();
        let job = self.posted("/api/v1/keys/jobs", &scenes::work(), 202).await;
        job["id"].as_str().unwrap().to_owned()
    }

    /// Ends whatever job is under way.
    pub(super) async fn no_job(&self) {
        let list = self
            .site
            .api
            .get("/api/v1/keys/jobs")
            .bearer(&self.admin.tokens.access);
        let list = list.expect(200).await.unwrap().json().unwrap();
        for job in list["items"].as_array().unwrap() {
            let over = ["done", "failed", "cancelled"]
                .iter()
                .any(|state| job["state"] == *state);
            if !over {
                let path = format!("/api/v1/keys/jobs/{}/cancel", job["id"].as_str().unwrap());
                let call = self.site.api.post(&path).bearer(&self.admin.tokens.access);
                // It may have come to its end meanwhile.
                call.send().await.unwrap();
            }
        }
    }

    /// RFC 3339.
    pub(super) fn in_an_hour() -> String {
        let now = vutf_kernel::Ambient::system().now();
        now.plus(std::time::Duration::from_hours(1)).rfc3339()
    }

    /// Any event's id.
    pub(super) async fn event(&self) -> String {
        let call = self.site.api.get("/api/v1/audit/events?limit=1");
        let found = call.bearer(&self.admin.tokens.access).expect(200).await.unwrap();
        found.json().unwrap()["items"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(super) fn remember(&mut self, endpoint: &Endpoint, answer: &Answer) {
        if endpoint.path == "/api/v1/keys/requests/{id}/approve" && answer.status == 200 {
            self.approved = self.asked.clone();
        }
    }

    /// The same service with a budget of one call of each class and registration closed: what is refused there, and its log.
    pub(super) async fn restrained(mut self, problems: &mut Vec<String>) -> (Vec<Step>, Log) {
        assert_eq!(self.site.server.terminate().unwrap(), Some(0));
        let strict = |builder: ServerBuilder| {
            let budgets = [
                "DEFAULT",
                "LOGIN",
                "REGISTER",
                "REFRESH",
                "PASSWORD_RESET",
                "PASSWORD_STRENGTH",
                "EXPORT",
                "USER_LIST",
                "USER_CREATE",
                "KEY_CREATE",
                "ADMIN",
                "CRYPTO",
            ];
            let builder = builder
                .env("VUTF__RATE_LIMIT__ENABLED", "true")
                .env("VUTF__IDENTITY__REGISTRATION", "closed");
            budgets.iter().fold(builder, |builder, name| {
                builder.env(&format!("VUTF__RATE_LIMIT__{name}"), "1")
            })
        };
        let open = self.site.builder.clone();
        let mut steps = self.silent(&open, problems).await;
        self.site.builder = strict(open.clone());
        self.restart();
        // What ends a session is refused for its number then.
        self.site.api.me(&self.admin.tokens).expect(200).await.unwrap();
        for endpoint in audited() {
            self.exhaust(endpoint, &mut steps, problems).await;
        }
        // Nobody could ask for the log under these budgets.
        assert_eq!(self.site.server.terminate().unwrap(), Some(0));
        self.site.builder = open;
        self.restart();
        let log = exported(&self.site, &self.admin).await;
        (steps, log)
    }

    /// The same service without mail, where one person is enough: what cannot be done there, and what can.
    async fn silent(&mut self, open: &ServerBuilder, problems: &mut Vec<String>) -> Vec<Step> {
        let builder = open.clone().env("VUTF__MAIL__DELIVERY", "off");
        self.site.builder = builder.env("VUTF__AUTHORIZATION__TWO_PERSON", "off");
        self.restart();
        let mut steps = Vec::new();
        for endpoint in audited().filter(|endpoint| endpoint.path == DONE_ELSEWHERE) {
            let wish = scenes::wish(self, endpoint, 200).await;
            take(self, endpoint, &wish, 200, &mut steps, problems).await;
        }
        let in_need = |endpoint: &&Endpoint| {
            REFUSED_ELSEWHERE.contains(&endpoint.path) && !endpoint.path.ends_with("/register")
        };
        for endpoint in audited().filter(in_need) {
            let wish = scenes::wish(self, endpoint, 202).await;
            take(self, endpoint, &wish, 403, &mut steps, problems).await;
        }
        assert_eq!(self.site.server.terminate().unwrap(), Some(0));
        steps
    }

    fn restart(&mut self) {
        self.site.server = self.site.builder.spawn().unwrap();
        self.site.api = self.site.api.at(self.site.server.base_url());
    }

    async fn exhaust(
        &mut self,
        endpoint: &'static Endpoint,
        steps: &mut Vec<Step>,
        problems: &mut Vec<String>,
    ) {
        if endpoint.rate == RateClass::Unlimited {
            return;
        }
        let path = endpoint
            .path
            .replace("{id}", UNKNOWN)
            .replace("{purpose}", "field:users")
            .replace("{rule}", "guessing-burst");
        let wish = match endpoint.access {
            Access::Anonymous => Wish::to(path),
            Access::Session | Access::Permission(_) => Wish::to(path).by(&self.admin),
        };
        if endpoint.path == "/api/v1/auth/register" {
            let person = Person::new("late");
            let closed = wish.clone().json(scenes::account(&person));
            take(self, endpoint, &closed, 403, steps, problems).await;
        }
        // At most one is within the budget of the class.
        for _ in 0..2 {
            let request_id = self.next_id();
            let answer = wish.send(&self.site.api, endpoint, &request_id).await;
            if answer.status == TOO_MANY {
                steps.push(Step {
                    endpoint,
                    what: What::Answer,
                    request_id,
                    status: TOO_MANY,
                    user: wish.user,
                    by_key: false,
                });
                return;
            }
        }
        problems.push(format!("{} is not limited", endpoint.path));
    }
}

async fn exported(site: &Site, admin: &Caller) -> Log {
    let admin = Admin {
        person: admin.person.clone(),
        tokens: admin.tokens.clone(),
    };
    sequenced(&site.api, &admin).await;
    let done = site.builder.command(&["audit", "export"]).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Log::parse(&String::from_utf8(done.stdout).unwrap())
}
