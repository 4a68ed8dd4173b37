//! An alert as a mail.

use std::sync::Arc;

use async_trait::async_trait;
use vutf_audit::analysis::alert::{AlertSink, QueuedAlert, Sink, Undelivered};
use vutf_kernel::{Mail, Mailer};
use vutf_mail_smtp::{Security, SmtpMailer, SmtpOptions};

use crate::{
    config::{Config, MailSecurity},
    service::StartError,
};

pub(super) struct Letter {
    mailer: Arc<dyn Mailer>,
    to: Vec<String>,
}

/// The mailer that the configuration names; `None` without a server.
pub(super) fn mailer(config: &Config) -> Result<Option<Arc<dyn Mailer>>, StartError> {
    let mail = &config.mail;
    let Some(host) = &mail.host else {
        return Ok(None);
    };
    let options = SmtpOptions {
        host: host.clone(),
        port: mail.port,
        security: match mail.security {
            MailSecurity::Tls => Security::Tls,
            MailSecurity::Starttls => Security::StartTls,
            MailSecurity::None => Security::None,
        },
        credentials: mail.username.clone().zip(mail.password.clone()),
        from: mail.from.clone().unwrap_or_default(),
        timeout: mail.timeout,
    };
    let mailer = SmtpMailer::new(options).map_err(|error| StartError::Server(format!("mail: {error}")))?;
    Ok(Some(Arc::new(mailer)))
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
            reference: format!("finding-{}", found.id),
        };
        self.mailer.send(&mail).await.map_err(|error| Undelivered {
            reason: error.reason,
            is_final: error.is_final,
        })
    }
}
