//! Asks a listener on this machine or elsewhere whether it is ready: one request of HTTP/1.1, and no client to carry along.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(5);
/// The answer of `/health/ready` is shorter than this; whatever is longer is not ours.
const LONGEST: u64 = 16 * 1024;

/// What answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// This service, with its word for how it is.
    Service {
        /// Whether requests should be sent to it.
        ready: bool,
        /// `ready`, `degraded`, `not_ready`.
        status: String,
    },
    /// Something else.
    Stranger,
}

/// Asks for `/health/ready`. The error is that of the connection.
pub(super) fn ask(address: SocketAddr) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!(
        "GET /health/ready HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(judge(&String::from_utf8_lossy(&bytes)))
}

fn judge(answer: &str) -> Answer {
    let parsed = answer.split_once("\r\n\r\n").and_then(|(head, body)| {
        let code = head.split(' ').nth(1)?;
        let body: Value = serde_json::from_str(between_braces(body)?).ok()?;
        // A problem document has a number there.
        let status = body.get("status")?.as_str()?.to_owned();
        let ready = code == "200";
        Some(Answer::Service { ready, status })
    });
    parsed.unwrap_or(Answer::Stranger)
}

/// The object in the body, whether that comes in one piece or in chunks.
fn between_braces(body: &str) -> Option<&str> {
    body.get(body.find('{')?..=body.rfind('}')?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_answer_is_ready_or_not_or_a_strangers() {
        let ready = "HTTP/1.1 200 OK\r\nx: y\r\n\r\n{\"status\":\"ready\"}";
        let status = |status: &str, ready| Answer::Service {
            ready,
            status: status.to_owned(),
        };
        assert_eq!(judge(ready), status("ready", true));
        let chunked = "HTTP/1.1 503 Service Unavailable\r\n\r\n16\r\n{\"status\":\"not_ready\"}\r\n0\r\n\r\n";
        assert_eq!(judge(chunked), status("not_ready", false));
        for stranger in [
            "",
            "SSH-2.0-OpenSSH",
            "HTTP/1.1 200 OK\r\n\r\nhello",
            "HTTP/1.1 404 Not Found\r\n\r\n{\"status\":404}",
            "HTTP/1.1 200 OK\r\n\r\n}{",
        ] {
            assert_eq!(judge(stranger), Answer::Stranger, "{stranger:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_judged(text in ".*") {
            judge(&text);
            judge(&format!("HTTP/1.1 200 OK\r\n\r\n{text}"));
        }
    }
}
