//! Requests that no client library would send: every one is answered with a 4xx problem document, and the service goes on.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use super::World;

const REGISTER: &str = "/api/v1/auth/register";

/// What came back on the wire.
#[derive(Debug)]
#[expect(dead_code, reason = "`text` is read where a failed test shows the answer")]
struct Wire {
    status: u16,
    is_problem: bool,
    text: String,
}

/// Sends bytes and reads one answer; `None` when the connection was closed without one.
fn exchange(address: &str, request: &[u8]) -> Option<Wire> {
    let mut stream = TcpStream::connect(address).unwrap();
    // Ends a hang.
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // The server may answer and close before it has taken everything.
    let _cut_off = stream.write_all(request);
    let mut answer = Vec::new();
    let mut part = [0_u8; 4096];
    while let Ok(length @ 1..) = stream.read(&mut part) {
        answer.extend_from_slice(&part[..length]);
        if is_complete(&answer) {
            break;
        }
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let is_problem = text
        .to_lowercase()
        .contains("content-type: application/problem+json");
    Some(Wire {
        status,
        is_problem,
        text,
    })
}

fn is_complete(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| length.trim().parse() == Ok(body.len()))
}

fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let fields = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let fields = fields.collect::<Vec<_>>().concat();
    let text = format!(
        "{method} {target} HTTP/1.1\r\nhost: localhost\r\n{fields}content-length: {}\r\n\r\n",
        body.len()
    );
    [text.as_bytes(), body].concat()
}

fn json(body: impl AsRef<[u8]>) -> Vec<u8> {
    request(
        "POST",
        REGISTER,
        &[("content-type", "application/json")],
        body.as_ref(),
    )
}

/// Bodies of a route that anybody may call, with the status that each is due.
fn bodies() -> Vec<(&'static str, Vec<u8>, u16)> {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = format!("{{\"username\":{}1{}}}", "[".repeat(11), "]".repeat(11));
    let keys: Vec<_> = (0..2_000).map(|index| format!("\"k{index}\":0,")).collect();
    let keys = keys.concat();
    let long = format!("{{\"username\":\"{}\"}}", "x".repeat(20_000));
    let account = |username: &str, password: &str| {
        format!("{{\"username\":\"{username}\",\"email\":\"ada@example.org\",\"password\":\"{password}\"}}")
    };
    vec![
        ("empty", json(""), 400),
        ("not JSON", json("username=ada"), 400),
        ("half a document", json("{\"username\":"), 400),
        ("two documents", json("{}{}"), 400),
        ("an array", json("[]"), 400),
        ("a number", json("1e999"), 400),
        ("null", json("null"), 400),
        ("deep", json(deep), 400),
        ("one level too deep", json(nested), 400),
        ("many keys", json(format!("{{{keys}\"z\":0}}")), 400),
        ("a long string", json(long), 400),
        ("bad UTF-8", json(b"{\"username\":\"\xff\xfe\"}"), 400),
        ("overlong UTF-8", json(b"{\"username\":\"\xc0\xaf\"}"), 400),
        ("a lone surrogate", json("{\"username\":\"\\ud800\"}"), 400),
        ("a byte-order mark", json("\u{feff}{}"), 400),
        (
            "a key twice",
            json("{\"username\":\"ada\",\"username\":\"bob\"}"),
            400,
        ),
        (
            "a key twice, escaped",
            json("{\"username\":\"ada\",\"user\\u006eame\":\"bob\"}"),
            400,
        ),
        (
            "NUL in a name",
            json(account("a\\u0000da", "a long enough phrase")),
            400,
        ),
        (
            "NUL in a password",
            json(account("adalovelace", "a long\\u0000 enough phrase")),
            400,
        ),
        ("raw control character", json("{\"username\":\"a\nb\"}"), 400),
        (
            "an unknown field",
            json("{\"username\":\"ada\",\"is_admin\":true}"),
            400,
        ),
        ("a wrong type", json("{\"username\":{\"$ne\":null}}"), 400),
        (
            "SQL in a name",
            json(account("' OR 1=1 --", "a long enough phrase")),
            400,
        ),
        ("too large", json(vec![b' '; (1 << 20) + 1]), 413),
    ]
}

