//! As much of an HTTP client as it takes to set a server up: HTTP/1.0, one request a connection, loopback only.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// How long a server may think.
const PATIENCE: Duration = Duration::from_secs(20);

/// Status and body; a body that is not JSON is null.
pub(super) fn ask(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Result<(u16, Value)> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {}\r\n{}\r\n",
        body.len(),
        headers.collect::<String>()
    );
    stream.write_all(format!("{head}{body}").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer))
}

fn parse(answer: &str) -> Result<(u16, Value)> {
    let (head, body) = answer.split_once("\r\n\r\n").context("half an answer")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((
        status.context("no status")?,
        serde_json::from_str(body).unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_are_read() {
        let (status, body) = parse("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{\"a\":1}").unwrap();
        assert_eq!((status, body["a"].as_u64()), (200, Some(1)));
        assert_eq!(
            parse("HTTP/1.1 204 No Content\r\n\r\n").unwrap(),
            (204, Value::Null)
        );
        assert!(parse("HTTP/1.1 200").is_err());
    }
}
