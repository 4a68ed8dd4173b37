//! Sinks of the audit log against real receivers, and exports by request.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use vutf_audit::{Anchor, GENESIS, chain_after, export::Format};
use vutf_testkit::{
    certificates::Certificates,
    client::{Answer, ApiClient},
    process::{ServerBuilder, ServerProcess},
    sql,
};

use super::{
    Admin, World, eventually,
    export_receivers::{HttpReceiver, SyslogServer},
    world::{lag, metric},
};

/// Sinks that look and try again at once.
fn quick(world: &World) -> ServerBuilder {
    world
        .server()
        .env("VUTF__AUDIT__EXPORT__INTERVAL", "10ms")
        .env("VUTF__AUDIT__EXPORT__LONGEST_PAUSE", "1s")
        .env("VUTF__AUDIT__EXPORT__BATCH", "3")
}

/// Some events.
async fn act(server: &ServerProcess, times: usize) {
    let api = ApiClient::new(server.base_url()).unwrap();
    for _ in 0..times {
        api.get("/api/v1/users").expect(401).await.unwrap();
    }
}

/// So many entries were acknowledged to this process, and none waits.
async fn caught_up(server: &ServerProcess, sink: &str, at_least: i64) {
    let management = ApiClient::new(server.management_url()).unwrap();
    let series = format!("vutf_audit_exported_total{{sink=\"{sink}\"}}");
    eventually("everything is exported", async || {
        metric(&management, &series)
            .await
            .is_some_and(|count| count >= at_least)
            && lag(&management, sink).await == Some(0)
    })
    .await;
}

fn unhex(text: &str) -> [u8; 32] {
    format!("0:{text}").parse::<Anchor>().unwrap().chain
}

/// `(seq, previous, leaf hash, chain)` of records, which may repeat: dense from 0 on, in order, and chained.
fn assert_chained(records: &[[String; 4]]) -> i64 {
    let mut chains = vec![GENESIS];
    for [seq, previous, leaf, chain] in records {
        let seq: usize = seq.parse().unwrap();
        assert!(seq < chains.len(), "{seq} after {}", chains.len());
        assert_eq!(*previous, hex::encode(chains[seq]), "{seq}");
        let next = chain_after(&chains[seq], &unhex(leaf));
        assert_eq!(*chain, hex::encode(next), "{seq}");
        if seq + 1 == chains.len() {
            chains.push(next);
        }
    }
    i64::try_from(chains.len()).unwrap() - 1
}

/// The chain in a syslog message.
fn in_syslog(message: &str) -> [String; 4] {
    ["seq", "prev", "leaf", "chain"].map(|name| {
        let (_, rest) = message.split_once(&format!(" {name}=\"")).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    })
}

