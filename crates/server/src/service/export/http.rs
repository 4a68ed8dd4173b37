//! The sinks `http` (lines) and `otlp` (logs of OpenTelemetry, in JSON). Any 2xx acknowledges lines. A collector must say it
//! in OTLP: one that rejected some of the records, or whose answer cannot be read, has not.

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
    error_message: Option<String>,
}

impl Answer {
    /// What a collector said. No words at all are its full success (OTLP 1.7, "Full Success").
    fn read(text: &[u8]) -> Result<Self, String> {
        if text.len() > ANSWER {
            return Err(format!("it is longer than {ANSWER} bytes"));
        }
        if text.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(text).map_err(|error| error.to_string())
    }

    /// How many records it did not take, and why, in its words.
    fn rejected(self) -> Result<(u64, String), String> {
        let partial = self.partial_success.unwrap_or_default();
        let number = match &partial.rejected_log_records {
            serde_json::Value::Null => Some(0),
            serde_json::Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        };
        let message = partial.error_message.unwrap_or_default();
        let number = number.ok_or_else(|| "rejectedLogRecords is no count".to_owned())?;
        Ok((number, message.chars().take(WORDS).collect()))
    }
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
        while answer.len() <= ANSWER {
            match response.chunk().await.map_err(|error| self.broken(&error))? {
                Some(chunk) => answer.extend_from_slice(&chunk),
                None => break,
            }
        }
        let to = || self.url.clone();
        match Answer::read(&answer).and_then(Answer::rejected) {
            Ok((0, _)) => Ok(()),
            Ok((rejected, message)) => Err(SendError::Partial {
                to: to(),
                rejected,
                message,
            }),
            Err(problem) => Err(SendError::Unclear { to: to(), problem }),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(text: &str) -> Result<(u64, String), String> {
        Answer::read(text.as_bytes()).and_then(Answer::rejected)
    }

    #[test]
    fn what_a_collector_rejected_is_read_whatever_else_it_says() {
        for (text, count, words) in [
            ("", 0, ""),
            ("{}", 0, ""),
            (r#"{"partialSuccess":null}"#, 0, ""),
            (r#"{"partialSuccess":{}}"#, 0, ""),
            (
                r#"{"partialSuccess":{"errorMessage":"slow down"}}"#,
                0,
                "slow down",
            ),
            (
                r#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":null}}"#,
                2,
                "",
            ),
            (
                r#"{"partialSuccess":{"rejectedLogRecords":3,"errorMessage":"old"},"more":1}"#,
                3,
                "old",
            ),
        ] {
            assert_eq!(rejected(text), Ok((count, words.to_owned())), "{text}");
        }
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_no_acknowledgement() {
        let long = format!(r#"{{"x":"{}"}}"#, "y".repeat(ANSWER));
        for text in [
            "accepted",
            r#"{"partialSuccess":{"rejectedLogRecords":1"#,
            r#"{"partialSuccess":{"rejectedLogRecords":"some"}}"#,
            r#"{"partialSuccess":{"rejectedLogRecords":-1}}"#,
            r#"{"partialSuccess":{"errorMessage":7}}"#,
            &long,
        ] {
            assert!(rejected(text).is_err(), "{text:.60}");
        }
    }
}