/// Heads, with the statuses that each may be answered with.
fn heads() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let get = |target: &str, headers: &[(&str, &str)]| request("GET", target, headers, b"");
    let chunked = |body: &str| {
        let head = format!(
            "POST {REGISTER} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{body}"
        );
        head.into_bytes()
    };
    vec![
        ("an unknown route", get("/api/v1/nothing", &[]), &[404]),
        ("another version", get("/api/v2/users", &[]), &[400, 404]),
        ("a wrong method", request("DELETE", REGISTER, &[], b""), &[405]),
        ("an invented method", request("BREW", REGISTER, &[], b""), &[404, 405]),
        ("TRACE", request("TRACE", "/api/v1/me", &[], b""), &[404, 405]),
        ("CONNECT", request("CONNECT", "localhost:80", &[], b""), &[400, 404, 405]),
        ("the wrong type", request("POST", REGISTER, &[("content-type", "text/xml")], b"<a/>"), &[415]),
        ("no type", request("POST", REGISTER, &[], b"{}"), &[415]),
        ("another charset", request("POST", REGISTER, &[("content-type", "application/json; charset=utf-16")], b"{}"), &[415]),
        ("compressed", request("POST", REGISTER, &[("content-type", "application/json"), ("content-encoding", "gzip")], b"\x1f\x8b"), &[415]),
        ("nothing acceptable", get("/api/v1/me", &[("accept", "application/vnd.violentutf.v9+json")]), &[406]),
        ("bad percent-encoding", get("/api/v1/users/%zz", &[]), &[400, 401, 404]),
        ("NUL in the path", get("/api/v1/users/%00", &[]), &[400, 401, 404]),
        ("bad UTF-8 in the path", get("/api/v1/users/%ff%fe", &[]), &[400, 401, 404]),
        ("a way out", get("/api/v1/../../etc/passwd", &[]), &[400, 404]),
        ("a long target", get(&format!("/api/v1/me?{}", "x".repeat(9_000)), &[]), &[414]),
        ("a large header", get("/api/v1/me", &[("x-large", &"x".repeat(9_000))]), &[431]),
        ("a huge header", get("/api/v1/me", &[("x-huge", &"x".repeat(200_000))]), &[400, 431]),
        ("two tokens", get("/api/v1/me", &[("authorization", "Bearer a"), ("authorization", "Bearer b")]), &[401]),
        ("a token that is no token", get("/api/v1/me", &[("authorization", "Bearer v4.public.AAAA")]), &[401]),
        ("no chunk at all", chunked("zz\r\n"), &[400]),
        ("a chunk too long", chunked("ffffffffffffffff1\r\n"), &[400, 413]),
        ("a chunk cut short", chunked("5\r\n{}\r\n0\r\n\r\n"), &[400]),
        ("length and chunks", b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(), &[400, 415]),
        ("two lengths", b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n{}  ".to_vec(), &[400]),
        ("a negative length", b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_vec(), &[400]),
        ("not HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[400]),
        ("a header without a name", b"GET / HTTP/1.1\r\n: x\r\n\r\n".to_vec(), &[400]),
        ("NUL in a header", b"GET /api/v1/me HTTP/1.1\r\nhost: x\r\nx-a: a\0b\r\n\r\n".to_vec(), &[400, 401]),
        ("HTTP/3.0", b"GET / HTTP/3.0\r\nhost: x\r\n\r\n".to_vec(), &[400, 505]),
    ]
}

#[tokio::test]
async fn every_malformed_request_is_answered_with_4xx() {
    let world = World::sqlite();
    let mut server = world.server().spawn().unwrap();
    let address = server.base_url().trim_start_matches("http://").to_owned();
    let mut wrong = Vec::new();
    for (name, bytes, status) in bodies() {
        let answer = exchange(&address, &bytes);
        if !answer
            .as_ref()
            .is_some_and(|answer| answer.status == status && answer.is_problem)
        {
            wrong.push(format!("{name}: expected {status}, got {answer:?}"));
        }
    }
    for (name, bytes, statuses) in heads() {
        // What is no HTTP never reaches a route: the parser may answer without a document, or close.
        let by_the_parser = statuses.contains(&400);
        match exchange(&address, &bytes) {
            Some(answer) if statuses.contains(&answer.status) && (answer.is_problem || by_the_parser) => {}
            None if by_the_parser => {}
            answer => wrong.push(format!("{name}: expected {statuses:?}, got {answer:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(server.exited().is_none());
    assert_eq!(server.readiness().map(|(status, _)| status), Some(200));
    assert!(!server.own_logs().contains("panicked"), "{}", server.own_logs());
    assert_eq!(server.terminate().unwrap(), Some(0));
}

/// A good request with each byte damaged: no answer is a 5xx.
#[tokio::test]
async fn damaged_requests_never_make_the_service_fail() {
    let world = World::sqlite();
    let server = world.server().spawn().unwrap();
    let address = server.base_url().trim_start_matches("http://").to_owned();
    let good = json("{\"username\":\"ada\",\"email\":\"ada@example.org\",\"password\":\"short\"}");
    for index in 0..good.len() {
        for byte in [0_u8, 0xff, b'\n'] {
            let mut bad = good.clone();
            bad[index] = byte;
            let status = status_of(&address, &bad);
            let fine = status.is_none_or(|status| (400..500).contains(&status));
            assert!(fine, "byte {index} as {byte}: {status:?}");
        }
    }
    assert_eq!(server.readiness().map(|(status, _)| status), Some(200));
}

/// The length may be what is damaged, so the end of the stream is the end of the request.
fn status_of(address: &str, request: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let _cut_off = stream.write_all(request);
    let _closed = stream.shutdown(std::net::Shutdown::Write);
    let mut head = [0_u8; 12];
    stream.read_exact(&mut head).ok()?;
    std::str::from_utf8(&head)
        .ok()?
        .strip_prefix("HTTP/1.1 ")?
        .parse()
        .ok()
}
