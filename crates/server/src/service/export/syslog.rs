//! The sink `syslog`, over TLS (RFC 5425) or TCP (RFC 6587).
//!
//! The protocol has no acknowledgement: a batch counts once everything was written and flushed, and the receiver may still lose
//! what it had not read when it died. So the last batch is kept, and sent again at the beginning of each new connection.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use vutf_audit::export::{Exported, Format, Source, frame};

use super::{
    sink::{SendError, Sink},
    tls::TlsFiles,
};
use crate::config::{self, HostPort, SyslogTransport};

trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

pub(super) struct SyslogSink {
    address: HostPort,
    tls: Option<TlsFiles>,
    format: Format,
    timeout: Duration,
    connection: Option<Box<dyn Stream>>,
    last: Vec<u8>,
}

impl SyslogSink {
    pub(super) fn new(address: HostPort, settings: &config::SyslogSink, timeout: Duration) -> Self {
        let files = TlsFiles {
            authorities: settings.ca_file.clone(),
            certificate: settings.cert_file.clone(),
            key: settings.key_file.clone(),
        };
        Self {
            address,
            tls: (settings.transport == SyslogTransport::Tls).then_some(files),
            format: settings.format,
            timeout,
            connection: None,
            last: Vec::new(),
        }
    }

    /// A connection that is in the midst of something is dropped with it: half a frame must not be followed by another.
    async fn deliver(&mut self, frames: &[u8]) -> Result<(), SendError> {
        let known = self.connection.take().map(still_open);
        let mut connection = if let Some(open) = known.flatten() {
            open
        } else {
            let mut fresh = self.connect().await?;
            let again = fresh.write_all(&self.last).await;
            again.map_err(|error| self.broken(&error))?;
            fresh
        };
        let written = async {
            connection.write_all(frames).await?;
            connection.flush().await
        };
        written.await.map_err(|error| self.broken(&error))?;
        self.connection = Some(connection);
        Ok(())
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, SendError> {
        let HostPort { host, port } = &self.address;
        let tcp = TcpStream::connect((host.as_str(), *port)).await;
        let tcp = tcp.map_err(|error| self.broken(&error))?;
        tcp.set_nodelay(true).map_err(|error| self.broken(&error))?;
        let Some(files) = &self.tls else {
            return Ok(Box::new(tcp));
        };
        let name = ServerName::try_from(host.clone()).map_err(|error| self.broken(&error))?;
        let connector = TlsConnector::from(files.config()?);
        let stream = connector.connect(name, tcp).await;
        Ok(Box::new(stream.map_err(|error| self.broken(&error))?))
    }

    fn broken(&self, error: &dyn std::error::Error) -> SendError {
        SendError::Connection {
            to: self.address.to_string(),
            problem: error.to_string(),
        }
    }
}

/// `None` when the receiver has closed it. What it says is not listened to: the protocol has no answers.
fn still_open(mut connection: Box<dyn Stream>) -> Option<Box<dyn Stream>> {
    let mut heard = [0; 512];
    match connection.read(&mut heard).now_or_never() {
        None | Some(Ok(1..)) => Some(connection),
        Some(Ok(0) | Err(_)) => None,
    }
}

#[async_trait]
impl Sink for SyslogSink {
    fn name(&self) -> &'static str {
        "syslog"
    }

    fn format(&self) -> &'static str {
        self.format.as_str()
    }

    async fn send(&mut self, records: &[Exported], source: &Source) -> Result<(), SendError> {
        let messages = records.iter().map(|record| self.format.syslog(record, source));
        let frames = messages
            .map(|message| frame(&message))
            .collect::<String>()
            .into_bytes();
        let limit = self.timeout;
        let sent = tokio::time::timeout(limit, self.deliver(&frames)).await;
        sent.unwrap_or_else(|_elapsed| {
            let to = self.address.to_string();
            Err(SendError::TimedOut { to, limit })
        })?;
        self.last = frames;
        Ok(())
    }
}
