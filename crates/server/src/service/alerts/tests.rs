//! The ways, over real sockets.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};
use vutf_audit::analysis::{
    Engine, Limits, RuleSet, Vitals,
    alert::{AlertSink as _, Attempt, QueuedAlert, Sink, Undelivered, verify_signature},
};
use vutf_kernel::{Clock as _, SystemClock, Timestamp};

use super::{judged, webhook::Webhook};
use crate::config::{Alerts, ConfigErrors, Loaded, Sources, load};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn settings(url: &str) -> Alerts {
    let loaded = with(&[
        ("audit.alerts.webhook_url", url),
        ("audit.alerts.webhook_secret", SECRET),
        ("audit.alerts.webhook_timeout", "500ms"),
        ("audit.alerts.attempts", "3"),
        ("audit.alerts.first_pause", "1s"),
    ]);
    loaded.unwrap().config.audit.alerts
}

/// Settings from the environment: secrets are not taken from flags.
fn with(settings: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let env = settings.iter().map(|(path, value)| {
        let name = format!("VUTF__{}", path.to_uppercase().replace('.', "__"));
        (name.into(), (*value).into())
    });
    load(&Sources {
        env: env.collect(),
        ..Sources::default()
    })
}

fn alert() -> QueuedAlert {
    let at = SystemClock.now();
    let rules = std::sync::Arc::new(RuleSet::built_in().unwrap());
    let vitals = Vitals {
        at,
        answered: 0,
        pending: 1,
        oldest_pending: Some(at.minus(Duration::from_hours(1))),
    };
    let mut found = Engine::new(rules, Limits::default()).watch(&vitals);
    QueuedAlert {
        detection: found.remove(0),
        sink: Sink::Webhook,
        attempts: 0,
        queued_at: at,
    }
}

/// Answers one request, and tells its head and body.
async fn receiver(answer: &'static str) -> (String, JoinHandle<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4_096]);
        loop {
            let read = socket.read(&mut buffer).await.unwrap();
            bytes.extend_from_slice(&buffer[..read]);
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.unwrap().parse().unwrap();
            if bytes.len() >= end + 4 + length {
                socket.write_all(answer.as_bytes()).await.unwrap();
                return (head, bytes[end + 4..].to_vec());
            }
        }
    });
    (url, task)
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let start = format!("{name}: ");
    head.lines().find_map(|line| line.strip_prefix(&start)).unwrap()
}

#[tokio::test]
async fn a_finding_is_posted_and_signed() {
    let (url, taken) = receiver("HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").await;
    let webhook = Webhook::new(&settings(&url)).unwrap().unwrap();
    let alert = alert();
    webhook.deliver(&alert).await.unwrap();
    let (head, body) = taken.await.unwrap();
    assert!(head.starts_with("post /hook http/1.1"), "{head}");
    let now = SystemClock.now().as_secs();
    let signature = header(&head, "x-vutf-signature");
    assert!(
        verify_signature(SECRET.as_bytes(), signature, &body, now, 60),
        "{signature}"
    );
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told["finding"]["class_uid"], 2004);
    assert_eq!(told["id"], alert.detection.id.to_string());
    assert_eq!(header(&head, "x-vutf-finding"), alert.detection.id.to_string());
    assert!(!head.contains(SECRET) && !String::from_utf8_lossy(&body).contains(SECRET));
}

#[tokio::test]
async fn no_redirect_is_followed_and_nothing_is_repeated_of_an_answer() {
    for (answer, is_final) in [
        (
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/secret-words\r\ncontent-length: 0\r\n\r\n",
            false,
        ),
        ("HTTP/1.1 500 Oh\r\ncontent-length: 12\r\n\r\nsecret-words", false),
        ("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", true),
    ] {
        let (url, taken) = receiver(answer).await;
        let webhook = Webhook::new(&settings(&url)).unwrap().unwrap();
        let refused = webhook.deliver(&alert()).await.unwrap_err();
        assert_eq!(refused.is_final, is_final, "{refused}");
        assert!(!refused.reason.contains("secret-words"), "{refused}");
        taken.await.unwrap();
    }
}

#[tokio::test]
async fn a_receiver_that_says_nothing_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let webhook = Webhook::new(&settings(&url)).unwrap().unwrap();
    let alert = alert();
    let done = tokio::time::timeout(Duration::from_secs(20), webhook.deliver(&alert)).await;
    assert!(!done.unwrap().unwrap_err().is_final);
}

#[test]
fn attempts_are_bounded_and_pauses_grow() {
    let (settings, now) = (settings("http://127.0.0.1:1/"), Timestamp::from_secs(1_000));
    let failed = || Err(Undelivered::for_now("away"));
    let mut alert = alert();
    let mut pauses = Vec::new();
    while let Attempt::Again { at, .. } = judged(&settings, &alert, failed(), now) {
        pauses.push(at.since(now));
        alert.attempts += 1;
    }
    assert_eq!(pauses.len(), 2, "three attempts in all: {pauses:?}");
    assert!(pauses.iter().all(|pause| *pause >= Duration::from_secs(1)));
    alert.attempts = 0;
    let never = judged(&settings, &alert, Err(Undelivered::for_good("gone")), now);
    assert!(matches!(never, Attempt::Parked { .. }));
    assert_eq!(judged(&settings, &alert, Ok(()), now), Attempt::Sent);
}

#[test]
fn what_would_go_in_the_clear_or_unsigned_is_refused() {
    let (url, secret) = ("audit.alerts.webhook_url", "audit.alerts.webhook_secret");
    for (settings, path) in [
        (vec![(url, "http://siem.example.org/"), (secret, SECRET)], url),
        (vec![(url, "https://siem.example.org/")], secret),
        (
            vec![(url, "https://siem.example.org/"), (secret, "short")],
            secret,
        ),
        (
            vec![
                ("audit.alerts.mail_to", "nobody"),
                ("mail.host", "localhost"),
                ("mail.from", "a@example.org"),
            ],
            "audit.alerts.mail_to",
        ),
        (vec![("audit.alerts.mail_to", "a@example.org")], "mail.host"),
        (
            vec![
                ("mail.host", "mail.example.org"),
                ("mail.from", "a@example.org"),
                ("mail.security", "none"),
            ],
            "mail.security",
        ),
        (vec![("mail.host", "localhost")], "mail.from"),
    ] {
        let told = with(&settings).unwrap_err().to_string();
        assert!(told.contains(path), "{settings:?}: {told}");
    }
    with(&[
        (url, "http://siem.example.org/"),
        (secret, SECRET),
        ("private_network", "true"),
    ])
    .unwrap();
}
