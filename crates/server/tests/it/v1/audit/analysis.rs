//! Findings and rules over HTTP, and alerts, against the real binary on both databases.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};
use vutf_audit::analysis::alert::verify_signature;
use vutf_kernel::{Clock as _, SystemClock};
use vutf_testkit::{
    client::{Answer, ApiClient, Person},
    process::{ServerBuilder, ServerProcess},
};

use crate::e2e::world::{Admin, World, eventually};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const RULES: &str = "/api/v1/audit/rules/guessing-burst";

struct Site {
    _world: World,
    builder: ServerBuilder,
    server: ServerProcess,
    api: ApiClient,
    admin: Admin,
    posts: mpsc::UnboundedReceiver<(String, Vec<u8>)>,
}

/// Refuses the first request with 500 and takes the others.
async fn receiver() -> (String, mpsc::UnboundedReceiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, posts) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut seen = 0;
        while let Ok((mut socket, _)) = listener.accept().await {
            let (mut bytes, mut buffer) = (Vec::new(), [0; 8_192]);
            while let Ok(read @ 1..) = socket.read(&mut buffer).await {
                bytes.extend_from_slice(&buffer[..read]);
                let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                    continue;
                };
                let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "));
                if bytes.len() < end + 4 + length.map_or(0, |length| length.parse::<usize>().unwrap()) {
                    continue;
                }
                let status = if seen == 0 {
                    "500 Not now"
                } else {
                    "204 No Content"
                };
                seen += 1;
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _answered = socket.write_all(answer.as_bytes()).await;
                let _gone = sender.send((head, bytes[end + 4..].to_vec()));
                break;
            }
        }
    });
    (url, posts)
}

