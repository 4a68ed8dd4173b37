//! Mail to persons: the queue is emptied after the transactions that filled it, at least once. Each letter is claimed before it is
//! sent, so that replicas share the work and no two send the same letter. What fails is tried again with growing pauses, so many
//! times and as long as its link is good.

mod line;

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle};
use vutf_identity::mail::{
    Letter, MailReader as _,
    compose::Site,
    deliver::{DeliverError, Settled, Taken, settle, take},
};
use vutf_kernel::{Actor, Ctx, MailError, Mailer, PortError};
use vutf_mail_smtp::{FileMailer, Security, SmtpMailer, SmtpOptions};

use super::{Service, StartError};
use crate::{
    config::{Config, MailDelivery, MailSecurity},
    telemetry::Metrics,
};

/// How often the queue is looked at while nothing waits.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Letters of one round, one after another.
const ROUND: u32 = 16;
/// Who mail is from where nobody said it: only in development.
const FROM: &str = "no-reply@localhost.localdomain";

/// The loop and the way to end it.
pub(super) struct Postman {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

struct Loop {
    service: Service,
    metrics: Arc<Metrics>,
    mailer: Arc<dyn Mailer>,
    site: Site,
    ctx: Ctx,
}

/// What sends mail to persons; `None` where nothing does.
pub(super) fn mailer(config: &Config) -> Result<Option<Arc<dyn Mailer>>, StartError> {
    Ok(match config.mail_delivery() {
        MailDelivery::File => {
            let from = config.mail.from.as_deref().unwrap_or(FROM);
            let mailer = FileMailer::new(&config.mail_directory(), from);
            let mailer = mailer.map_err(|error| StartError::Server(format!("mail.directory: {error}")))?;
            Some(Arc::new(mailer))
        }
        MailDelivery::Log => Some(Arc::new(line::Line)),
        MailDelivery::Off => None,
        MailDelivery::Smtp | MailDelivery::Auto => smtp(config)?,
    })
}

/// The mail server that the configuration names; `None` without one.
pub(super) fn smtp(config: &Config) -> Result<Option<Arc<dyn Mailer>>, StartError> {
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

/// Works on the queue; links in mail lead to `base`.
pub(super) fn spawn(service: Service, metrics: Arc<Metrics>, mailer: Arc<dyn Mailer>, base: &str) -> Postman {
    let (stop, stopped) = watch::channel(false);
    let run = Loop {
        ctx: service.internal(Actor::System { job: "mail".into() }),
        site: Site::new(base),
        service,
        metrics,
        mailer,
    };
    Postman {
        stop,
        task: tokio::spawn(run.run(stopped)),
    }
}

impl Postman {
    /// Lets the attempt that is under way end, and ends.
    pub(super) async fn finish(self, patience: Duration) {
        let _ended_already = self.stop.send(true);
        if tokio::time::timeout(patience, self.task).await.is_err() {
            tracing::warn!("a mail was still under way at the end; it is sent again");
        }
    }
}

impl Loop {
    async fn run(self, mut stopped: watch::Receiver<bool>) {
        loop {
            let pause = match self.round(&stopped).await {
                Ok(0) => LOOK_EVERY,
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(error = %error.chain(), "waiting mail could not be looked at; trying again");
                    LOOK_EVERY * 10
                }
            };
            {
                let _pause = tokio::time::timeout(pause, stopped.wait_for(|stopped| *stopped)).await;
            }
            if *stopped.borrow() {
                return;
            }
        }
    }

    /// How many letters were brought further.
    async fn round(&self, stopped: &watch::Receiver<bool>) -> Result<usize, PortError> {
        let (store, now) = (&self.service.store, self.service.ambient.now());
        let due = store.due(now, ROUND).await?;
        let mut moved = 0;
        for letter in due {
            if *stopped.borrow() {
                break;
            }
            let (id, kind) = (letter.id, letter.kind);
            match self.handle(letter).await {
                Ok(result) => {
                    moved += 1;
                    self.metrics.mail().count(kind, result);
                }
                // What is behind it goes on; it is looked at again in the next round.
                Err(error) => {
                    tracing::warn!(%id, kind = kind.as_str(), error = %chain(&error), "a mail could not be handled");
                }
            }
        }
        self.metrics.mail().set_waiting(store.waiting().await?);
        Ok(moved)
    }

    async fn handle(&self, letter: Letter) -> Result<&'static str, DeliverError> {
        let identity = &self.service.identity;
        // Longer than an attempt can take: until then nobody else begins one.
        let held = self.service.config.mail.timeout * 2 + Duration::from_secs(5);
        let letter = match take(&self.ctx, identity, letter, held).await? {
            Taken::ToSend(letter) => letter,
            Taken::Answered => return Ok("answered"),
            Taken::GivenUp => return Ok(Settled::GivenUp.as_str()),
            Taken::Gone => return Ok("taken_by_another"),
        };
        let (id, kind) = (letter.id, letter.kind.as_str());
        let sent = self.send(&letter).await;
        let reason = sent.as_ref().err().map(|error| error.reason.clone());
        let settled = settle(&self.ctx, identity, letter, sent).await?;
        match (settled, reason) {
            (Settled::Postponed, Some(reason)) => {
                tracing::warn!(%id, kind, reason, "a mail was not taken; it is tried again");
            }
            (Settled::GivenUp, Some(reason)) => {
                tracing::error!(%id, kind, reason, "a mail is given up: its receiver was not told");
            }
            _ => {}
        }
        Ok(settled.as_str())
    }

    async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let mail = self.site.compose(letter).ok_or_else(|| MailError {
            reason: "the letter does not fit together".to_owned(),
            is_final: true,
        })?;
        self.mailer.send(&mail).await
    }
}

fn chain(error: &DeliverError) -> String {
    match error {
        DeliverError::Port(error) => error.chain(),
        other @ DeliverError::NotAllowed => other.to_string(),
    }
}
