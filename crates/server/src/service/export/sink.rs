//! A receiver of the log.

use std::{io, path::PathBuf, time::Duration};

use async_trait::async_trait;
use vutf_audit::export::{Exported, Source};

use super::{file::FileSink, http::HttpSink, syslog::SyslogSink};
use crate::config::Export;

/// Takes records, in their order.
#[async_trait]
pub(super) trait Sink: Send + Sync {
    /// Its stable name: the key of its position, and a label.
    fn name(&self) -> &'static str;
    /// In which format it is sent, for the position.
    fn format(&self) -> &'static str;
    /// Returns when the receiver has acknowledged all of `records`, as far as it can. It bounds its own time.
    async fn send(&mut self, records: &[Exported], source: &Source) -> Result<(), SendError>;
}

/// Why records were not acknowledged. No text holds a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// A file cannot be read or written.
    #[error("{}: {problem}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: io::Error,
    },
    /// It holds no certificate or key in PEM.
    #[error("{}: {problem}", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The connection cannot be made, or broke.
    #[error("{to}: {problem}")]
    Connection {
        /// Whom it leads to.
        to: String,
        /// Why.
        problem: String,
    },
    /// The receiver refused.
    #[error("{to} answered {status}")]
    Status {
        /// Who.
        to: String,
        /// With which status.
        status: u16,
    },
    /// The receiver took a part only.
    #[error("{to} rejected {rejected} records: {message}")]
    Partial {
        /// Who.
        to: String,
        /// How many it did not take.
        rejected: u64,
        /// Why, in its words, cut to 200 characters.
        message: String,
    },
    /// The receiver answered with success, and in words that do not tell whether it took them.
    #[error("{to} answered what does not tell whether it took the records: {problem}")]
    Unclear {
        /// Who.
        to: String,
        /// What is wrong with the answer.
        problem: String,
    },
    /// It took too long.
    #[error("{to} did not acknowledge within {} ms", limit.as_millis())]
    TimedOut {
        /// Who.
        to: String,
        /// The bound.
        limit: Duration,
    },
}

/// Every sink that is configured, always in the same order.
pub(super) fn all(settings: &Export) -> Vec<Box<dyn Sink>> {
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(path) = &settings.file.path {
        sinks.push(Box::new(FileSink::new(path.clone(), &settings.file)));
    }
    if let Some(address) = &settings.syslog.address {
        let sink = SyslogSink::new(address.clone(), &settings.syslog, settings.timeout);
        sinks.push(Box::new(sink));
    }
    if let Some(url) = &settings.http.url {
        sinks.push(Box::new(HttpSink::lines(url, &settings.http, settings.timeout)));
    }
    if let Some(url) = &settings.otlp.url {
        sinks.push(Box::new(HttpSink::otlp(url, &settings.otlp, settings.timeout)));
    }
    sinks
}
