//! What never becomes a request, on a real socket.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use vutf_server::http::{self, Bounds, listen};

use super::world::world;

async fn serve() -> SocketAddr {
    let world = world(&[]).await;
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let bounds = Bounds {
        workers: 1,
        connections: 100,
        header_timeout: Duration::from_millis(500),
        keep_alive: Duration::from_secs(5),
        grace: Duration::from_secs(1),
    };
    let server = listen(socket, bounds, &world.state, http::configure).unwrap();
    tokio::spawn(server);
    address
}

/// Every answer on the connection: status line and body.
async fn say(address: SocketAddr, bytes: &[u8]) -> Vec<(String, Value)> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The service may close before it has read everything.
    let _sent = stream.write_all(bytes).await;
    let mut all = Vec::new();
    let _ended = stream.read_to_end(&mut all).await;
    let text = String::from_utf8(all).unwrap();
    let mut rest = text.as_str();
    let mut answers = Vec::new();
    while let Some((head, tail)) = rest.split_once("\r\n\r\n") {
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let (body, next) = tail.split_at(length);
        answers.push((
            head.lines().next().unwrap().to_owned(),
            serde_json::from_str(body).unwrap_or_default(),
        ));
        rest = next;
    }
    answers
}

#[actix_web::test]
async fn heads_that_cannot_be_read_get_a_document() {
    let address = serve().await;
    let large = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(300_000));
    for (bytes, status, code) in [
        (&b"nonsense\r\n\r\n"[..], 400, "VUTF_BAD_REQUEST"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "VUTF_BAD_REQUEST"),
        (
            b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
            400,
            "VUTF_BAD_REQUEST",
        ),
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            400,
            "VUTF_BAD_REQUEST",
        ),
        (large.as_bytes(), 431, "VUTF_HEADERS_TOO_LARGE"),
        (b"GET / HTTP/1.1\r\nhost:", 408, "VUTF_REQUEST_TIMEOUT"),
    ] {
        let answers = say(address, bytes).await;
        let (line, body) = answers.first().expect("an answer");
        assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{line}");
        assert_eq!(
            (body["status"].as_u64(), body["code"].as_str()),
            (Some(status), Some(code))
        );
        assert!(body["request_id"].is_string());
    }
}

#[actix_web::test]
async fn what_was_asked_before_is_answered_first() {
    let address = serve().await;
    let answers = say(
        address,
        b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\nnonsense\r\n\r\n",
    )
    .await;
    let lines: Vec<_> = answers.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!(lines, ["HTTP/1.1 200 OK", "HTTP/1.1 400 Bad Request"]);
    assert_eq!(answers[0].1["status"], "alive");
    assert_eq!(answers[1].1["code"], "VUTF_BAD_REQUEST");
}
