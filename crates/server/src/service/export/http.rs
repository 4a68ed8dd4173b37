//! The sinks `http` (lines) and `otlp` (logs of OpenTelemetry, in JSON). Any 2xx acknowledges; a collector that says it
//! rejected some of them has not.

use std::{fs, path::PathBuf, time::Duration};

use async_trait::async_trait;
use reqwest::{
    Certificate, Client, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    redirect::Policy,
};
use serde::Deserialize;
use vutf_audit::export::{Exported, Format, Source, otlp_request};
use vutf_kernel::Secret;

use super::sink::{SendError, Sink};
use crate::config::{self, HttpUrl};

/// As much of an answer as is read.
const ANSWER: usize = 64 * 1024;
/// As much of a receiver's words as is repeated.
const WORDS: usize = 200;
/// How long a connection that is not used is kept.
const IDLE: Duration = Duration::from_secs(30);

enum Shape {
    Lines(Format),
    Otlp,
}

pub(super) struct HttpSink {
    url: String,
    shape: Shape,
    authorization: Option<Secret<String>>,
    authorities: Option<PathBuf>,
    timeout: Duration,
    client: Option<Client>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer {
    partial_success: Option<PartialSuccess>,
}

/// Whole numbers of 64 bits are text in the JSON encoding of protobuf; some collectors send numbers.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PartialSuccess {
    rejected_log_records: serde_json::Value,
    error_message: String,
}

impl HttpSink {
    pub(super) fn lines(url: &HttpUrl, settings: &config::HttpSink, timeout: Duration) -> Self {
        Self {
            url: url.as_str().to_owned(),
            shape: Shape::Lines(settings.format),
            authorization: settings.authorization.clone(),
            authorities: settings.ca_file.clone(),
            timeout,
            client: None,
        }
    }

    pub(super) fn otlp(url: &HttpUrl, settings: &config::OtlpSink, timeout: Duration) -> Self {
        Self {
            url: format!("{}/v1/logs", url.as_str().trim_end_matches('/')),
            shape: Shape::Otlp,
            authorization: settings.authorization.clone(),
            authorities: settings.ca_file.clone(),
            timeout,
            client: None,
        }
    }

    /// Made at the first use, and again after a failure: the file of authorities may have been mended.
    fn client(&mut self) -> Result<Client, SendError> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            // A redirect would take the log and the secret elsewhere, and a proxy of the environment would see both.
            .redirect(Policy::none())
            .no_proxy()
            .timeout(self.timeout)
            .pool_idle_timeout(IDLE);
        if let Some(path) = &self.authorities {
            let pem = fs::read(path).map_err(|problem| SendError::File {
                path: path.clone(),
                problem,
            })?;
            let wrong = |problem: String| SendError::Pem {
                path: path.clone(),
                problem,
            };
            let found = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
            if found.is_empty() {
                return Err(wrong("it holds no certificate in PEM".into()));
            }
            builder = builder.tls_certs_only(found);
        }
        let client = builder.build().map_err(|error| self.broken(&error))?;
        Ok(self.client.insert(client).clone())
    }

    fn body(&self, records: &[Exported], source: &Source) -> (&'static str, String) {
        match self.shape {
            Shape::Otlp => ("application/json", otlp_request(records, source).to_string()),
            Shape::Lines(format) => {
                let lines = records.iter().map(|record| format.line(record, source) + "\n");
                (format.media(), lines.collect())
            }
        }
    }

    async fn post(&mut self, media: &'static str, body: String) -> Result<(), SendError> {
        let mut request = self
            .client()?
            .post(&self.url)
            .header(CONTENT_TYPE, media)
            .body(body);
        if let Some(secret) = &self.authorization {
            let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| SendError::Connection {
                to: self.url.clone(),
                problem: "the authorization is no header value".into(),
            })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let response = request.send().await.map_err(|error| self.broken(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(SendError::Status {
                to: self.url.clone(),
                status: status.as_u16(),
            });
        }
        match self.shape {
            Shape::Lines(_) => Ok(()),
            Shape::Otlp => self.whole(response).await,
        }
    }

    /// Whether the collector took all of it.
    async fn whole(&self, mut response: Response) -> Result<(), SendError> {
        let mut answer = Vec::new();
        while answer.len() < ANSWER {
            match response.chunk().await.map_err(|error| self.broken(&error))? {
                Some(chunk) => answer.extend_from_slice(&chunk),
                None => break,
            }
        }
        // One that does not answer in JSON says nothing about a part.
        let answer: Answer = serde_json::from_slice(&answer).unwrap_or_default();
        let Some(partial) = answer.partial_success else {
            return Ok(());
        };
        let rejected = match &partial.rejected_log_records {
            serde_json::Value::String(text) => text.parse().unwrap_or(0),
            other => other.as_u64().unwrap_or(0),
        };
        if rejected == 0 {
            return Ok(());
        }
        Err(SendError::Partial {
            to: self.url.clone(),
            rejected,
            message: partial.error_message.chars().take(WORDS).collect(),
        })
    }

    fn broken(&self, error: &reqwest::Error) -> SendError {
        if error.is_timeout() {
            return SendError::TimedOut {
                to: self.url.clone(),
                limit: self.timeout,
            };
        }
        // The innermost cause says what was wrong; the outer ones repeat the URL.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        SendError::Connection {
            to: self.url.clone(),
            problem: cause.to_string(),
        }
    }
}

#[async_trait]
impl Sink for HttpSink {
    fn name(&self) -> &'static str {
        match self.shape {
            Shape::Lines(_) => "http",
            Shape::Otlp => "otlp",
        }
    }

    fn format(&self) -> &'static str {
        match self.shape {
            Shape::Lines(format) => format.as_str(),
            Shape::Otlp => "otlp",
        }
    }

    async fn send(&mut self, records: &[Exported], source: &Source) -> Result<(), SendError> {
        let (media, body) = self.body(records, source);
        let sent = self.post(media, body).await;
        if sent.is_err() {
            self.client = None;
        }
        sent
    }
}
