//! Problem documents for what never becomes a request.
//!
//! A head that cannot be parsed, is too large or comes too slowly is answered by the HTTP codec below every layer of ours,
//! with an empty body. This stream recognises those answers on their way out and writes the document in their place.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    problem::{Problem, document},
    request::Arrival,
    state::AppState,
};

/// The codec's own answers are shorter; any of ours has more headers than fit.
const LONGEST: usize = 256;

/// A connection.
pub(super) struct Documented<S> {
    inner: S,
    state: Arc<AppState>,
    /// Written in place of what the codec wrote, as far as it is not out yet.
    pending: Vec<u8>,
}

impl<S> Documented<S> {
    pub(super) fn new(inner: S, state: Arc<AppState>) -> Self {
        Self {
            inner,
            state,
            pending: Vec::new(),
        }
    }

    fn replacement(&self, status: StatusCode) -> Vec<u8> {
        let problem = Problem::of_status(status);
        let request_id = Arrival::fresh_id(&self.state);
        tracing::info!(
            target: "vutf_server::access",
            request_id = request_id.as_str(),
            status = status.as_u16(),
            "unparsed"
        );
        let metrics = &self.state.metrics;
        metrics.observe_request("OTHER", "unparsed", status.as_u16(), Duration::ZERO);
        let body = document(&problem, &request_id, "/");
        let reason = status.canonical_reason().unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {} {reason}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
             connection: close\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n\
             api-version: 1\r\nx-request-id: {}\r\n\r\n",
            status.as_u16(),
            body.len(),
            request_id.as_str(),
        );
        [head.into_bytes(), body].concat()
    }
}

impl<S: AsyncWrite + Unpin> Documented<S> {
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.pending))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

/// Where in `buffer` an answer of the codec begins, and its status. It is always the last: the connection ends with it.
fn bare_answer(buffer: &[u8]) -> Option<(usize, StatusCode)> {
    let from = buffer.len().saturating_sub(LONGEST);
    let tail = buffer.get(from..)?;
    let at = tail.windows(9).rposition(|window| window == b"HTTP/1.1 ")?;
    let head = std::str::from_utf8(tail.get(at..)?).ok()?;
    let mut lines = head.strip_suffix("\r\n\r\n")?.split("\r\n");
    let status = lines.next()?.get(9..12)?.parse::<u16>().ok()?;
    let known = [400, 408, 431].contains(&status);
    let mut names = lines.map(|line| line.split(':').next().unwrap_or_default().to_ascii_lowercase());
    let bare = names.all(|name| matches!(name.as_str(), "content-length" | "connection" | "date"));
    let empty = head.to_ascii_lowercase().contains("\r\ncontent-length: 0\r\n");
    (known && bare && empty).then_some((from + at, StatusCode::from_u16(status).ok()?))
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Documented<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_pending(cx))?;
        let Some((at, status)) = bare_answer(buffer) else {
            return Pin::new(&mut this.inner).poll_write(cx, buffer);
        };
        if at > 0 {
            // First what stands before it; the codec will come back with the rest.
            return Pin::new(&mut this.inner).poll_write(cx, buffer.get(..at).unwrap_or_default());
        }
        this.pending = this.replacement(status);
        match this.poll_pending(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What is not out yet goes out with the next write or flush.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(buffer.len())),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_pending(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_pending(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Documented<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(cx, into)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BARE: &str =
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: Sun, 22 Nov 2026 01:00:00 GMT\r\n\r\n";

    #[test]
    fn only_the_codecs_own_answers_are_recognised() {
        assert_eq!(bare_answer(BARE.as_bytes()), Some((0, StatusCode::BAD_REQUEST)));
        let behind = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-request-id: a\r\n\r\n{{}}{BARE}");
        assert_eq!(
            bare_answer(behind.as_bytes()),
            Some((behind.len() - BARE.len(), StatusCode::BAD_REQUEST))
        );
        for other in [
            "HTTP/1.1 204 No Content\r\ndate: x\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nx-request-id: a\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "",
        ] {
            assert_eq!(bare_answer(other.as_bytes()), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_output_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = bare_answer(&bytes);
        }
    }
}