impl Site {
    async fn on(world: World) -> Self {
        let (url, posts) = receiver().await;
        let world = world
            .with("VUTF__RATE_LIMIT__ENABLED", "false")
            .with("VUTF__AUDIT__ANALYSIS_INTERVAL", "50ms")
            .with("VUTF__AUDIT__ALERTS__WEBHOOK_URL", &url)
            .with("VUTF__AUDIT__ALERTS__WEBHOOK_SECRET", SECRET)
            .with("VUTF__AUDIT__ALERTS__FIRST_PAUSE", "10ms");
        let builder = world.server();
        let server = builder.spawn().unwrap();
        let api = ApiClient::new(server.base_url()).unwrap();
        let admin = Admin::bootstrap(&server, &api).await;
        Self {
            _world: world,
            builder,
            server,
            api,
            admin,
            posts,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.api
            .get(path)
            .bearer(&self.admin.tokens.access)
            .send()
            .await
            .unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let call = self.api.post(path).bearer(&self.admin.tokens.access).json(body);
        call.send().await.unwrap()
    }

    async fn patch(&self, path: &str, tag: &str, body: &Value) -> Answer {
        let call = self.api.patch(path).bearer(&self.admin.tokens.access).json(body);
        call.header("if-match", tag).send().await.unwrap()
    }

    /// Somebody's password is guessed so many times.
    async fn guess(&self, person: &Person, times: usize) {
        let wrong = Person {
            username: person.username.clone(),
            email: person.email.clone(),
            password: "not the pass phrase at all".to_owned(),
        };
        for _ in 0..times {
            assert_eq!(self.api.login(&wrong).send().await.unwrap().status, 401);
        }
    }

    async fn person(&self, name: &str) -> Person {
        let person = Person::new(name);
        self.api.register(&person).expect(201).await.unwrap();
        person
    }

    async fn findings(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/audit/findings?{query}")).await;
        json_of(&answer, 200)["items"].as_array().unwrap().clone()
    }
}

#[track_caller]
fn json_of(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.json().unwrap()
}

#[track_caller]
fn refused(answer: &Answer, status: u16) -> Value {
    assert!(answer.is_problem(), "{}", answer.text());
    json_of(answer, status)
}

async fn a_guessed_password_is_found_told_and_dealt_with(mut site: Site) {
    let person = site.person("ada").await;
    site.guess(&person, 10).await;
    eventually("the finding is there", async || {
        !site
            .findings("rule=guessing-burst&status=new&severity=medium")
            .await
            .is_empty()
    })
    .await;
    let found = site.findings("rule=guessing-burst").await;
    assert_eq!((found.len(), &found[0]["events"]), (1, &json!(10)));
    let id = found[0]["id"].as_str().unwrap().to_owned();
    let detail = json_of(&site.get(&format!("/api/v1/audit/findings/{id}")).await, 200);
    assert_eq!(
        (
            &detail["ocsf"]["class_uid"],
            detail["seqs"].as_array().unwrap().len()
        ),
        (&json!(2004), 10)
    );

    // The first attempt was refused, the second taken.
    for _ in 0..2 {
        let (head, body) = site.posts.recv().await.unwrap();
        let signature = head
            .lines()
            .find_map(|line| line.strip_prefix("x-vutf-signature: "))
            .unwrap();
        let now = SystemClock.now().as_secs();
        assert!(
            verify_signature(SECRET.as_bytes(), signature, &body, now, 300),
            "{head}"
        );
        let told: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(told["id"], id.as_str());
    }
    let metrics = site.api.at(site.server.management_url());
    eventually("the outbox is empty and nothing is behind", async || {
        let text = metrics.get("/metrics").send().await.unwrap().text();
        [
            "vutf_alert_deliveries_total{result=\"sent\",sink=\"webhook\"} 1",
            "vutf_alert_deliveries_total{result=\"failed\",sink=\"webhook\"} 1",
            "vutf_alerts_pending 0",
            "vutf_findings_total{severity=\"medium\"} 1",
            "vutf_analysis_failing 0",
        ]
        .iter()
        .all(|line| text.lines().any(|told| told == *line))
    })
    .await;

    let path = format!("/api/v1/audit/findings/{id}");
    let taken = json_of(
        &site
            .post(&format!("{path}/acknowledge"), &json!({"note": "I look"}))
            .await,
        200,
    );
    assert_eq!(
        (&taken["status"], &taken["changes"][0]["note"]),
        (&json!("acknowledged"), &json!("I look"))
    );
    let again = refused(&site.post(&format!("{path}/acknowledge"), &json!({})).await, 409);
    assert_eq!(again["code"], "VUTF_FINDING_STATUS");
    let body = json!({"resolution": "false_positive"});
    let done = json_of(&site.post(&format!("{path}/resolve"), &body).await, 200);
    assert_eq!(done["status"], "false_positive");
    assert!(site.findings("status=new&rule=guessing-burst").await.is_empty());
    let events = site
        .api
        .events("audit.finding", &site.admin.tokens)
        .await
        .unwrap();
    assert_eq!(
        events
            .iter()
            .filter(|event| event["details"]["rule"] == "guessing-burst")
            .count(),
        1
    );
    let (code, out, _) = command(
        &site,
        &["audit", "findings", "--status", "false_positive", "--json"],
    );
    assert!(code == Some(0) && out.contains(&id), "{out}");
}

fn command(site: &Site, arguments: &[&str]) -> (Option<i32>, String, String) {
    let done = site.builder.command(arguments).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

async fn rules_are_tuned_silenced_and_switched(site: Site) {
    let read = site.get(RULES).await;
    let tag = read.header("etag").unwrap().to_owned();
    assert_eq!(json_of(&read, 200)["parameters"]["threshold"]["value"], 10);
    let tuned = site
        .patch(RULES, &tag, &json!({"parameters": {"threshold": 3}}))
        .await;
    let next = tuned.header("etag").unwrap().to_owned();
    assert_eq!(json_of(&tuned, 200)["parameters"]["threshold"]["value"], 3);
    assert_eq!(
        refused(&site.patch(RULES, &tag, &json!({})).await, 412)["code"],
        "VUTF_STALE_VERSION"
    );
    let until = SystemClock
        .now()
        .plus(std::time::Duration::from_hours(1))
        .rfc3339();
    let silence = json!({"until": until, "reason": "a drill"});
    let silenced = json_of(&site.post(&format!("{RULES}/silence"), &silence).await, 200);
    assert_eq!(silenced["silence"]["reason"], "a drill");
    let person = site.person("ada").await;
    site.guess(&person, 3).await;
    eventually("three are enough", async || {
        !site.findings("rule=guessing-burst").await.is_empty()
    })
    .await;
    assert_eq!(site.findings("rule=guessing-burst").await[0]["silenced"], true);
    assert_eq!(
        json_of(&site.post(&format!("{RULES}/unsilence"), &json!({})).await, 200)["silence"],
        Value::Null
    );
    let tag = site.get(RULES).await.header("etag").unwrap().to_owned();
    assert_ne!(tag, next);
    assert_eq!(
        json_of(&site.patch(RULES, &tag, &json!({"enabled": false})).await, 200)["enabled"],
        false
    );
    let events = site
        .api
        .events("audit.rule.disable", &site.admin.tokens)
        .await
        .unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["details"]["before"], json!(["enabled=true"]));
    let (code, out, _) = command(&site, &["audit", "rules", "--json"]);
    assert_eq!(code, Some(0), "{out}");
    let told: Value = serde_json::from_str(&out).unwrap();
    let own = told["rules"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["id"] == "guessing-burst");
    assert_eq!(own.unwrap()["enabled"], false);
}

/// Each refusal has its status, its code and its field.
#[track_caller]
fn all_refused(answers: &[(Answer, u16, &str, &str)]) {
    for (answer, status, code, field) in answers {
        let told = refused(answer, *status);
        assert_eq!(told["code"], *code, "{told}");
        if !field.is_empty() {
            assert_eq!(told["errors"][0]["pointer"], *field, "{told}");
        }
    }
}

async fn what_does_not_fit_a_finding_is_refused_with_its_field(site: Site) {
    let id = "01937b6e-5b5c-7d3e-8f00-000000000001";
    let (view, acknowledge, resolve) = (
        id.to_owned(),
        format!("{id}/acknowledge"),
        format!("{id}/resolve"),
    );
    let get = async |rest: &str| site.get(&format!("/api/v1/audit/findings{rest}")).await;
    let post = async |rest: &str, body: Value| {
        let path = format!("/api/v1/audit/findings/{rest}");
        site.post(&path, &body).await
    };
    let (query, gone) = ("VUTF_INVALID_QUERY", "VUTF_FINDING_NOT_FOUND");
    all_refused(&[
        (get("?status=bad").await, 400, query, "status"),
        (get("?severity=9").await, 400, query, "severity"),
        (get("?from=x").await, 400, query, "from"),
        (get("?cursor=x").await, 400, "VUTF_INVALID_CURSOR", "cursor"),
        (get("/x").await, 400, "VUTF_INVALID_PARAMETER", "id"),
        (get(&format!("/{view}")).await, 404, gone, ""),
        (post(&acknowledge, json!({})).await, 404, gone, ""),
    ]);
    let (gone, empty) = (
        json!({"resolution": "gone"}),
        json!({"resolution": "resolved", "note": ""}),
    );
    all_refused(&[
        (
            post(&resolve, gone).await,
            400,
            "VUTF_INVALID_VALUE",
            "/resolution",
        ),
        (post(&resolve, empty).await, 400, "VUTF_INVALID_VALUE", "/note"),
    ]);
}

async fn what_does_not_fit_a_rule_is_refused_with_its_field(site: Site) {
    let get = async |id: &str| site.get(&format!("/api/v1/audit/rules/{id}")).await;
    let patch = async |body: Value| site.patch(RULES, "\"v1\"", &body).await;
    let silence = async |body: Value| site.post(&format!("{RULES}/silence"), &body).await;
    let value = "VUTF_INVALID_VALUE";
    let past = json!({"until": "2001-01-01T00:00:00Z", "reason": "x"});
    all_refused(&[
        (get("NOPE").await, 400, "VUTF_INVALID_PARAMETER", "rule"),
        (get("nope").await, 404, "VUTF_RULE_NOT_FOUND", ""),
        (
            patch(json!({"parameters": {"threshold": 1}})).await,
            400,
            value,
            "/parameters/threshold",
        ),
        (
            patch(json!({"parameters": {"colour": 1}})).await,
            400,
            value,
            "/parameters/colour",
        ),
        (
            patch(json!({"colour": 1})).await,
            400,
            "VUTF_UNKNOWN_FIELD",
            "/colour",
        ),
        (silence(past).await, 400, value, "/until"),
        (
            silence(json!({"until": "2001-01-01T00:00:00Z"})).await,
            400,
            "VUTF_MISSING_FIELD",
            "",
        ),
    ]);
    let call = site
        .api
        .patch(RULES)
        .bearer(&site.admin.tokens.access)
        .json(&json!({}));
    let told = refused(&call.send().await.unwrap(), 428);
    assert_eq!(told["code"], "VUTF_PRECONDITION_REQUIRED");
}

macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(super::Site::on(super::World::sqlite()).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(world) = super::World::postgres().await {
                    super::$name(super::Site::on(world).await).await;
                }
            }
        }
    )+};
}

on_both!(
    a_guessed_password_is_found_told_and_dealt_with,
    rules_are_tuned_silenced_and_switched,
    what_does_not_fit_a_finding_is_refused_with_its_field,
    what_does_not_fit_a_rule_is_refused_with_its_field,
);
