//! An alert as a signed POST. No redirect is followed: it would take the finding to another host.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, StatusCode, header, redirect::Policy};
use serde_json::json;
use vutf_audit::analysis::{
    alert::{AlertSink, QueuedAlert, Sink, Undelivered, signature},
    ocsf::DetectionFinding,
};
use vutf_kernel::{Clock, Secret, SystemClock};

use crate::{config::Alerts, service::StartError};

const SIGNATURE: &str = "X-VUTF-Signature";
/// The same for every attempt, so that a receiver knows what it has.
const DELIVERY: &str = "X-VUTF-Finding";
const CONNECT: Duration = Duration::from_secs(3);

pub(super) struct Webhook {
    http: Client,
    url: String,
    secret: Secret<String>,
}

impl Webhook {
    /// `None` when none is named.
    pub(super) fn new(settings: &Alerts) -> Result<Option<Self>, StartError> {
        let (Some(url), Some(secret)) = (&settings.webhook_url, &settings.webhook_secret) else {
            return Ok(None);
        };
        let http = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT.min(settings.webhook_timeout))
            .timeout(settings.webhook_timeout)
            .pool_idle_timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| StartError::Server(format!("audit.alerts.webhook_url: {error}")))?;
        Ok(Some(Self {
            http,
            url: url.as_str().to_owned(),
            secret: secret.clone(),
        }))
    }
}

#[async_trait]
impl AlertSink for Webhook {
    fn sink(&self) -> Sink {
        Sink::Webhook
    }

    async fn deliver(&self, alert: &QueuedAlert) -> Result<(), Undelivered> {
        let body = json!({
            "type": "audit.finding",
            "id": alert.detection.id,
            "queued_at": alert.queued_at,
            "attempt": alert.attempts.saturating_add(1),
            "finding": DetectionFinding::raised(&alert.detection),
        });
        let body = body.to_string();
        let signed = signature(
            self.secret.expose().as_bytes(),
            SystemClock.now().as_secs(),
            body.as_bytes(),
        );
        let answer = self
            .http
            .post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(SIGNATURE, signed)
            .header(DELIVERY, alert.detection.id.to_string())
            .body(body)
            .send()
            .await;
        // The answer's body is not read.
        match answer {
            Ok(answer) => judge(answer.status()),
            Err(error) if error.is_timeout() => {
                Err(Undelivered::for_now("the webhook did not answer in time"))
            }
            Err(_) => Err(Undelivered::for_now("the webhook could not be reached")),
        }
    }
}

/// A receiver that is set up wrongly may be mended: only what says that this will never be taken is final.
fn judge(status: StatusCode) -> Result<(), Undelivered> {
    match status.as_u16() {
        200..300 => Ok(()),
        300..400 => Err(Undelivered::for_now(format!(
            "the webhook answered {status}, and no redirect is followed"
        ))),
        410 => Err(Undelivered::for_good("the webhook is gone (410)")),
        _ => Err(Undelivered::for_now(format!("the webhook answered {status}"))),
    }
}