/// The chain in an OCSF record.
fn in_ocsf(record: &Value) -> [String; 4] {
    let vutf = &record["unmapped"]["vutf"];
    ["seq", "previous", "leaf_hash", "chain"].map(|name| match &vutf[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn syslog_over_tls_goes_on_behind_what_a_receiver_had_before_it_was_down() {
    let certificates = Certificates::make().unwrap();
    let receiver = SyslogServer::start(&certificates, 0).await;
    let port = receiver.port;
    let path = |name: &str| certificates.path(name).to_string_lossy().into_owned();
    let world = World::sqlite();
    let site = quick(&world)
        .env(
            "VUTF__AUDIT__EXPORT__SYSLOG__ADDRESS",
            &format!("localhost:{port}"),
        )
        .env("VUTF__AUDIT__EXPORT__SYSLOG__CA_FILE", &path("authority.pem"))
        .env("VUTF__AUDIT__EXPORT__SYSLOG__CERT_FILE", &path("client.pem"))
        .env("VUTF__AUDIT__EXPORT__SYSLOG__KEY_FILE", &path("client.key"));
    let mut server = site.spawn().unwrap();
    act(&server, 20).await;
    caught_up(&server, "syslog", 20).await;
    eventually("the receiver has read", async || {
        receiver.messages.lock().unwrap().len() >= 20
    })
    .await;
    assert_eq!(
        receiver.connections.load(Ordering::SeqCst),
        1,
        "one connection for all"
    );
    let mut all = receiver.stop().await;

    act(&server, 10).await;
    let management = ApiClient::new(server.management_url()).unwrap();
    let failures = async || metric(&management, "vutf_audit_export_failures_total{sink=\"syslog\"}").await;
    eventually("it fails", async || {
        failures().await.is_some_and(|count| count > 0)
    })
    .await;
    assert!(
        lag(&management, "syslog").await.unwrap() > 0,
        "what waits is told"
    );
    let sinks = site.command(&["audit", "sinks", "list", "--json"]).unwrap();
    let sinks: Value = serde_json::from_slice(&sinks.stdout).unwrap();
    assert!(
        sinks["sinks"][0]["problem"]
            .as_str()
            .unwrap()
            .contains("localhost"),
        "{sinks}"
    );
    assert_eq!(server.readiness().unwrap().0, 200, "nobody else notices");

    let receiver = SyslogServer::start(&certificates, port).await;
    caught_up(&server, "syslog", 30).await;
    act(&server, 5).await;
    caught_up(&server, "syslog", 35).await;
    let head = server.terminate().unwrap();
    assert_eq!(head, Some(0));
    eventually("the receiver has read", async || {
        let messages = receiver.messages.lock().unwrap();
        messages
            .last()
            .is_some_and(|last| in_syslog(last)[0].parse::<i64>().unwrap() > 35)
    })
    .await;
    all.extend(receiver.stop().await);
    let chains: Vec<_> = all.iter().map(|message| in_syslog(message)).collect();
    assert!(
        assert_chained(&chains) > 35,
        "dense, in order, chained, over the time that it was down"
    );
    assert!(all[0].contains("CEF:0|ViolentUTF|violentutf-api|"), "{}", all[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_under_another_authority_gets_nothing() {
    let certificates = Certificates::make().unwrap();
    let receiver = SyslogServer::start(&certificates, 0).await;
    let path = |name: &str| certificates.path(name).to_string_lossy().into_owned();
    let world = World::sqlite();
    let site = quick(&world)
        .env(
            "VUTF__AUDIT__EXPORT__SYSLOG__ADDRESS",
            &format!("localhost:{}", receiver.port),
        )
        .env("VUTF__AUDIT__EXPORT__SYSLOG__CA_FILE", &path("another.pem"));
    let server = site.spawn().unwrap();
    act(&server, 3).await;
    let management = ApiClient::new(server.management_url()).unwrap();
    let failures = async || metric(&management, "vutf_audit_export_failures_total{sink=\"syslog\"}").await;
    eventually("it fails again and again", async || {
        failures().await.is_some_and(|count| count > 1)
    })
    .await;
    assert_eq!(receiver.connections.load(Ordering::SeqCst), 0);
    assert!(receiver.stop().await.is_empty());
    assert!(
        server.logs().contains("invalid peer certificate"),
        "{}",
        server.logs()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_and_logs_by_http_are_sent_until_they_are_acknowledged() {
    let (lines, logs) = (HttpReceiver::start(), HttpReceiver::start());
    lines.seen.refuses_with.store(503, Ordering::SeqCst);
    logs.seen.rejects.store(true, Ordering::SeqCst);
    let world = World::sqlite();
    let site = quick(&world)
        .env(
            "VUTF__AUDIT__EXPORT__HTTP__URL",
            &format!("http://127.0.0.1:{}/in", lines.port),
        )
        .env(
            "VUTF__AUDIT__EXPORT__HTTP__AUTHORIZATION",
            "Splunk planted-secret",
        )
        .env(
            "VUTF__AUDIT__EXPORT__OTLP__URL",
            &format!("http://127.0.0.1:{}", logs.port),
        );
    let server = site.spawn().unwrap();
    act(&server, 10).await;
    eventually("both are tried again", async || {
        let refused = |seen: &super::export_receivers::Seen| seen.refused.load(Ordering::SeqCst) > 1;
        refused(&lines.seen) && refused(&logs.seen)
    })
    .await;
    assert!(lines.seen.bodies.lock().unwrap().is_empty());
    lines.seen.refuses_with.store(0, Ordering::SeqCst);
    logs.seen.rejects.store(false, Ordering::SeqCst);
    caught_up(&server, "http", 11).await;
    caught_up(&server, "otlp", 11).await;

    let bodies = lines.seen.bodies.lock().unwrap().clone();
    let mut chains = Vec::new();
    for [path, media, authorization, body] in &bodies {
        assert_eq!(
            [path, media, authorization],
            ["/in", "application/x-ndjson", "Splunk planted-secret"]
        );
        chains.extend(
            body.lines()
                .map(|line| in_ocsf(&serde_json::from_str(line).unwrap())),
        );
    }
    assert!(assert_chained(&chains) > 10);
    let bodies = logs.seen.bodies.lock().unwrap().clone();
    let mut chains = Vec::new();
    for [path, media, _, body] in &bodies {
        assert_eq!([path, media], ["/v1/logs", "application/json"]);
        let request: Value = serde_json::from_str(body).unwrap();
        let records = &request["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
        let records = records.as_array().unwrap().iter();
        chains.extend(records.map(|log| {
            in_ocsf(&serde_json::from_str(log["body"]["stringValue"].as_str().unwrap()).unwrap())
        }));
    }
    assert!(assert_chained(&chains) > 10);
    assert!(!server.logs().contains("planted-secret"));
    lines.stop().await;
    logs.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_does_not_follow_is_not_exported_until_an_operator_decides() {
    let world = World::sqlite();
    let file = world.home().join("audit.jsonl");
    let site = quick(&world).env("VUTF__AUDIT__EXPORT__FILE__PATH", &file.to_string_lossy());
    let mut server = site.spawn().unwrap();
    act(&server, 10).await;
    caught_up(&server, "file", 10).await;
    assert_eq!(server.terminate().unwrap(), Some(0));
    let before = std::fs::read_to_string(&file).unwrap();
    // Another log's token, as after a restore.
    let forged = "UPDATE audit_exports SET chain = zeroblob(32) WHERE sink = 'file'";
    sql::execute(&world.database_url(), forged).await.unwrap();

    let mut server = site.spawn().unwrap();
    act(&server, 5).await;
    let management = ApiClient::new(server.management_url()).unwrap();
    let refused = async || metric(&management, "vutf_audit_export_refused{sink=\"file\"}").await;
    eventually("it stands", async || refused().await == Some(1)).await;
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        before,
        "nothing was written"
    );
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let events = api.events("audit.sink_gap", &admin.tokens).await.unwrap();
    assert_eq!(events.len(), 1, "told once");
    assert_eq!(events[0]["outcome"]["result"], "refused");
    assert_eq!(events[0]["details"]["sink"], "file");
    // Answers are shared for a moment.
    eventually("readiness says so", async || {
        let answer = management.get("/health/ready").expect(200).await.unwrap();
        let checks = answer.json().unwrap();
        checks["status"] == "degraded" && checks["checks"]["audit_export"]["status"] == "failed"
    })
    .await;

    let last = before.lines().count() - 1;
    let reset = ["audit", "sinks", "reset", "file", "--after", &last.to_string()];
    assert!(site.command(&reset).unwrap().status.success());
    caught_up(&server, "file", 5).await;
    eventually("it is told", async || refused().await == Some(0)).await;
    let after = std::fs::read_to_string(&file).unwrap();
    let seqs = after.lines().map(|line| {
        serde_json::from_str::<Value>(line).unwrap()["seq"]
            .as_u64()
            .unwrap()
    });
    let count = u64::try_from(after.lines().count()).unwrap();
    assert!(
        after.starts_with(&before) && seqs.eq(0..count),
        "it goes on where it stood"
    );
    let events = api.events("audit.sink_reset", &admin.tokens).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(server.terminate().unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_is_taken_by_request_and_the_next_goes_on_behind_it() {
    let world = World::sqlite();
    let server = world.server().spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    act(&server, 12).await;
    super::world::sequenced(&api, &admin).await;
    let header = |answer: &Answer, name: &str| {
        let value = answer.headers.get(name);
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    let take = async |body: &Value| {
        let call = api.post("/api/v1/audit/exports").bearer(&admin.tokens.access);
        call.json(body).send().await.unwrap()
    };
    let (mut chains, mut body) = (Vec::new(), json!({"format": "ocsf", "limit": 5}));
    for _ in 0..3 {
        let part = take(&body).await;
        assert_eq!(part.status, 200, "{}", String::from_utf8_lossy(&part.body));
        assert_eq!(
            header(&part, "content-type").as_deref(),
            Some("application/x-ndjson")
        );
        assert_eq!(header(&part, "vutf-export-count").as_deref(), Some("5"));
        let text = String::from_utf8(part.body.clone()).unwrap();
        chains.extend(
            text.lines()
                .map(|line| in_ocsf(&serde_json::from_str(line).unwrap())),
        );
        let last = chains.last().unwrap();
        assert_eq!(header(&part, "vutf-export-last-seq").as_ref(), Some(&last[0]));
        let resume = header(&part, "vutf-export-resume").unwrap();
        assert_eq!(resume, format!("{}:{}", last[0], last[3]));
        body = json!({"format": "ocsf", "limit": 5, "resume": resume});
    }
    assert_eq!(assert_chained(&chains), 15);
    let events = api.events("audit.export", &admin.tokens).await.unwrap();
    assert_eq!(events.len(), 3);
    assert_eq!(events[0]["details"]["first_seq"], 0);
    assert_eq!(events[0]["details"]["sha256"].as_str().unwrap().len(), 64);

    let refused = take(&json!({"filter": {"action": "user.list", "outcome": "refused"}})).await;
    let text = String::from_utf8(refused.body).unwrap();
    assert!(!text.is_empty() && text.lines().all(|line| line.contains("\"action\":\"user.list\"")));
    for format in Format::ALL {
        assert_eq!(
            take(&json!({"format": format.as_str(), "limit": 1})).await.status,
            200,
            "{format}"
        );
    }

    let foreign = take(&json!({"resume": format!("3:{}", "0".repeat(64))})).await;
    assert_eq!(
        (foreign.status, foreign.json().unwrap()["code"].as_str()),
        (409, Some("VUTF_EXPORT_GAP"))
    );
    let wrong = take(&json!({
        "format": "xml", "resume": "3:x", "from_seq": -1, "limit": 0, "filter": {"outcome": "lost"}
    }))
    .await;
    let problem = wrong.json().unwrap();
    assert_eq!(problem["code"], "VUTF_INVALID_VALUE", "{problem}");
    let errors = problem["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    let expected = [
        "/format",
        "/resume",
        "/from_seq",
        "/from_seq",
        "/limit",
        "/filter/outcome",
    ];
    assert_eq!(pointers, expected);
    let unknown = take(&json!({"fromat": "ocsf"})).await;
    assert_eq!(unknown.status / 100, 4);
}
