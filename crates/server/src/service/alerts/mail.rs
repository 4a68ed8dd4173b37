//! An alert as a mail.

use std::sync::Arc;

use async_trait::async_trait;
use vutf_audit::analysis::alert::{AlertSink, QueuedAlert, Sink, Undelivered};
use vutf_kernel::{Mail, Mailer};

pub(super) struct Letter {
    mailer: Arc<dyn Mailer>,
    to: Vec<String>,
}

impl Letter {
    pub(super) fn new(mailer: Arc<dyn Mailer>, to: Vec<String>) -> Self {
        Self { mailer, to }
    }
}

#[async_trait]
impl AlertSink for Letter {
    fn sink(&self) -> Sink {
        Sink::Mail
    }

    async fn deliver(&self, alert: &QueuedAlert) -> Result<(), Undelivered> {
        let found = &alert.detection;
        let mail = Mail {
            to: self.to.clone(),
            subject: format!("[{}] {}", found.severity, found.title),
            text: format!(
                "{}\n\nRule: {} (version {})\nSeverity: {}\nAbout: {}\nEvents: {} (sequence numbers {} to {})\nFrom {} to {}\n\n\
                 See GET /api/v1/audit/findings/{}\n",
                found.title,
                found.rule,
                found.rule_version,
                found.severity,
                found.key,
                found.events,
                found.first_seq,
                found.last_seq,
                found.first_at,
                found.at,
                found.id
            ),
            html: None,
            link: None,
            reference: format!("finding-{}", found.id),
        };
        self.mailer.send(&mail).await.map_err(|error| Undelivered {
            reason: error.reason,
            is_final: error.is_final,
        })
    }
}
